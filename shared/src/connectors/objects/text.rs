//! An object of text: read piece by piece, unpacked, cut into rows.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::csv::Csv;
use super::gzip::Gunzip;
use super::place::{Reading, Spot};
use super::rows::Room;
use super::{json, lines};
use crate::blobs::{Bucket, NotRead, Piece};

/// A row is no longer; what never ends, because a quote is never closed, is not gathered for ever.
pub(super) const MAX_ROW_BYTES: usize = 16 << 20;

/// How much more is unpacked at least before it is looked at.
const SOME_BYTES: usize = 64 << 10;

/// What a format finds at the beginning of a text.
#[derive(Debug)]
pub(super) enum Step {
    /// A row that is JSON as it stands.
    Raw { row: Range<usize>, used: usize },
    /// A row that was made JSON, or why it cannot be; `raw` is where it stands.
    Made {
        row: Result<String, Bad>,
        raw: Range<usize>,
        used: usize,
    },
    /// Something that is no row.
    Passed { used: usize },
    /// That there must be more of it.
    More,
    /// That there are no more rows.
    End,
    /// That the object is not of this format; in words that follow its name.
    Broken(String),
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(super) struct Bad {
    pub code: &'static str,
    pub message: String,
}

impl Bad {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn not_utf8() -> Self {
        Self::new("not-utf8", "the row is not UTF-8")
    }

    /// As it stands, or as the JSON that becomes of it.
    pub(super) fn too_long() -> Self {
        Self::new("row-too-long", "the row is longer than 16 MiB")
    }
}

/// A row of an object.
#[derive(Debug)]
pub(super) struct Row {
    /// Counted from one.
    pub number: u64,
    /// JSON, or why it is none.
    pub json: Result<Bytes, Bad>,
    /// The bytes as they stand in the object; empty where the JSON is that.
    pub raw: Bytes,
}

/// Cuts a text into rows.
#[derive(Debug)]
pub(super) enum Cutter {
    Csv(Box<Csv>),
    Json,
    Lines,
}

/// An object on its way.
#[derive(Debug)]
pub(super) struct Text {
    cutter: Cutter,
    gunzip: Option<Gunzip>,
    /// Of the object as it is stored: what was not fetched yet.
    left: Range<u64>,
    /// Unpacked, and not cut yet.
    buffer: BytesMut,
    is_all: bool,
    spot: Spot,
}

impl Text {
    /// At the beginning of an object whose first piece this is.
    pub(super) fn begin(piece: &Piece, cutter: Cutter, gunzip: Option<Gunzip>) -> Self {
        let mut text = Self {
            cutter,
            gunzip,
            left: piece.bytes.len() as u64..piece.size,
            buffer: BytesMut::new(),
            is_all: false,
            spot: Spot::default(),
        };
        match &mut text.gunzip {
            Some(gunzip) => gunzip.feed(piece.bytes.clone()),
            None => text.buffer.extend_from_slice(&piece.bytes),
        }
        text
    }

    pub(super) fn spot(&self) -> Spot {
        self.spot
    }

    /// Goes on to a place where it was before; what stands before that is read again only where it must be.
    pub(super) async fn go_on(
        &mut self,
        spot: Spot,
        reading: &Reading,
        bucket: &Bucket,
    ) -> Result<u32, NotRead> {
        let mut requests = self.pass_mark(reading, bucket).await?;
        if spot.bytes == 0 {
            return Ok(requests);
        }
        // The names of the columns stand at the beginning.
        while matches!(&self.cutter, Cutter::Csv(csv) if !csv.knows_columns()) {
            match self.look() {
                Step::More => requests += self.more(reading, bucket).await?,
                Step::Passed { used } => self.pass(used),
                _ => break,
            }
        }
        while self.spot.bytes < spot.bytes {
            let ahead = spot.bytes - self.spot.bytes;
            let here = usize::try_from(ahead)
                .unwrap_or(usize::MAX)
                .min(self.buffer.len());
            self.pass(here);
            if self.spot.bytes == spot.bytes {
                break;
            }
            if self.gunzip.is_none() {
                self.left.start = spot.bytes;
                self.spot.bytes = spot.bytes;
                self.is_all = self.left.is_empty();
                break;
            }
            if self.is_all {
                return Err(broken("is shorter than it was"));
            }
            requests += self.more(reading, bucket).await?;
        }
        self.spot = spot;
        Ok(requests)
    }

    /// Up to so many rows and bytes, as far as one request reaches; and whether these were the last.
    pub(super) async fn rows(
        &mut self,
        reading: &Reading,
        bucket: &Bucket,
        room: Room,
        requests: &mut u32,
    ) -> Result<(Vec<Row>, bool), (Vec<Row>, NotRead)> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < room.rows && bytes < room.bytes {
            match self.cut() {
                Ok(Some(row)) => {
                    bytes += row.raw.len() + row.json.as_ref().map_or(0, Bytes::len);
                    rows.push(row);
                }
                Ok(None) => return Ok((rows, true)),
                // What there is, is handed over before more is asked for.
                Err(Short::More) if !rows.is_empty() && self.has_to_ask() => break,
                Err(Short::More) => match self.more(reading, bucket).await {
                    Ok(sent) => *requests += sent,
                    Err(not_read) => return Err((rows, not_read)),
                },
                Err(Short::Broken(why)) => return Err((rows, broken(why))),
            }
        }
        Ok((rows, false))
    }

