//! An object that is open: of which format it is, and its rows.

use chrono::{DateTime, Utc};

use super::csv::Csv;
use super::gzip::{Gunzip, MAGIC};
use super::parquet::Parquet;
use super::place::{Reading, Spot};
use super::settings::{Compression, Format, Settings};
use super::text::{Cutter, Row, Text};
use crate::blobs::{Bucket, NotRead};

/// How much a page holds, about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub rows: usize,
    pub bytes: usize,
}

impl Room {
    pub(super) const PAGE: Self = Self {
        rows: 1_000,
        bytes: 1 << 20,
    };
}

/// An object that is open.
#[derive(Debug)]
pub(super) struct Open {
    /// What is read, with the version that is.
    pub reading: Reading,
    pub last_modified: Option<DateTime<Utc>>,
    pub as_of: DateTime<Utc>,
    room: Room,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Nothing,
    Text(Box<Text>),
    Parquet(Box<Parquet>),
}

impl Open {
    /// Opens an object where `reading` says.
    pub(super) async fn open(
        reading: Reading,
        settings: &Settings,
        (bucket, room): (&Bucket, Room),
        requests: &mut u32,
    ) -> Result<Self, NotRead> {
        *requests += 1;
        let first = 0..bucket.piece_bytes();
        let piece = bucket
            .read(&reading.key, first, reading.etag.as_deref())
            .await?;
        let mut open = Self {
            last_modified: piece.last_modified,
            as_of: piece.as_of,
            room,
            content: Content::Nothing,
            reading: Reading {
                // Without one there would be no telling two versions apart.
                etag: (!piece.etag.is_empty()).then(|| piece.etag.clone()),
                ..reading
            },
        };
        let Some(format) = settings.format_of(&open.reading.key) else {
            return Ok(open);
        };
        if piece.size == 0 {
            return Ok(open);
        }
        let cutter = match format {
            Format::Parquet => {
                let parquet = Parquet::begin(&piece, &open.reading, bucket, room);
                open.content = Content::Parquet(Box::new(parquet));
                return Ok(open);
            }
            Format::Csv => Cutter::Csv(Box::new(Csv::new(&settings.csv))),
            Format::Json => Cutter::Json,
            Format::Ndjson => Cutter::Lines,
        };
        let is_packed = match settings.compression {
            Compression::None => false,
            Compression::Gzip => true,
            // No text begins so.
            Compression::Auto => piece.bytes.starts_with(MAGIC),
        };
        let mut text = Text::begin(&piece, cutter, is_packed.then(Gunzip::new));
        let spot = open.reading.spot;
        *requests += text.go_on(spot, &open.reading, bucket).await?;
        open.content = Content::Text(Box::new(text));
        Ok(open)
    }

    /// The next rows, and whether these were the last; where reading fails, the rows before that.
    pub(super) async fn rows(
        &mut self,
        bucket: &Bucket,
        requests: &mut u32,
    ) -> (Vec<Row>, Result<Went, NotRead>) {
        let read = match &mut self.content {
            Content::Nothing => Ok((Vec::new(), true)),
            Content::Text(text) => text.rows(&self.reading, bucket, self.room, requests).await,
            Content::Parquet(parquet) => parquet.rows(requests).await,
        };
        self.reading.spot = match &self.content {
            Content::Nothing => Spot::default(),
            Content::Text(text) => text.spot(),
            Content::Parquet(parquet) => parquet.spot(),
        };
        match read {
            Ok((rows, true)) => (rows, Ok(Went::ToTheEnd)),
            Ok((rows, false)) => (rows, Ok(Went::On)),
            Err((rows, not_read)) => (rows, Err(not_read)),
        }
    }
}

/// How far reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    On,
    ToTheEnd,
}
