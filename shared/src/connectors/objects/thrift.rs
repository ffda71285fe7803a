//! Thrift's compact protocol, as far as it takes to judge what a Parquet file says of itself before the library believes it.
//!
//! The library reads a member by its number alone, whatever kind it says to be of. So here the kind has to be the right one:
//! else the two would read different things in the same bytes.

use std::io::{Error, ErrorKind, Read, Result};

/// Kinds of members.
pub(super) const BYTE: u8 = 3;
const INTEGER: u8 = 5;
pub(super) const LONG: u8 = 6;
pub(super) const BINARY: u8 = 8;
const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// Nothing in Parquet is nested as deeply as this.
const DEPTH: u32 = 32;

/// Reads on and on, and counts.
pub(super) struct Thrift<R> {
    input: R,
    pub(super) used: u64,
}

impl<R: Read> Thrift<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, used: 0 }
    }

    /// Each member of a struct, by its number and its kind; whoever is given it has to read it.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, i16, u8) -> Result<()>,
    ) -> Result<()> {
        let mut last = 0;
        while let Some((number, kind)) = self.next_member(&mut last)? {
            member(self, number, kind)?;
        }
        Ok(())
    }

    /// The number and kind of the next member after the one numbered `last`; `None` at the end of the struct.
    pub(super) fn next_member(&mut self, last: &mut i16) -> Result<Option<(i16, u8)>> {
        let byte = self.byte()?;
        let (step, kind) = (byte >> 4, byte & 0x0f);
        if kind == 0 {
            return Ok(None);
        }
        let number = match step {
            0 => i16::try_from(self.signed()?).ok(),
            step => last.checked_add(i16::from(step)),
        };
        *last = number.ok_or_else(|| wrong("a member has no number"))?;
        Ok(Some((*last, kind)))
    }

    /// The kind of the elements of a list that follows, and how many there are.
    pub(super) fn list(&mut self, kind: u8) -> Result<(u8, u64)> {
        is(kind, LIST)?;
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Ok((byte & 0x0f, count))
    }

    /// A member of 32 bits.
    pub(super) fn number(&mut self, kind: u8) -> Result<i32> {
        is(kind, INTEGER)?;
        i32::try_from(self.signed()?).map_err(|_| wrong("a number is too large"))
    }

    /// A member that is yes or no; its kind says which.
    pub(super) fn flag(&mut self, kind: u8) -> Result<()> {
        if matches!(kind, 1 | 2) {
            return Ok(());
        }
        Err(wrong("a member is of another kind than it should be"))
    }

    /// Passes over a member of the kind that it has to be.
    pub(super) fn pass(&mut self, kind: u8, right: u8) -> Result<()> {
        is(kind, right)?;
        self.skip(kind)
    }

    /// Passes over whatever it is.
    pub(super) fn skip(&mut self, kind: u8) -> Result<()> {
        self.skip_within(kind, DEPTH)
    }

    fn skip_within(&mut self, kind: u8, depth: u32) -> Result<()> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| wrong("members are nested too deeply"))?;
        match kind {
            1 | 2 => Ok(()),
            BYTE => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.bytes(8),
            BINARY => self.varint().and_then(|length| self.bytes(length)),
            LIST | 10 => {
                let (kind, count) = self.list(LIST)?;
                // The library takes those of yes and no for elements of no bytes, of which there can be any number.
                if matches!(kind, 1 | 2) && count > 0 {
                    return Err(wrong("a list is of a kind that is not expected"));
                }
                (0..count).try_for_each(|_| self.skip_within(kind, depth))
            }
            STRUCT => self.members(|thrift, _, kind| thrift.skip_within(kind, depth)),
            13 => self.bytes(16),
            _ => Err(wrong("a member is of a kind that is not expected")),
        }
    }

    fn bytes(&mut self, count: u64) -> Result<()> {
        let passed = std::io::copy(&mut self.input.by_ref().take(count), &mut std::io::sink())?;
        self.used += passed;
        if passed < count {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        self.used += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(wrong("a number is too long"))
    }

    /// Signed numbers are folded: even ones are not negative.
    fn signed(&mut self) -> Result<i64> {
        let folded = self.varint()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }
}

fn is(kind: u8, right: u8) -> Result<()> {
    if kind == right {
        return Ok(());
    }
    Err(wrong("a member is of another kind than it should be"))
}

/// What is not as it should be.
pub(super) fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}
