//! Parquet as other programs may write it, to be read in the room that there is.

use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::*;

/// A file of one column, a page for each of these texts.
fn file(texts: &[&str]) -> Vec<u8> {
    let schema = parse_message_type("message rows { required binary t (UTF8); }").unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_write_batch_size(1)
        .set_data_page_row_count_limit(1)
        .build();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let texts: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(*text)).collect();
    column
        .typed::<ByteArrayType>()
        .write_batch(&texts, None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

async fn read(texts: &[&str]) -> (Brought, String) {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.parquet", file(texts));
    let pages = shelf.rows().await;
    let errors = pages.iter().flat_map(|page| &page.rejected);
    let messages = errors.map(|error| error.message.clone()).collect();
    (brought(&pages), messages)
}

#[tokio::test]
async fn a_row_that_is_too_long_is_an_error_and_the_others_are_read() {
    let long = "x".repeat(17 << 20);
    let ((rows, errors), _) = read(&["a", &long, "b"]).await;
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a.parquet#1", "a.parquet#3"]);
    let place = Some("a.parquet#2".to_owned());
    assert_eq!(errors, [("row-too-long", place)]);
}

#[tokio::test]
async fn a_page_that_would_unpack_to_more_than_there_is_room_for_is_not_unpacked() {
    let huge = "x".repeat(65 << 20);
    let ((rows, errors), message) = read(&["a", &huge]).await;
    assert_eq!(
        errors,
        [("unreadable-object", Some("a.parquet".to_owned()))]
    );
    assert!(message.contains("a page of 65 MiB"), "{message}");
    assert!(rows.len() < 2);
}

#[tokio::test]
async fn a_file_that_was_cut_is_one_error() {
    let whole = file(&["a", "b"]);
    for end in [0, 3, 8, whole.len() / 2, whole.len() - 1] {
        let shelf = Shelf::new(json!({})).await;
        shelf.put("a.parquet", &whole[..end]);
        let (rows, errors) = brought(&shelf.rows().await);
        assert_eq!(rows, []);
        assert_eq!(errors.len(), usize::from(end > 0), "{end}: {errors:?}");
    }
}
