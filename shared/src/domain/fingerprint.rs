//! A hash of a JSON value that does not change when only the order of keys or the white space does.
//!
//! One pass over the bytes: no tree is built. It also finds, on the way, what Postgres could not store as `jsonb`, so that
//! one such record is reported by itself instead of failing its whole batch; and it shows the members of the outermost
//! object, so that whoever wants a few values of a record need not read it again.

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

/// Nesting beyond this is refused; real vendors stay below 20.
const MAX_DEPTH: usize = 128;

/// 128 bits, stored as 16 bytes big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// As stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// Valid JSON that Postgres cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unstorable {
    /// `\u0000` in a string.
    #[error("a string holds the character U+0000, which Postgres cannot store")]
    NulCharacter,
    /// Half of a surrogate pair.
    #[error("a string holds half of a surrogate pair")]
    LoneSurrogate,
    /// Deeper than 128 levels.
    #[error("nested more than 128 levels deep")]
    TooDeep,
    /// An exponent whose digits Postgres' numeric cannot hold.
    #[error("a number is too large")]
    NumberTooLarge,
    /// Not JSON after all.
    #[error("not valid JSON")]
    NotJson,
}

/// Hashes one JSON value.
///
/// Two texts of the same value get the same hash when they differ in white space and in the order of keys; numbers
/// and strings are compared by their spelling, so no decimal is ever rounded.
///
/// # Errors
/// [`Unstorable`], when Postgres could not hold the value as `jsonb`.
pub fn fingerprint(json: &[u8]) -> Result<Fingerprint, Unstorable> {
    scan(json, |_, _| {})
}

/// The same, and shows each member of the outermost object where the value is one: its key, in quotes and as it is spelled,
/// and its value. What was shown is worth nothing where it fails.
///
/// # Errors
/// [`Unstorable`], when Postgres could not hold the value as `jsonb`.
pub fn fingerprint_showing<'j>(
    json: &'j str,
    mut show: impl FnMut(&'j str, &'j str),
) -> Result<Fingerprint, Unstorable> {
    scan(json.as_bytes(), |key, value| show(&json[key], &json[value]))
}

fn scan(
    json: &[u8],
    show: impl FnMut(Range<usize>, Range<usize>),
) -> Result<Fingerprint, Unstorable> {
    let mut scan = Scan {
        json,
        at: 0,
        show,
        spelled: Vec::new(),
    };
    scan.white();
    let hash = scan.value(0)?;
    scan.white();
    if scan.at == json.len() {
        Ok(Fingerprint(hash))
    } else {
        Err(Unstorable::NotJson)
    }
}

// Seeds keep an array apart from an object of the same hashes.
const OBJECT: u64 = 1;
const ARRAY: u64 = 2;
const MEMBER: u64 = 3;

struct Scan<'a, S> {
    json: &'a [u8],
    at: usize,
    show: S,
    /// A member without the white space within it.
    spelled: Vec<u8>,
}

