//! A Parquet object of which the library reads any part, and what it may be asked to believe of it: pages and a footer of
//! bounded length, before any room is made for them.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use tokio::runtime::Handle;

use super::page_header::{self, MAX_PAGE_BYTES};
use super::schema::{self, MAX_FOOTER_BYTES};
use super::thrift::wrong;
use crate::blobs::{Bucket, NotRead, Piece};

/// What is fetched at once.
const BLOCK_BYTES: u64 = 512 << 10;
/// Of how many blocks the bytes are kept: columns are read side by side.
const BLOCKS: usize = 32;
/// What packing may add to a page that gets no shorter by it.
const PACKING_BYTES: u64 = 1 << 20;
/// At the end of every file: how long the footer before it is, and four letters.
const TAIL_BYTES: usize = 8;

/// An object of which any part can be read.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    bucket: Bucket,
    key: Arc<str>,
    etag: Arc<str>,
    size: u64,
    fetched: Arc<Mutex<Fetched>>,
    runtime: Handle,
}

/// What was fetched of it.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// By their numbers, the one used last at the end.
    blocks: VecDeque<(u64, Bytes)>,
    pub(super) requests: u32,
    /// Where the pages of the row group that is read are packed by gzip.
    pub(super) gzipped: Vec<Range<u64>>,
    /// By where the pages begin whose headers were read: how many bytes of them are never packed.
    plain: HashMap<u64, u64>,
    /// Why the last request brought nothing; the library would only say that it failed.
    pub(super) failed: Option<NotRead>,
}

impl Fetched {
    /// The blocks that a piece from the beginning holds whole.
    fn of(piece: &Piece) -> Self {
        let whole = piece.bytes.len() as u64 == piece.size;
        let blocks = (0..).map_while(|number: u64| {
            let begin = usize::try_from(number * BLOCK_BYTES).ok()?;
            let end = begin + usize::try_from(BLOCK_BYTES).ok()?;
            let end = if whole {
                end.min(piece.bytes.len())
            } else {
                end
            };
            (begin < end && end <= piece.bytes.len())
                .then(|| (number, piece.bytes.slice(begin..end)))
        });
        Self {
            blocks: blocks.collect(),
            ..Self::default()
        }
    }
}

