//! A hash of a JSON value that does not change when only the order of keys or the white space does.
//!
//! One pass over bytes that are known to be JSON: no tree is built. It also finds, on the way, what Postgres could
//! not store as `jsonb`, so that one such record is reported by itself instead of failing its whole batch.

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
    let mut scan = Scan { json, at: 0 };
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

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Result<u8, Unstorable> {
        self.json.get(self.at).copied().ok_or(Unstorable::NotJson)
    }

    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.json.get(self.at) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<u128, Unstorable> {
        if depth > MAX_DEPTH {
            return Err(Unstorable::TooDeep);
        }
        self.white();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<u128, Unstorable> {
        // A sum does not depend on the order of its terms; two equal members would not cancel out as with xor.
        let (mut sum, mut members) = (0_u128, 0_u64);
        self.items(b'}', |scan| {
            scan.white();
            let key = scan.string()?;
            scan.white();
            scan.expect(b':')?;
            let value = scan.value(depth + 1)?;
            sum = sum.wrapping_add(pair(key, value, MEMBER));
            members += 1;
            Ok(())
        })?;
        Ok(pair(sum, u128::from(members), OBJECT))
    }

    fn array(&mut self, depth: usize) -> Result<u128, Unstorable> {
        let mut chain = 0_u128;
        self.items(b']', |scan| {
            chain = pair(chain, scan.value(depth + 1)?, MEMBER);
            Ok(())
        })?;
        Ok(pair(chain, 0, ARRAY))
    }

    fn items(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Unstorable>,
    ) -> Result<(), Unstorable> {
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
                b',' => {}
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

    fn string(&mut self) -> Result<u128, Unstorable> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Ok(xxh3_128(&self.json[start..self.at]))
    }

    fn escape(&mut self) -> Result<(), Unstorable> {
        if self.json.get(self.at + 1) != Some(&b'u') {
            self.at += 2;
            return Ok(());
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
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or(Unstorable::NotJson)
    }

    fn scalar(&mut self) -> Result<u128, Unstorable> {
        let start = self.at;
        while let Some(byte) = self.json.get(self.at) {
            if matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t') {
                break;
            }
            self.at += 1;
        }
        let text = &self.json[start..self.at];
        if text.is_empty() {
            return Err(Unstorable::NotJson);
        }
        if let Some(mark) = text.iter().position(|b| matches!(b, b'e' | b'E'))
            && text[0] != b't'
            && text[0] != b'f'
        {
            let exponent = std::str::from_utf8(&text[mark + 1..])
                .ok()
                .and_then(|e| e.parse::<i32>().ok());
            // Postgres' numeric holds 131,072 digits before and 16,383 after the point.
            if !exponent.is_some_and(|e| (-10_000..=100_000).contains(&e)) {
                return Err(Unstorable::NumberTooLarge);
            }
        }
        Ok(xxh3_128(text))
    }
}

fn pair(a: u128, b: u128, seed: u64) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_be_bytes());
    bytes[16..].copy_from_slice(&b.to_be_bytes());
    xxh3_128_with_seed(&bytes, seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn of(json: &str) -> Result<Fingerprint, Unstorable> {
        fingerprint(json.as_bytes())
    }

    #[test]
    fn the_order_of_keys_and_white_space_do_not_matter() {
        assert_eq!(
            of(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
            of("{ \"b\": {\"d\":null,\n\"c\":[ 1 ,2]}, \"a\":1 }")
        );
    }

    #[test]
    fn the_order_of_an_array_a_moved_value_and_the_last_digit_do_matter() {
        for (a, b) in [
            ("[1,2]", "[2,1]"),
            (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#),
            (r#"{"a":[]}"#, r#"{"a":{}}"#),
            ("12345678901234567890.01", "12345678901234567890.02"),
            (r#"{"a":"1"}"#, r#"{"a":1}"#),
            (r#"[[1],[2]]"#, r#"[[1,2]]"#),
            (r#"{"a":{"b":1}}"#, r#"{"b":{"a":1}}"#),
            ("[null]", "[]"),
        ] {
            assert_ne!(of(a).unwrap(), of(b).unwrap(), "{a} {b}");
        }
    }

    #[test]
    fn what_postgres_cannot_hold_is_named() {
        assert_eq!(of(r#"{"a":"x\u0000"}"#), Err(Unstorable::NulCharacter));
        assert_eq!(of(r#"["\ud83d"]"#), Err(Unstorable::LoneSurrogate));
        assert_eq!(of(r#"["\ude00"]"#), Err(Unstorable::LoneSurrogate));
        assert!(of(r#"["\ud83d\ude00 \\u0000"]"#).is_ok());
        assert_eq!(of("1e200000"), Err(Unstorable::NumberTooLarge));
        assert_eq!(of(&"[".repeat(200)), Err(Unstorable::TooDeep));
        assert!(of("[1e10,true,false]").is_ok());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[^\u{0}]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[^\u{0}]{0,8}", inner, 0..6)
                    .prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn pretty_printing_changes_nothing_and_only_equal_values_agree(a in any_json(), b in any_json()) {
            let (plain, pretty) = (a.to_string(), serde_json::to_string_pretty(&a).unwrap());
            prop_assert_eq!(of(&plain), of(&pretty));
            prop_assert_eq!(of(&plain) == of(&b.to_string()), a == b);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = fingerprint(&bytes);
        }
    }
}
