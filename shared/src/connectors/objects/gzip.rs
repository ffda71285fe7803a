//! Unpacks gzip as it comes, never much more at once than is asked for.

use std::fmt;
use std::io::{Error, ErrorKind, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

/// Of these packed bytes at most a thousand times as many can come.
const SIP: usize = 4 << 10;

/// What every file begins with that gzip has packed.
pub(super) const MAGIC: &[u8] = &[0x1f, 0x8b];

/// A file on its way. Several that were put one after the other are one.
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: Bytes,
    is_broken: bool,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            decoder: MultiGzDecoder::new(Vec::new()),
            packed: Bytes::new(),
            is_broken: false,
        }
    }

    /// Whether more has to be fed before more comes.
    pub(super) fn is_hungry(&self) -> bool {
        self.packed.is_empty()
    }

    pub(super) fn feed(&mut self, packed: Bytes) {
        self.packed = packed;
    }

    /// What the next sip gives.
    pub(super) fn sip(&mut self) -> Result<Vec<u8>, Error> {
        if self.is_broken {
            return Err(ErrorKind::InvalidData.into());
        }
        let sip = self.packed.len().min(SIP);
        let taken = self.decoder.write(&self.packed[..sip]);
        self.is_broken = taken.is_err();
        let taken = taken?;
        let _ = self.packed.split_to(taken);
        Ok(std::mem::take(self.decoder.get_mut()))
    }

    /// What is left when nothing more is fed; fails where the file breaks off.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Error> {
        self.decoder.try_finish()?;
        Ok(std::mem::take(self.decoder.get_mut()))
    }
}

impl fmt::Debug for Gunzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gunzip")
    }
}
