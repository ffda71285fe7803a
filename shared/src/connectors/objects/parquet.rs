//! A Parquet object: read row group by row group, each column in pieces as its pages are needed.
//!
//! The library reads while it waits, so it has a thread of its own, which hands over a page of rows and waits until that is
//! taken.

use ::parquet::basic::Compression;
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::properties::ReaderProperties;
use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use ::parquet::record::reader::TreeBuilder;
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::place::{Reading, Spot};
use super::remote::RemoteFile;
use super::render;
use super::rows::Room;
use super::text::{Row, broken};
use crate::blobs::{Bucket, NotRead, Piece};

/// How many rows are read ahead, about, and how many bytes.
const AHEAD_ROWS: u64 = 1_024;
const AHEAD_BYTES: u64 = 4 << 20;

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
        let file = RemoteFile::of(piece, &reading.key, bucket);
        let (sender, pages) = channel(1);
        let (theirs, skip) = (file.clone(), reading.spot.rows);
        tokio::task::spawn_blocking(move || {
            let mut page = Vec::new();
            let ended = produce(&theirs, skip, room, &sender, &mut page);
            if !page.is_empty() {
                let _ = sender.blocking_send(Ok(page));
            }
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

/// Sends the rows after the first `skip`, in pages; ends early when nobody takes them. In `page` are those that were not
/// sent yet.
fn produce(
    file: &RemoteFile,
    mut skip: u64,
    room: Room,
    pages: &Sender<Result<Vec<Row>, NotRead>>,
    page: &mut Vec<Row>,
) -> ParquetResult<()> {
    file.judge_footer()?;
    // As frames LZ4 says nothing of how long it gets; nor would the library hold it to that.
    let properties = ReaderProperties::builder().set_backward_compatible_lz4(false);
    let options = ReadOptionsBuilder::new().with_reader_properties(properties.build());
    let reader = SerializedFileReader::new_with_options(file.clone(), options.build())?;
    let schema = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .root_schema();
    let (mut number, mut bytes) = (0, 0);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        if skip >= rows {
            skip -= rows;
            number += rows;
            continue;
        }
        file.lock().gzipped = group
            .metadata()
            .columns()
            .iter()
            .filter(|column| matches!(column.compression(), Compression::GZIP(_)))
            .map(|column| column.byte_range())
            .map(|(start, length)| start..start.saturating_add(length))
            .collect();
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
            let json = render::row(&row, schema);
            bytes += json.as_ref().map_or(0, String::len);
            page.push(Row {
                number,
                json: json.map(Bytes::from),
                raw: Bytes::new(),
            });
            if page.len() >= room.rows || bytes >= room.bytes {
                bytes = 0;
                if pages.blocking_send(Ok(std::mem::take(page))).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What the library says, in one line of bounded length.
fn words(error: &ParquetError) -> String {
    let text: String = error.to_string().chars().take(200).collect();
    text.replace(char::is_control, " ")
}
