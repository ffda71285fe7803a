//! Parquet as other programs may write it, to be read in the room that there is.

use std::sync::Arc;

use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::*;

/// A file of one column, a page for each of these texts.
fn file(texts: &[&str]) -> Vec<u8> {
    packed(texts, Compression::ZSTD(ZstdLevel::default()), V1)
}

const V1: WriterVersion = WriterVersion::PARQUET_1_0;

fn packed(texts: &[&str], packing: Compression, version: WriterVersion) -> Vec<u8> {
    let schema = "message rows { optional binary t (UTF8); }";
    let properties = properties(packing, version);
    write(schema, properties, |column| {
        let texts: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(*text)).collect();
        let levels = vec![1; texts.len()];
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, Some(&levels), None)
            .unwrap();
    })
}

/// A page for each row.
fn properties(packing: Compression, version: WriterVersion) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(packing)
        .set_writer_version(version)
        .set_dictionary_enabled(false)
        .set_write_batch_size(1)
        .set_data_page_row_count_limit(1)
        .build()
}

fn write(
    schema: &str,
    properties: WriterProperties,
    fill: impl FnOnce(&mut SerializedColumnWriter<'_>),
) -> Vec<u8> {
    let schema = parse_message_type(schema).unwrap();
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    fill(&mut column);
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

async fn read(file: Vec<u8>) -> (Brought, String) {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.parquet", file);
    let pages = shelf.rows().await;
    let errors = pages.iter().flat_map(|page| &page.rejected);
    let messages = errors.map(|error| error.message.clone()).collect();
    (brought(&pages), messages)
}

#[tokio::test]
async fn a_row_that_is_too_long_is_an_error_and_the_others_are_read() {
    let long = "x".repeat(17 << 20);
    let ((rows, errors), _) = read(file(&["a", &long, "b"])).await;
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a.parquet#1", "a.parquet#3"]);
    let place = Some("a.parquet#2".to_owned());
    assert_eq!(errors, [("row-too-long", place)]);
}

#[tokio::test]
async fn a_page_that_would_unpack_to_more_than_there_is_room_for_is_not_unpacked() {
    let huge = "x".repeat(65 << 20);
    let ((rows, errors), message) = read(file(&["a", "b", &huge])).await;
    assert_eq!(
        errors,
        [("unreadable-object", Some("a.parquet".to_owned()))]
    );
    assert!(message.contains("a page of 65 MiB"), "{message}");
    // The library reads a row ahead.
    assert_eq!(rows.len(), 1, "what was read before that is kept");
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

#[tokio::test]
async fn lists_that_fill_several_pages_are_read() {
    let properties = properties(Compression::SNAPPY, V1);
    let file = write("message rows { repeated int32 n; }", properties, |column| {
        let levels = [1; 5];
        column
            .typed::<Int32Type>()
            .write_batch(&[1, 2, 3, 4, 5], Some(&levels), Some(&[0, 1, 0, 1, 0]))
            .unwrap();
    });
    let ((rows, errors), message) = read(file).await;
    assert_eq!(errors, [], "{message}");
    let rows: Vec<&str> = rows.iter().map(|(_, json)| json.as_str()).collect();
    assert_eq!(rows, [r#"{"n":[1,2]}"#, r#"{"n":[3,4]}"#, r#"{"n":[5]}"#]);
}

#[tokio::test]
async fn pages_are_read_however_they_are_packed() {
    for packing in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for version in [V1, WriterVersion::PARQUET_2_0] {
            let ((rows, errors), message) = read(packed(&["a", "b"], packing, version)).await;
            assert_eq!(errors, [], "{packing}: {message}");
            assert_eq!(rows[1].1, r#"{"t":"b"}"#);
        }
    }
}

#[tokio::test]
async fn what_a_page_in_gzip_says_of_its_length_is_not_believed() {
    let huge = "x".repeat(65 << 20);
    for version in [V1, WriterVersion::PARQUET_2_0] {
        let mut file = packed(&[&huge], Compression::GZIP(GzipLevel::default()), version);
        // After the letters of the file and the kind of the page: ten bytes, spelt as long as what was there.
        let length = &mut file[7..11];
        assert_eq!(length[3], 0x41, "{length:x?}");
        length.copy_from_slice(&[0x94, 0x80, 0x80, 0x00]);
        let ((rows, errors), message) = read(file).await;
        assert_eq!(rows, []);
        assert_eq!(errors.len(), 1);
        assert!(message.contains("more than 64 MiB in gzip"), "{message}");
    }
}

#[tokio::test]
async fn what_a_footer_says_is_not_believed() {
    let ended = |mut file: Vec<u8>, length: u32| {
        file.extend(length.to_le_bytes());
        file.extend(b"PAR1");
        file
    };
    // A group that says to hold 2^31 - 1 columns.
    let mut groups = b"PAR1\x15\x02\x19\x1c\x48\x01g\x15".to_vec();
    groups.extend([0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0x16, 0, 0x19, 0x0c, 0]);
    let length = u32::try_from(groups.len() - 4).unwrap();
    let long = vec![0; 18 << 20];
    for (file, says) in [
        (ended(groups, length), "more columns than there are"),
        (ended(long, 17 << 20), "a footer of 17 MiB"),
    ] {
        let ((rows, errors), message) = read(file).await;
        assert_eq!((rows.len(), errors.len()), (0, 1));
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_decimal_of_more_digits_than_anybody_means_is_an_error_of_its_row() {
    let schema = "message rows { required binary d (DECIMAL(18, 2)); }";
    let properties = properties(Compression::UNCOMPRESSED, V1);
    let file = write(schema, properties, |column| {
        let numbers = [vec![4_u8, 210], vec![1_u8; 513]].map(ByteArray::from);
        column
            .typed::<ByteArrayType>()
            .write_batch(&numbers, None, None)
            .unwrap();
    });
    let ((rows, errors), _) = read(file).await;
    assert_eq!(rows[0].1, r#"{"d":12.34}"#);
    assert_eq!(
        errors,
        [("unreadable-record", Some("a.parquet#2".to_owned()))]
    );
}