impl RemoteFile {
    /// Whose first piece this is.
    pub(super) fn of(piece: &Piece, key: &str, bucket: &Bucket) -> Self {
        Self {
            bucket: bucket.clone(),
            key: key.into(),
            etag: piece.etag.as_str().into(),
            size: piece.size,
            fetched: Arc::new(Mutex::new(Fetched::of(piece))),
            runtime: Handle::current(),
        }
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is from `at` on, up to the end of a block.
    fn some(&self, at: u64) -> io::Result<Bytes> {
        let number = at / BLOCK_BYTES;
        let within = usize::try_from(at % BLOCK_BYTES).unwrap_or_default();
        let mut fetched = self.lock();
        let known = fetched
            .blocks
            .iter()
            .position(|(known, _)| *known == number);
        if let Some(known) = known.and_then(|place| fetched.blocks.remove(place)) {
            let bytes = known.1.clone();
            fetched.blocks.push_back(known);
            return Ok(bytes.slice(within.min(bytes.len())..));
        }
        drop(fetched);
        let begin = number * BLOCK_BYTES;
        let range = begin..self.size.min(begin + BLOCK_BYTES);
        let etag = (!self.etag.is_empty()).then_some(&*self.etag);
        let read = self
            .runtime
            .block_on(self.bucket.read(&self.key, range.clone(), etag));
        let mut fetched = self.lock();
        fetched.requests += 1;
        match read {
            Ok(piece) if piece.bytes.len() as u64 == range.end - range.start => {
                while fetched.blocks.len() >= BLOCKS {
                    fetched.blocks.pop_front();
                }
                fetched.blocks.push_back((number, piece.bytes.clone()));
                Ok(piece.bytes.slice(within..))
            }
            Ok(_) => {
                fetched.failed = Some(NotRead::Changed);
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Err(not_read) => {
                fetched.failed = Some(not_read);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}

impl Length for RemoteFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl RemoteFile {
    /// Before the library makes room for what the footer says.
    pub(super) fn judge_footer(&self) -> ParquetResult<()> {
        // What is shorter, or not as long as it says, the library refuses.
        let Some(tail) = self.size.checked_sub(TAIL_BYTES as u64) else {
            return Ok(());
        };
        let bytes = self.bytes(tail, TAIL_BYTES)?;
        let length = bytes.first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        let Some(start) = tail.checked_sub(length.into()) else {
            return Ok(());
        };
        if u64::from(length) > MAX_FOOTER_BYTES {
            let message = format!("a footer of {} MiB; 16 are read at most", length >> 20);
            return Err(ParquetError::General(message));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(schema::judge(&self.bytes(start, length)?)?)
    }

    /// Before the library makes room for a page whose header this is.
    fn judge_page(&self, header: RemoteRead) -> io::Result<()> {
        let start = header.at;
        let header = page_header::read(header)?;
        let mib = header.unpacked >> 20;
        if header.unpacked > MAX_PAGE_BYTES {
            return Err(wrong(format!("a page of {mib} MiB; 64 are read at most")));
        }
        let page = start + header.length;
        let other = self.lock().plain.insert(page, header.plain);
        if other.is_some_and(|plain| plain != header.plain) {
            return Err(wrong("two pages stand in one place"));
        }
        Ok(())
    }

    /// The library unpacks gzip to its end, however far that is.
    fn judge_gzip(&self, start: u64, page: &[u8]) -> ParquetResult<()> {
        let mut fetched = self.lock();
        let plain = fetched.plain.remove(&start).unwrap_or_default();
        let is_gzipped = fetched.gzipped.iter().any(|it| it.contains(&start));
        drop(fetched);
        let plain = usize::try_from(plain).unwrap_or(usize::MAX);
        let Some(packed) = page.get(plain..).filter(|_| is_gzipped) else {
            return Ok(());
        };
        let mut unpacked = MultiGzDecoder::new(packed).take(MAX_PAGE_BYTES + 1);
        // Why it cannot be unpacked, the library will say.
        match io::copy(&mut unpacked, &mut io::sink()) {
            Ok(length) if length > MAX_PAGE_BYTES => {
                let message = "a page of more than 64 MiB in gzip".to_owned();
                Err(ParquetError::General(message))
            }
            _ => Ok(()),
        }
    }

    fn bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // What a broken file asks for need not be there.
        let end = start
            .checked_add(length as u64)
            .filter(|end| *end <= self.size);
        if end.is_none() {
            return Err(ParquetError::EOF(
                "a part beyond the end is named".to_owned(),
            ));
        }
        if length as u64 > MAX_PAGE_BYTES + PACKING_BYTES {
            let message = format!("a packed page of {} MiB; 64 are read at most", length >> 20);
            return Err(ParquetError::General(message));
        }
        let mut bytes = BytesMut::new();
        while bytes.len() < length {
            let some = self.some(start + bytes.len() as u64)?;
            let wanted = length - bytes.len();
            if wanted <= some.len() && bytes.is_empty() {
                return Ok(some.slice(..wanted));
            }
            bytes.extend_from_slice(&some[..wanted.min(some.len())]);
        }
        Ok(bytes.freeze())
    }
}

impl ChunkReader for RemoteFile {
    type T = RemoteRead;

    /// The library reads the footer's tail so, and the headers of pages. It also asks for one where the packed bytes of a
    /// page begin whose header it has already, and then does not read.
    fn get_read(&self, start: u64) -> ParquetResult<RemoteRead> {
        Ok(RemoteRead {
            file: self.clone(),
            at: start,
            is_judged: self.size.checked_sub(TAIL_BYTES as u64) == Some(start),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.bytes(start, length)?;
        self.judge_gzip(start, &bytes)?;
        Ok(bytes)
    }
}

/// Reads on from a place.
#[derive(Clone)]
pub(super) struct RemoteRead {
    file: RemoteFile,
    at: u64,
    /// Whether what stands here is known to be in bounds, or is no page.
    is_judged: bool,
}

impl Read for RemoteRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.file.size || buffer.is_empty() {
            return Ok(0);
        }
        if !self.is_judged {
            self.is_judged = true;
            self.file.judge_page(self.clone())?;
        }
        let some = self.file.some(self.at)?;
        let count = some.len().min(buffer.len());
        buffer[..count].copy_from_slice(&some[..count]);
        self.at += count as u64;
        Ok(count)
    }
}