impl<S: FnMut(Range<usize>, Range<usize>)> Scan<'_, S> {
    fn peek(&self) -> Result<u8, Unstorable> {
        self.json.get(self.at).copied().ok_or(Unstorable::NotJson)
    }

    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.json.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<u128, Unstorable> {
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => Ok(xxh3_128(&self.json[self.scalar()?])),
        }
    }

    fn object(&mut self, depth: usize) -> Result<u128, Unstorable> {
        // A sum does not depend on the order of its terms; two equal members would not cancel out as with xor.
        let (mut sum, mut members) = (0_u128, 0_u64);
        self.items(depth, b'}', |scan| {
            sum = sum.wrapping_add(scan.member(depth)?);
            members += 1;
            Ok(())
        })?;
        Ok(pair(sum, u128::from(members), OBJECT))
    }

    fn member(&mut self, depth: usize) -> Result<u128, Unstorable> {
        let key = self.string()?;
        self.white();
        self.expect(b':')?;
        self.white();
        let start = self.at;
        let hash = if let b'{' | b'[' = self.peek()? {
            let value = self.value(depth + 1)?;
            pair(xxh3_128(&self.json[key.clone()]), value, MEMBER)
        } else {
            let value = self.scalar()?;
            if value.start == key.end + 1 {
                xxh3_128(&self.json[key.start..value.end])
            } else {
                self.spelled.clear();
                self.spelled.extend_from_slice(&self.json[key.clone()]);
                self.spelled.push(b':');
                self.spelled.extend_from_slice(&self.json[value]);
                xxh3_128(&self.spelled)
            }
        };
        if depth == 0 {
            (self.show)(key, start..self.at);
        }
        Ok(hash)
    }

    fn array(&mut self, depth: usize) -> Result<u128, Unstorable> {
        let mut chain = 0_u128;
        self.items(depth, b']', |scan| {
            chain = pair(chain, scan.value(depth + 1)?, MEMBER);
            Ok(())
        })?;
        Ok(pair(chain, 0, ARRAY))
    }

    fn items(
        &mut self,
        depth: usize,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Unstorable>,
    ) -> Result<(), Unstorable> {
        if depth >= MAX_DEPTH {
            return Err(Unstorable::TooDeep);
        }
        self.at += 1;
        self.white();
        if self.peek()? == close {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            self.white();
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b',' => self.white(),
                _ if byte == close => return Ok(()),
                _ => return Err(Unstorable::NotJson),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unstorable> {
        if self.peek()? != byte {
            return Err(Unstorable::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    /// A value that holds no others.
    fn scalar(&mut self) -> Result<Range<usize>, Unstorable> {
        let start = self.at;
        match self.peek()? {
            b'"' => return self.string(),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Ok(start..self.at)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Unstorable> {
        if !self.json[self.at..].starts_with(word) {
            return Err(Unstorable::NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Unstorable> {
        self.skip(b"-");
        if !self.skip(b"0") {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if !self.skip(b"eE") {
            return Ok(());
        }
        let exponent = self.at;
        self.skip(b"+-");
        self.digits()?;
        let exponent = std::str::from_utf8(&self.json[exponent..self.at]);
        let exponent = exponent.ok().and_then(|text| text.parse::<i32>().ok());
        // Postgres' numeric holds 131,072 digits before and 16,383 after the point.
        match exponent {
            Some(-10_000..=100_000) => Ok(()),
            _ => Err(Unstorable::NumberTooLarge),
        }
    }

    /// Passes over one of these bytes, if one is there.
    fn skip(&mut self, bytes: &[u8]) -> bool {
        let found = self
            .json
            .get(self.at)
            .is_some_and(|byte| bytes.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), Unstorable> {
        let count = self.json[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            return Err(Unstorable::NotJson);
        }
        Ok(())
    }

    /// A string; where it is, quotes included.
    fn string(&mut self) -> Result<Range<usize>, Unstorable> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            self.plain();
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                // A control character.
                _ => return Err(Unstorable::NotJson),
            }
        }
        self.at += 1;
        Ok(start..self.at)
    }

    /// Passes over what stands for itself in a string, eight bytes at a time.
    fn plain(&mut self) {
        while let Some(eight) = self.json[self.at..].first_chunk() {
            let special = special_bytes(u64::from_le_bytes(*eight));
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while let Some(byte) = self.json.get(self.at)
            && !matches!(byte, b'"' | b'\\' | 0..0x20)
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Unstorable> {
        match self.json.get(self.at + 1) {
            Some(b'u') => {}
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(());
            }
            _ => return Err(Unstorable::NotJson),
        }
        let unit = self.unit(self.at)?;
        self.at += 6;
        match unit {
            0 => Err(Unstorable::NulCharacter),
            0xD800..=0xDBFF => {
                let paired = self.json.get(self.at..self.at + 2) == Some(b"\\u")
                    && matches!(self.unit(self.at)?, 0xDC00..=0xDFFF);
                if !paired {
                    return Err(Unstorable::LoneSurrogate);
                }
                self.at += 6;
                Ok(())
            }
            0xDC00..=0xDFFF => Err(Unstorable::LoneSurrogate),
            _ => Ok(()),
        }
    }

    fn unit(&self, escape: usize) -> Result<u16, Unstorable> {
        self.json
            .get(escape + 2..escape + 6)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or(Unstorable::NotJson)
    }
}

/// The high bit of each of eight bytes that is a quote, a backslash or a control character; above the lowest such bit,
/// others may be set by mistake.
fn special_bytes(eight: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let below = |bytes: u64, bound: u8| bytes.wrapping_sub(ONES * u64::from(bound)) & !bytes;
    let equal = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | below(eight, 0x20)) & HIGH
}

fn pair(a: u128, b: u128, seed: u64) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_be_bytes());
    bytes[16..].copy_from_slice(&b.to_be_bytes());
    xxh3_128_with_seed(&bytes, seed)
}

#[cfg(test)]
mod tests;
