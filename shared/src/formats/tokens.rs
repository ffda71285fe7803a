//! JSON in its pieces, as spelled. serde gives numbers rounded, or whole values to be read again at every depth; here
//! each byte is looked at once, however deep it lies.

use std::borrow::Cow;

use serde::de::{Error, IgnoredAny};

/// Refuses what is not the text of one JSON object.
pub(super) fn check_object(payload: &str) -> serde_json::Result<()> {
    serde_json::from_str::<IgnoredAny>(payload)?;
    if payload.trim_ascii_start().starts_with('{') {
        Ok(())
    } else {
        Err(Error::custom("expected a JSON object"))
    }
}

/// The characters that a JSON string means, given with its quotes.
pub(super) fn text_of(string: &str) -> serde_json::Result<Cow<'_, str>> {
    let inside = inside(string);
    if inside.as_bytes().contains(&b'\\') {
        serde_json::from_str(string).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(inside))
    }
}

/// A JSON string without its quotes.
pub(super) fn inside(string: &str) -> &str {
    string.get(1..string.len() - 1).unwrap_or_default()
}

/// Appends the same JSON, which has been checked, without the blanks between its tokens.
pub(super) fn compact(json: &str, out: &mut Vec<u8>) {
    let mut rest = json.as_bytes();
    while let Some(end) = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b' ' | b'\n' | b'\r' | b'\t'))
    {
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
        let skipped = if rest[0] == b'"' {
            let string = string_length(rest);
            out.extend_from_slice(&rest[..string]);
            string
        } else {
            1
        };
        rest = &rest[skipped..];
    }
    out.extend_from_slice(rest);
}

/// A piece of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The name of a member, with its quotes.
    Name(&'a str),
    /// A value that holds no others, as spelled: a string with its quotes.
    Scalar(&'a str),
    Object,
    Array,
    /// Of the object or array that began last.
    End,
}

/// The tokens of a JSON text, which has been checked to be one.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self { json, at: 0 }
    }

    /// Where the last token ends.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes behind the end of the object or array that has just begun.
    pub(super) fn skip_nested(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next() {
                Some(Token::Object | Token::Array) => depth += 1,
                Some(Token::End) => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.json.as_bytes()[self.at..]
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !skipped(*byte));
        self.at += end.unwrap_or(rest.len());
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_while(|byte| is_blank(byte) || byte == b',');
        let start = self.at;
        let first = *self.rest().first()?;
        if matches!(first, b'{' | b'[' | b'}' | b']') {
            self.at += 1;
            return Some(match first {
                b'{' => Token::Object,
                b'[' => Token::Array,
                _ => Token::End,
            });
        }
        if first == b'"' {
            self.at += string_length(self.rest());
            let string = &self.json[start..self.at];
            self.skip_while(is_blank);
            if self.rest().first() != Some(&b':') {
                return Some(Token::Scalar(string));
            }
            self.at += 1;
            return Some(Token::Name(string));
        }
        self.skip_while(|byte| !is_blank(byte) && !matches!(byte, b',' | b'}' | b']'));
        Some(Token::Scalar(&self.json[start..self.at]))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The length of the JSON string that `json` begins with, quotes included.
fn string_length(json: &[u8]) -> usize {
    let mut end = 1;
    while let Some(next) = json[end..]
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\'))
    {
        end += next + 1;
        if json[end - 1] == b'"' {
            return end;
        }
        // What a backslash stands before is never the end.
        end += 1;
    }
    json.len()
}
