//! Cuts a body into records while it comes in: no more of it is held than the record at hand.

use std::mem;

use rail_shared::store::record_errors::MAX_PAYLOAD_BYTES;
use serde::de::IgnoredAny;

/// A record beyond this is refused.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;
/// So many bytes of a record that is too large are held: as many as are kept of one that cannot be stored.
const CUT_BYTES: usize = MAX_PAYLOAD_BYTES;

/// How records stand in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One a line.
    Lines,
    /// In one JSON array.
    Array,
}

/// One record of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it stands, counted from 1: its line, or its place in the array.
    pub place: u64,
    /// Its bytes, without white space around them; of one that is too large, the first of them.
    pub bytes: Vec<u8>,
    /// Whether these are all.
    pub extent: Extent,
}

/// How much of a record is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Only its first bytes: it is too large.
    Cut,
}

/// A body that cannot be read on, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Where in a body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the array.
    Start,
    /// In a record; in one of an array, so deep and in this text.
    Record { depth: u32, text: InText },
    /// After the array.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InText {
    No,
    Yes,
    Escaped,
}

const FRESH: At = At::Record {
    depth: 0,
    text: InText::No,
};

/// Cuts a body.
#[derive(Debug)]
pub struct Splitter {
    form: Form,
    at: At,
    held: Vec<u8>,
    too_large: bool,
    place: u64,
}

impl Splitter {
    /// For a body of this form.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            at: match form {
                Form::Lines => FRESH,
                Form::Array => At::Start,
            },
            held: Vec::new(),
            too_large: false,
            place: 1,
        }
    }

    /// Takes the next part of the body, and adds the records that end in it to `found`.
    pub fn take(&mut self, part: &[u8], found: &mut Vec<Piece>) -> Result<(), Broken> {
        match self.form {
            Form::Lines => {
                self.take_lines(part, found);
                Ok(())
            }
            Form::Array => self.take_elements(part, found),
        }
    }

    /// Ends the body. A last line needs no end of its own, but is one that broke off where it is no JSON.
    pub fn finish(mut self, found: &mut Vec<Piece>) -> Result<(), Broken> {
        match (self.form, self.at) {
            (Form::Array, At::End) => Ok(()),
            (Form::Array, At::Start) => Err(Broken("a JSON array of records is expected".into())),
            (Form::Array, At::Record { .. }) => Err(self.broken("the array has no end")),
            (Form::Lines, _) => {
                let whole = self.too_large
                    || self.held.trim_ascii().is_empty()
                    || serde_json::from_slice::<IgnoredAny>(&self.held).is_ok();
                if !whole {
                    return Err(self.broken("the last line breaks off"));
                }
                self.end_record(found);
                Ok(())
            }
        }
    }

    fn take_lines(&mut self, part: &[u8], found: &mut Vec<Piece>) {
        let mut lines = part.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            self.hold(line);
            if lines.peek().is_some() {
                self.end_record(found);
            }
        }
    }

    fn take_elements(&mut self, part: &[u8], found: &mut Vec<Piece>) -> Result<(), Broken> {
        let mut from = 0;
        for (place, byte) in part.iter().enumerate() {
            match self.at {
                At::Start => match byte {
                    b'[' => {
                        self.at = FRESH;
                        from = place + 1;
                    }
                    _ if byte.is_ascii_whitespace() => from = place + 1,
                    _ => return Err(Broken("a JSON array of records is expected".into())),
                },
                At::Record { depth, text } => {
                    let ends = matches!((depth, text, byte), (0, InText::No, b',' | b']' | b'}'));
                    if !ends {
                        self.at = after(depth, text, *byte);
                        continue;
                    }
                    self.hold(&part[from..place]);
                    from = place + 1;
                    let empty = self.held.trim_ascii().is_empty() && !self.too_large;
                    match byte {
                        b']' if empty && self.place == 1 => self.at = At::End,
                        b',' | b']' if !empty => {
                            self.end_record(found);
                            self.at = if *byte == b']' { At::End } else { FRESH };
                        }
                        _ => return Err(self.broken("the array is no JSON")),
                    }
                }
                At::End if byte.is_ascii_whitespace() => {}
                At::End => return Err(Broken("something follows the array".into())),
            }
        }
        if matches!(self.at, At::Record { .. }) {
            self.hold(&part[from..]);
        }
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) {
        if !self.too_large && self.held.len() + bytes.len() > MAX_RECORD_BYTES {
            self.too_large = true;
            self.held.truncate(CUT_BYTES);
            self.held.shrink_to_fit();
        }
        let room = if self.too_large {
            CUT_BYTES - self.held.len()
        } else {
            bytes.len()
        };
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Ends the record at hand; a line without one is passed over.
    fn end_record(&mut self, found: &mut Vec<Piece>) {
        let too_large = mem::take(&mut self.too_large);
        let record = self.held.trim_ascii();
        if too_large || !record.is_empty() {
            found.push(Piece {
                place: self.place,
                bytes: record.to_vec(),
                extent: if too_large {
                    Extent::Cut
                } else {
                    Extent::Whole
                },
            });
        }
        self.held.clear();
        self.place += 1;
    }

    fn broken(&self, why: &str) -> Broken {
        let what = match self.form {
            Form::Lines => "line",
            Form::Array => "record",
        };
        Broken(format!("{why}, at {what} {}", self.place))
    }
}

