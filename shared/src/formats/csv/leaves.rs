//! A record as a flat list of fields.

use serde_json::value::RawValue;

use crate::formats::tokens::{Token, Tokens, check_object, text_of};

/// Reports each value of a record that is no object, under the names that lead to it, joined by `.`; a `.` or `\` within
/// a name gets a `\` in front, so that no two fields share a name. Arrays and empty objects are values as they are. What
/// comes twice is reported twice: the last counts, as in Postgres.
///
/// # Errors
/// When the payload is not the text of a JSON object.
pub fn leaves<'a>(
    payload: &'a str,
    mut report: impl FnMut(&str, &'a RawValue),
) -> serde_json::Result<()> {
    check_object(payload)?;
    let mut tokens = Tokens::new(payload);
    tokens.next();
    let mut path = Path::default();
    while let Some(token) = tokens.next() {
        let leaf = match token {
            Token::Name(name) => {
                path.enter(&text_of(name)?);
                continue;
            }
            Token::Object if tokens.clone().next() != Some(Token::End) => continue,
            Token::End => {
                path.leave();
                continue;
            }
            Token::Object | Token::Array => {
                let start = tokens.at() - 1;
                tokens.skip_nested();
                &payload[start..tokens.at()]
            }
            Token::Scalar(json) => json,
        };
        report(&path.name, serde_json::from_str(leaf)?);
        path.leave();
    }
    Ok(())
}

/// Where in a record we are.
#[derive(Default)]
struct Path {
    name: String,
    /// How long the name was before each part that it has.
    lengths: Vec<usize>,
}

impl Path {
    fn enter(&mut self, part: &str) {
        let is_first = self.lengths.is_empty();
        self.lengths.push(self.name.len());
        if !is_first {
            self.name.push('.');
        }
        for character in part.chars() {
            if matches!(character, '.' | '\\') {
                self.name.push('\\');
            }
            self.name.push(character);
        }
    }

    fn leave(&mut self) {
        if let Some(length) = self.lengths.pop() {
            self.name.truncate(length);
        }
    }
}
