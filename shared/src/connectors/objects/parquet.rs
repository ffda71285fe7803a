//! A Parquet object: read row group by row group, each column in pieces as its pages are needed.
//!
//! The library reads while it waits, so it has a thread of its own, which hands over a page of rows and waits until that is
//! taken.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use ::parquet::record::reader::TreeBuilder;
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::page_header::{BEGINNING, MAX_PAGE_BYTES, unpacked_bytes};
use super::place::{Reading, Spot};
use super::render;
use super::rows::Room;
use super::text::{Bad, MAX_ROW_BYTES, Row, broken};
use crate::blobs::{Bucket, NotRead, Piece};

/// What is fetched at once.
const BLOCK_BYTES: u64 = 512 << 10;
/// Of how many blocks the bytes are kept: columns are read side by side.
const BLOCKS: usize = 32;
/// How many rows are read ahead, about, and how many bytes.
const AHEAD_ROWS: u64 = 1_024;
const AHEAD_BYTES: u64 = 4 << 20;
/// At the end of every file.
const FOOTER_BYTES: u64 = 8;

/// An object on its way.
#[derive(Debug)]
pub(super) struct Parquet {
    pages: Receiver<Result<Vec<Row>, NotRead>>,
    file: RemoteFile,
    spot: Spot,
    /// Requests that were counted already.
    counted: u32,
}

impl Parquet {
    /// From the row on that `spot` names.
    pub(super) fn begin(piece: &Piece, reading: &Reading, bucket: &Bucket, room: Room) -> Self {
        let file = RemoteFile {
            bucket: bucket.clone(),
            key: reading.key.as_str().into(),
            etag: piece.etag.as_str().into(),
            size: piece.size,
            fetched: Arc::new(Mutex::new(Fetched::of(piece))),
            runtime: Handle::current(),
        };
        let (sender, pages) = channel(1);
        let (theirs, skip) = (file.clone(), reading.spot.rows);
        tokio::task::spawn_blocking(move || {
            let ended = produce(&theirs, skip, room, &sender);
            if let Err(error) = ended {
                let not_read = theirs.lock().failed.take();
                let not_read = not_read.unwrap_or_else(|| {
                    broken(format!(
                        "is not Parquet as it can be read: {}",
                        words(&error)
                    ))
                });
                let _ = sender.blocking_send(Err(not_read));
            } else {
                // An empty page is the end: a thread that died sends none.
                let _ = sender.blocking_send(Ok(Vec::new()));
            }
        });
        Self {
            pages,
            file,
            spot: reading.spot,
            counted: 0,
        }
    }

    pub(super) fn spot(&self) -> Spot {
        self.spot
    }

    /// The next page; and whether it was the last.
    pub(super) async fn rows(
        &mut self,
        requests: &mut u32,
    ) -> Result<(Vec<Row>, bool), (Vec<Row>, NotRead)> {
        let page = self.pages.recv().await;
        let sent = self.file.lock().requests;
        *requests += sent - std::mem::replace(&mut self.counted, sent);
        match page {
            Some(Ok(rows)) => {
                self.spot.rows += rows.len() as u64;
                let is_last = rows.is_empty();
                Ok((rows, is_last))
            }
            Some(Err(not_read)) => Err((Vec::new(), not_read)),
            None => Err((Vec::new(), broken("is not Parquet as it can be read"))),
        }
    }
}

