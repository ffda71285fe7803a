//! The rows of a query job of Salesforce's, which come as CSV, made into the JSON that its queries give of the same records.

use std::collections::HashMap;
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader};
use serde::de::IgnoredAny;

/// How long a time of a file is: `2026-05-01T07:25:37.000Z`.
const INSTANT: usize = 24;

/// What is known of the records beside what is in the file.
pub(super) struct Known<'k> {
    /// The types of the fields, as the description of the object says.
    pub kinds: &'k HashMap<String, String>,
    pub object: &'k str,
    /// Where one of them is read, with `{id}` for its id.
    pub item: &'k str,
}

/// Records one after the other, and where each of them is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub json: String,
    pub at: Vec<Range<usize>>,
}

/// What the texts of a column stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    Flag,
    Number,
    Instant,
    Text,
}

struct Column {
    /// In JSON.
    name: String,
    kind: Kind,
}

impl Column {
    fn new(name: &str, known: &Known<'_>) -> Self {
        let kind = match known.kinds.get(name).map(String::as_str) {
            Some("id") => Kind::Id,
            Some("boolean") => Kind::Flag,
            Some("int" | "long" | "double" | "currency" | "percent") => Kind::Number,
            Some("datetime") => Kind::Instant,
            _ => Kind::Text,
        };
        Self {
            name: quoted(name),
            kind,
        }
    }

    /// A text as a query gives it. An empty one is null there, always.
    fn value(&self, text: &str) -> String {
        match self.kind {
            _ if text.is_empty() => "null".to_owned(),
            Kind::Flag if matches!(text, "true" | "false") => text.to_owned(),
            Kind::Number if is_number(text) => text.to_owned(),
            Kind::Instant if text.len() == INSTANT && text.ends_with('Z') => {
                quoted(&text.replace('Z', "+0000"))
            }
            _ => quoted(text),
        }
    }
}

/// # Errors
/// What is wrong with the file, to be said after "the answer".
pub(super) fn rows(csv: &[u8], known: &Known<'_>) -> Result<Rows, &'static str> {
    let mut reader = Reader::new();
    let (mut rest, mut values, mut ends) = (csv, vec![0; 16 << 10], vec![0; 256]);
    let mut columns: Option<Vec<Column>> = None;
    let mut made = Rows::default();
    loop {
        let (mut wrote, mut fields) = (0, 0);
        loop {
            let (result, read, written, ended) =
                reader.read_record(rest, &mut values[wrote..], &mut ends[fields..]);
            rest = &rest[read..];
            wrote += written;
            fields += ended;
            match result {
                // The next round is given nothing, which is the end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => values.resize(values.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(made),
            }
        }
        let begins = std::iter::once(&0).chain(&ends);
        let texts = begins.zip(&ends[..fields]);
        let texts = texts.map(|(begin, end)| std::str::from_utf8(&values[*begin..*end]));
        let texts: Vec<&str> = texts
            .collect::<Result<_, _>>()
            .map_err(|_| "is not UTF-8")?;
        match &columns {
            None => columns = Some(texts.iter().map(|name| Column::new(name, known)).collect()),
            Some(columns) if columns.len() == texts.len() => made.add(columns, &texts, known),
            Some(_) => return Err("has a line with more or fewer values than names"),
        }
    }
}

impl Rows {
    fn add(&mut self, columns: &[Column], texts: &[&str], known: &Known<'_>) {
        let begin = self.json.len();
        let mut id = "";
        self.json.push('{');
        for (column, text) in columns.iter().zip(texts) {
            if column.kind == Kind::Id {
                id = text;
            }
            self.json.push_str(&column.name);
            self.json.push(':');
            self.json.push_str(&column.value(text));
            self.json.push(',');
        }
        let object = quoted(known.object);
        let url = quoted(&known.item.replace("{id}", id));
        let attributes = format!("\"attributes\":{{\"type\":{object},\"url\":{url}}}}}");
        self.json.push_str(&attributes);
        self.at.push(begin..self.json.len());
        self.json.push('\n');
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(csv: &str) -> Result<Vec<Value>, &'static str> {
        let kinds = [
            ("Id", "id"),
            ("On", "boolean"),
            ("Count", "int"),
            ("Price", "currency"),
            ("At", "datetime"),
            ("Day", "date"),
            ("Note", "textarea"),
        ];
        let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        let known = Known {
            kinds: &HashMap::from(kinds),
            object: "Thing__c",
            item: "/sobjects/Thing__c/{id}",
        };
        let Rows { json, at } = rows(csv.as_bytes(), &known)?;
        Ok(at
            .into_iter()
            .map(|at| serde_json::from_str(&json[at]).unwrap())
            .collect())
    }

    #[test]
    fn a_row_is_what_a_query_gives_of_the_record() {
        let csv = "\"Id\",\"On\",\"Count\",\"Price\",\"At\",\"Day\",\"Note\"\n\
                   \"a1\",\"true\",\"7\",\"1.2345678E7\",\"2026-05-01T07:25:37.000Z\",\"2026-05-01\",\"one\ntwo \"\"x\"\", 🌻\"\n\
                   \"a2\",\"false\",\"\",\"12.50\",\"\",\"\",\"\"\n";
        let read = read(csv).unwrap();
        let attributes =
            |id: &str| json!({ "type": "Thing__c", "url": format!("/sobjects/Thing__c/{id}") });
        let price: Value = serde_json::from_str("1.2345678E7").unwrap();
        assert_eq!(
            read[0],
            json!({
                "attributes": attributes("a1"), "Id": "a1", "On": true, "Count": 7, "Price": price,
                "At": "2026-05-01T07:25:37.000+0000", "Day": "2026-05-01", "Note": "one\ntwo \"x\", 🌻",
            })
        );
        let price: Value = serde_json::from_str("12.50").unwrap();
        assert_eq!(
            read[1],
            json!({
                "attributes": attributes("a2"), "Id": "a2", "On": false, "Count": null, "Price": price,
                "At": null, "Day": null, "Note": null,
            })
        );
    }

    #[test]
    fn what_is_not_of_its_type_or_has_none_stays_a_text() {
        let csv = "Id,On,Count,Price,At,Other\na1,yes,1 000,NaN,yesterday,5\n";
        let read = read(csv).unwrap();
        for (name, text) in [
            ("On", "yes"),
            ("Count", "1 000"),
            ("Price", "NaN"),
            ("At", "yesterday"),
            ("Other", "5"),
        ] {
            assert_eq!(read[0][name], text);
        }
    }

    #[test]
    fn a_file_without_rows_has_none_and_one_that_is_broken_is_refused() {
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("Id,On\n"), Ok(Vec::new()));
        assert!(read("Id,On\na1\n").is_err());
        let long = format!("Id,Note\na1,\"{}\"\n", "x".repeat(100_000));
        assert_eq!(
            read(&long).unwrap()[0]["Note"].as_str().unwrap().len(),
            100_000
        );
    }
}