/// Where the byte after this one is.
fn after(depth: u32, text: InText, byte: u8) -> At {
    let (depth, text) = match (text, byte) {
        (InText::Escaped, _) => (depth, InText::Yes),
        (InText::Yes, b'\\') => (depth, InText::Escaped),
        (InText::Yes, b'"') => (depth, InText::No),
        (InText::Yes, _) => (depth, InText::Yes),
        (InText::No, b'"') => (depth, InText::Yes),
        (InText::No, b'{' | b'[') => (depth.saturating_add(1), InText::No),
        (InText::No, b'}' | b']') => (depth.saturating_sub(1), InText::No),
        (InText::No, _) => (depth, InText::No),
    };
    At::Record { depth, text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records of a body that comes in parts of this many bytes.
    fn split(form: Form, body: &[u8], part: usize) -> Result<Vec<(u64, String)>, Broken> {
        let (mut splitter, mut found) = (Splitter::new(form), Vec::new());
        for part in body.chunks(part) {
            splitter.take(part, &mut found)?;
        }
        splitter.finish(&mut found)?;
        let text = |piece: Piece| match piece.extent {
            Extent::Whole => String::from_utf8(piece.bytes).unwrap(),
            Extent::Cut => format!("too large, {} bytes of it", piece.bytes.len()),
        };
        Ok(found
            .into_iter()
            .map(|piece| (piece.place, text(piece)))
            .collect())
    }

    #[test]
    fn lines_are_records_and_empty_ones_are_passed_over() {
        let body = b"{\"id\":1}\r\n\n {\"id\":2} \nnot json\n{\"id\":3}";
        for part in [1, 3, 100] {
            let found = split(Form::Lines, body, part).unwrap();
            let expected = [
                (1, "{\"id\":1}"),
                (3, "{\"id\":2}"),
                (4, "not json"),
                (5, "{\"id\":3}"),
            ];
            assert_eq!(
                found,
                expected.map(|(place, text)| (place, text.to_owned()))
            );
        }
    }

    #[test]
    fn a_last_line_that_breaks_off_is_told() {
        let Broken(why) = split(Form::Lines, b"{\"id\":1}\n{\"id\":", 4).unwrap_err();
        assert_eq!(why, "the last line breaks off, at line 2");
        assert_eq!(split(Form::Lines, b"", 1).unwrap(), []);
    }

    #[test]
    fn what_is_no_array_of_records_is_told_wherever_it_is_cut() {
        for body in [
            "", " ", "{}", "[", "[{}", "[{},", "[{},]", "[,{}]", "[{},,{}]", "[{}}", "[{}] x",
            "[{}][", "[\"a]",
        ] {
            for part in [1, 2, 100] {
                assert!(
                    split(Form::Array, body.as_bytes(), part).is_err(),
                    "{body} in parts of {part}"
                );
            }
        }
        assert_eq!(split(Form::Array, b" [ ] ", 1).unwrap(), []);
    }

    #[test]
    fn a_record_that_is_too_large_stands_for_itself_alone() {
        let long = "x".repeat(MAX_RECORD_BYTES);
        let lines = format!("{{\"id\":1}}\n{{\"id\":\"{long}\"}}\n{{\"id\":2}}\n");
        let array = format!("[{{\"id\":1}},{{\"id\":\"{long}\"}},{{\"id\":2}}]");
        for (form, body) in [(Form::Lines, lines), (Form::Array, array)] {
            let found = split(form, body.as_bytes(), 64 * 1024).unwrap();
            let expected = [
                (1, "{\"id\":1}"),
                (2, "too large, 65536 bytes of it"),
                (3, "{\"id\":2}"),
            ];
            assert_eq!(
                found,
                expected.map(|(place, text)| (place, text.to_owned()))
            );
        }
    }

    proptest! {
        #[test]
        fn an_array_is_cut_where_a_parser_would_cut_it(
            texts in prop::collection::vec("[\\[\\]{}\",:\\\\a ]{0,12}", 0..6), part in 1..9_usize
        ) {
            let records: Vec<serde_json::Value> =
                texts.iter().map(|text| serde_json::json!({"id": text, "in": [[text], {text: 1}]})).collect();
            let body = serde_json::to_string_pretty(&records).unwrap();
            let found = split(Form::Array, body.as_bytes(), part).unwrap();
            let read: Vec<serde_json::Value> =
                found.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(read, records);
        }

        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>, part in 1..9_usize) {
            for form in [Form::Lines, Form::Array] {
                let (mut splitter, mut found) = (Splitter::new(form), Vec::new());
                let all = body.chunks(part).try_for_each(|part| splitter.take(part, &mut found));
                if all.is_ok() {
                    let _ = splitter.finish(&mut found);
                }
            }
        }
    }
}