/// Sends the rows after the first `skip`, in pages; ends early when nobody takes them.
fn produce(
    file: &RemoteFile,
    mut skip: u64,
    room: Room,
    pages: &Sender<Result<Vec<Row>, NotRead>>,
) -> ParquetResult<()> {
    let reader = SerializedFileReader::new(file.clone())?;
    let schema = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .root_schema();
    let (mut number, mut page, mut bytes) = (0, Vec::new(), 0);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        if skip >= rows {
            skip -= rows;
            number += rows;
            continue;
        }
        // Of each column so many values are read ahead: where they are long, few.
        let length =
            u64::try_from(group.metadata().total_byte_size()).unwrap_or_default() / rows.max(1);
        let ahead = (AHEAD_BYTES / length.max(1)).clamp(1, AHEAD_ROWS);
        let ahead = usize::try_from(ahead).unwrap_or(1);
        let tree = TreeBuilder::new().with_batch_size(ahead);
        for row in tree.as_iter(group.metadata().schema_descr_ptr(), group.as_ref())? {
            let row = row?;
            number += 1;
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let mut json = String::new();
            render::object(&row, Some(schema), &mut json);
            bytes += json.len();
            page.push(rendered(number, json));
            if page.len() >= room.rows || bytes >= room.bytes {
                bytes = 0;
                if pages.blocking_send(Ok(std::mem::take(&mut page))).is_err() {
                    return Ok(());
                }
            }
        }
    }
    if !page.is_empty() {
        let _ = pages.blocking_send(Ok(page));
    }
    Ok(())
}

fn rendered(number: u64, json: String) -> Row {
    let is_short = json.len() <= MAX_ROW_BYTES;
    let too_long = || Bad::new("row-too-long", "the row is longer than 16 MiB");
    Row {
        number,
        json: is_short.then(|| json.into()).ok_or_else(too_long),
        raw: Bytes::new(),
    }
}

/// What the library says, in one line of bounded length.
fn words(error: &ParquetError) -> String {
    let text: String = error.to_string().chars().take(200).collect();
    text.replace(char::is_control, " ")
}

/// An object of which any part can be read.
#[derive(Debug, Clone)]
struct RemoteFile {
    bucket: Bucket,
    key: Arc<str>,
    etag: Arc<str>,
    size: u64,
    fetched: Arc<Mutex<Fetched>>,
    runtime: Handle,
}

/// What was fetched of it.
#[derive(Debug, Default)]
struct Fetched {
    /// By their numbers, the one used last at the end.
    blocks: VecDeque<(u64, Bytes)>,
    requests: u32,
    /// Why the last request brought nothing; the library would only say that it failed.
    failed: Option<NotRead>,
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
    fn lock(&self) -> std::sync::MutexGuard<'_, Fetched> {
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

impl ChunkReader for RemoteFile {
    type T = RemoteRead;

    /// The library reads the footer so, and the headers of pages.
    fn get_read(&self, start: u64) -> ParquetResult<RemoteRead> {
        let read = RemoteRead {
            file: self.clone(),
            at: start,
        };
        if start + FOOTER_BYTES < self.size {
            let mut header = Vec::with_capacity(BEGINNING);
            read.clone()
                .take(BEGINNING as u64)
                .read_to_end(&mut header)?;
            match unpacked_bytes(&header) {
                Some(bytes) if bytes <= MAX_PAGE_BYTES => {}
                Some(bytes) => {
                    let message = format!("a page of {} MiB; 64 are read at most", bytes >> 20);
                    return Err(ParquetError::General(message));
                }
                None => {
                    let message = "the header of a page is not as it should be".to_owned();
                    return Err(ParquetError::General(message));
                }
            }
        }
        Ok(read)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // What a broken file asks for need not be there.
        let end = start
            .checked_add(length as u64)
            .filter(|end| *end <= self.size);
        if end.is_none() {
            return Err(ParquetError::EOF(
                "a part beyond the end is named".to_owned(),
            ));
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

/// Reads on from a place.
#[derive(Clone)]
struct RemoteRead {
    file: RemoteFile,
    at: u64,
}

impl Read for RemoteRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.file.size || buffer.is_empty() {
            return Ok(0);
        }
        let some = self.file.some(self.at)?;
        let count = some.len().min(buffer.len());
        buffer[..count].copy_from_slice(&some[..count]);
        self.at += count as u64;
        Ok(count)
    }
}
