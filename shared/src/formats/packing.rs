//! Compression of a whole file on its way, whatever its format.

use std::fmt;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::FormatError;
use crate::domain::Packing;

impl Packing {
    /// What the file's name ends with, behind the ending of its format.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`FormatError::Packing`], when there is no memory for it.
    pub fn packer(self) -> Result<Packer, FormatError> {
        let stage = match self {
            Self::None => Stage::None,
            Self::Gzip => Stage::Gzip(GzEncoder::new(Vec::new(), GZIP_LEVEL)),
            Self::Zstd => Stage::Zstd(zstd(Vec::new()).map_err(refused)?),
        };
        Ok(Packer(stage))
    }
}

/// Compresses one file. What it appends comes later than what it is given: some 100 KB wait in it.
pub struct Packer(Stage);

enum Stage {
    None,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Zstd),
}

type Zstd = zstd::stream::write::Encoder<'static, Vec<u8>>;

/// A quarter of the time of the usual 6 for a fifth more bytes: who wants small files takes zstd, which is faster still.
const GZIP_LEVEL: Compression = Compression::new(2);
/// The library's own choice.
const ZSTD_LEVEL: i32 = 3;

fn zstd(into: Vec<u8>) -> io::Result<Zstd> {
    let mut encoder = Zstd::new(into, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn refused(cause: io::Error) -> FormatError {
    FormatError::Packing { cause }
}

impl Packer {
    /// Takes a piece of the file and appends to `out` what is ready.
    ///
    /// # Errors
    /// [`FormatError::Packing`]; the file is lost then.
    pub fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), FormatError> {
        match &mut self.0 {
            Stage::None => out.extend_from_slice(chunk),
            Stage::Gzip(encoder) => {
                encoder.write_all(chunk).map_err(refused)?;
                out.append(encoder.get_mut());
            }
            Stage::Zstd(encoder) => {
                encoder.write_all(chunk).map_err(refused)?;
                out.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    /// Appends the rest.
    ///
    /// # Errors
    /// [`FormatError::Packing`]; the file is lost then.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let rest = match self.0 {
            Stage::None => return Ok(()),
            Stage::Gzip(encoder) => encoder.finish(),
            Stage::Zstd(encoder) => encoder.finish(),
        };
        out.append(&mut rest.map_err(refused)?);
        Ok(())
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::None => "Packer(None)",
            Stage::Gzip(_) => "Packer(Gzip)",
            Stage::Zstd(_) => "Packer(Zstd)",
        })
    }
}

#[cfg(test)]
mod tests;
