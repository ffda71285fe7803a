//! Row groups, and what the footer says of them.

use ::parquet::basic::Encoding;
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData};

use super::footer::Footer;
use super::writer::NO_ORDINAL;
use super::*;

/// A file of so many row groups of two rows each.
fn file_of_groups(count: usize) -> Vec<u8> {
    let payloads: Vec<String> = (0..count * 2)
        .map(|n| format!(r#"{{"id":{n},"t":"text {n}","d":{n}.25,"wide":1234567890123456789{n}.5,"b":true,"day":"2024-01-01"}}"#))
        .collect();
    let room = Room { rows: 2, ..ROOM };
    let parquet = ParquetEncoder::new(
        survey(&payloads),
        RAW_TOO,
        vec![("rail".to_owned(), "{}".to_owned())],
    );
    pieces(parquet.unwrap(), room, &payloads).concat()
}

/// The footer of a file, with its length and the magic number.
fn footer(file: &[u8]) -> &[u8] {
    let [.., a, b, c, d, _, _, _, _] = *file else {
        panic!("a file of {} bytes", file.len());
    };
    &file[file.len() - 8 - u32::from_le_bytes([a, b, c, d]) as usize..]
}

/// Readers number the row groups of files that do not.
fn unnumbered(group: &RowGroupMetaData) -> RowGroupMetaData {
    RowGroupMetaData::builder(group.schema_descr_ptr())
        .set_num_rows(group.num_rows())
        .set_total_byte_size(group.total_byte_size())
        .set_file_offset(group.file_offset().unwrap())
        .set_column_metadata(group.columns().to_vec())
        .build()
        .unwrap()
}

#[test]
fn the_footer_is_the_one_that_the_library_would_write() {
    // Up to 14 row groups the list spells its length in another way. No row group has a number of its own.
    for count in [0, 1, 2, 14, 15, 16, 150] {
        let file = file_of_groups(count);
        let read = reader(file.clone());
        let metadata = read.metadata();
        let rows: i64 = metadata.row_groups().iter().map(|it| it.num_rows()).sum();
        assert_eq!(metadata.num_row_groups(), count);
        let of_the_file = metadata.file_metadata();
        assert_eq!((of_the_file.num_rows(), of_the_file.version()), (rows, 1));
        let by = of_the_file.created_by().unwrap();
        assert!(by.starts_with("parquet-rs version "), "{by}");
        let mut one_by_one = Footer::new(metadata.file_metadata().clone()).unwrap();
        for group in metadata.row_groups() {
            let group = group.clone().into_builder().set_ordinal(NO_ORDINAL);
            one_by_one.add(group.build().unwrap()).unwrap();
        }
        let unnumbered = metadata.row_groups().iter().map(unnumbered).collect();
        let metadata = ParquetMetaData::new(of_the_file.clone(), unnumbered);
        let (mut written, mut at_once) = (Vec::new(), Vec::new());
        one_by_one.write(&mut written).unwrap();
        ParquetMetaDataWriter::new(&mut at_once, &metadata)
            .finish()
            .unwrap();
        assert!(written == at_once, "{count} row groups");
    }
}

#[test]
fn what_is_kept_of_a_row_group_is_what_the_file_says_of_it() {
    let columns = 7;
    let length = |count| footer(&file_of_groups(count)).len();
    let of_each = (length(150) - length(50)) / 100;
    assert!(of_each <= columns * 140, "{of_each} bytes a row group");
    let mut parquet = encoder(survey(&[r#"{"id":1}"#]), ParquetOptions::default());
    parquet.room.rows = 1;
    let kept = |parquet: &ParquetEncoder| parquet.writer.footer().kept();
    let before = kept(&parquet);
    for _ in 0..100 {
        parquet
            .record(&record(r#"{"id":1}"#), &mut Vec::new())
            .unwrap();
    }
    let more = kept(&parquet) - before;
    assert!(more <= 100 * 140, "{more} bytes for 100 row groups");
}

#[test]
fn columns_whose_values_repeat_have_a_dictionary_and_others_none() {
    // More than the sample is.
    let payloads: Vec<String> = (0..4_000)
        .map(|n| {
            format!(
                r#"{{"id":{n},"status":"s{}","key":"{:x}","paid":true,"price":{}.5,"day":"2024-01-{:02}","rare":{},"owner":"{:x}","sorted":"{:x}"}}"#,
                n % 7,
                n * 0x0123_4567_89ab_u64,
                n % 50,
                n % 28 + 1,
                if n < 20 { "\"x\"" } else { "null" },
                n * 7919 % 1_000 * 0x0123_4567_89ab_u64,
                n / 40 * 0x0123_4567_89ab_u64,
            )
        })
        .collect();
    let read = reader(file(ParquetOptions::default(), &payloads));
    let group = read.metadata().row_group(0);
    let with_dictionary: Vec<&str> = group
        .columns()
        .iter()
        .filter(|column| column.encodings().any(|it| it == Encoding::RLE_DICTIONARY))
        .map(|column| column.column_descr().name())
        .collect();
    assert_eq!(
        with_dictionary,
        ["day", "owner", "price", "rare", "sorted", "status"]
    );
}

#[test]
fn row_groups_leave_memory_as_they_are_full() {
    let payloads: Vec<String> = (0..25)
        .map(|n| format!(r#"{{"id":{n},"t":"{}"}}"#, "x".repeat(n)))
        .collect();
    let by_rows = Room { rows: 10, ..ROOM };
    let by_bytes = Room { bytes: 300, ..ROOM };
    for (room, full) in [(by_rows, [10, 20]), (by_bytes, [11, 19])] {
        let parquet = encoder(survey(&payloads), ParquetOptions::default());
        let pieces = pieces(parquet, room, &payloads);
        let came = (0..26).filter(|after| !pieces[*after].is_empty());
        assert_eq!(came.collect::<Vec<_>>(), full);
        let file = pieces.concat();
        assert_eq!(reader(file.clone()).num_row_groups(), 3);
        let rows = rows(file);
        assert_eq!(rows.len(), 25);
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(row[0].1, Cell::Long(i64::try_from(n).unwrap()));
            assert_eq!(row[1].1, text(&"x".repeat(n)));
        }
    }
}

#[test]
fn more_rows_than_the_library_is_handed_at_once_stay_in_their_rows() {
    let payloads: Vec<String> = (0..10_000)
        .map(|n| match n % 3 {
            0 => format!(r#"{{"id":{n}}}"#),
            1 => format!(r#"{{"id":{n},"t":"t{n}"}}"#),
            _ => format!(r#"{{"id":{n},"t":null,"d":{n}.5}}"#),
        })
        .collect();
    let rows = rows(file(ParquetOptions::default(), &payloads));
    assert_eq!(rows.len(), 10_000);
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<&Cell> = row.iter().map(|(_, cell)| cell).collect();
        assert_eq!(spelled(cells[0]), n.to_string());
        match n % 3 {
            1 => assert_eq!(cells[1..], [&Cell::Null, &text(&format!("t{n}"))]),
            2 => {
                assert_eq!(spelled(cells[1]), format!("{n}.5"));
                assert_eq!(cells[2], &Cell::Null);
            }
            _ => assert_eq!(cells[1..], [&Cell::Null, &Cell::Null]),
        }
    }
}