    fn cut(&mut self) -> Result<Option<Row>, Short> {
        loop {
            let (raw, json, used) = match self.look() {
                Step::Raw { row, used } => (None, Ok(row), used),
                Step::Made { row, raw, used } => (Some(raw), Err(row), used),
                Step::Passed { used } => {
                    self.pass(used);
                    continue;
                }
                Step::End => return Ok(None),
                Step::More if self.buffer.len() > MAX_ROW_BYTES => {
                    let row = self.spot.rows + 1;
                    return Err(Short::Broken(format!(
                        "has a row ({row}) longer than 16 MiB"
                    )));
                }
                Step::More => return Err(Short::More),
                Step::Broken(why) => {
                    return Err(Short::Broken(format!(
                        "{why} (after row {})",
                        self.spot.rows
                    )));
                }
            };
            self.spot.rows += 1;
            let copy = |range: Range<usize>| Bytes::copy_from_slice(&self.buffer[range]);
            let row = Row {
                number: self.spot.rows,
                json: match json {
                    Ok(range) => match std::str::from_utf8(&self.buffer[range.clone()]) {
                        Ok(_) => Ok(copy(range)),
                        Err(_) => Err(Bad::not_utf8()),
                    },
                    Err(made) => made.map(Bytes::from),
                },
                raw: Bytes::new(),
            };
            let row = match (&row.json, raw) {
                (Ok(_), _) => row,
                (Err(_), raw) => Row {
                    raw: copy(raw.unwrap_or(0..used)),
                    ..row
                },
            };
            self.pass(used);
            return Ok(Some(row));
        }
    }

    fn look(&mut self) -> Step {
        let (text, is_all) = (&self.buffer[..], self.is_all);
        match &mut self.cutter {
            Cutter::Csv(csv) => csv.step(text, is_all),
            Cutter::Json => json::step(&mut self.spot.within, text, is_all),
            Cutter::Lines => lines::step(text, is_all),
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.spot.bytes += bytes as u64;
    }

    /// Passes a byte order mark.
    async fn pass_mark(&mut self, reading: &Reading, bucket: &Bucket) -> Result<u32, NotRead> {
        let mut requests = 0;
        while self.buffer.len() < 3 && !self.is_all {
            requests += self.more(reading, bucket).await?;
        }
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.pass(3);
        } else if self.buffer.starts_with(b"\xff\xfe") || self.buffer.starts_with(b"\xfe\xff") {
            return Err(broken("is UTF-16; only UTF-8 is read"));
        }
        Ok(requests)
    }

    /// Whether more comes only by a request.
    fn has_to_ask(&self) -> bool {
        let is_hungry = self.gunzip.as_ref().is_none_or(Gunzip::is_hungry);
        is_hungry && !self.left.is_empty()
    }

    /// Puts more of the object into the buffer; how many requests that took.
    async fn more(&mut self, reading: &Reading, bucket: &Bucket) -> Result<u32, NotRead> {
        let corrupt = |_| broken("is not whole gzip");
        let mut requests = 0;
        let before = self.buffer.len();
        // Whatever is looked at is looked at from the beginning of a row: with ever so little more each time, a long one
        // would be looked at too often.
        let enough = before + before.max(SOME_BYTES);
        while self.buffer.len() < enough && !self.is_all {
            match &mut self.gunzip {
                Some(gunzip) if !gunzip.is_hungry() => {
                    match gunzip.sip() {
                        Ok(unpacked) => self.buffer.extend_from_slice(&unpacked),
                        // What came before that is cut first; the next sip fails again.
                        Err(_) if self.buffer.len() > before => break,
                        Err(error) => return Err(corrupt(error)),
                    }
                    tokio::task::yield_now().await;
                    continue;
                }
                _ if self.buffer.len() > before => break,
                _ => {}
            }
            if self.left.is_empty() {
                if let Some(gunzip) = &mut self.gunzip {
                    self.buffer
                        .extend_from_slice(&gunzip.finish().map_err(corrupt)?);
                }
                self.is_all = true;
                break;
            }
            let end = self.left.end.min(self.left.start + bucket.piece_bytes());
            let range = self.left.start..end;
            let piece = bucket
                .read(&reading.key, range, reading.etag.as_deref())
                .await?;
            requests += 1;
            if piece.bytes.is_empty() {
                return Err(NotRead::Changed);
            }
            self.left.start += piece.bytes.len() as u64;
            match &mut self.gunzip {
                Some(gunzip) => gunzip.feed(piece.bytes),
                None => self.buffer.extend_from_slice(&piece.bytes),
            }
        }
        // Whether there is more is known before it is asked for.
        self.is_all |= self.gunzip.is_none() && self.left.is_empty();
        Ok(requests)
    }
}

/// Why no row was cut off.
enum Short {
    More,
    Broken(String),
}

/// An object that is not what it should be.
pub(super) fn broken(why: impl Into<String>) -> NotRead {
    NotRead::Unreadable {
        code: "unreadable-object",
        message: why.into(),
    }
}
