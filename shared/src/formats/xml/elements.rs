//! JSON values as elements.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use super::names::element_name;
use super::text;
use crate::formats::tokens::{Token, Tokens, inside, text_of};

/// What the elements of an array are called.
const ITEM: &str = "item";

/// Appends elements to a buffer, without a call for each depth: a record may be nested deeper than a stack is.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// Where in the buffer the names of the elements stand that are not ended yet.
    open: Vec<Range<usize>>,
}

impl Elements {
    /// An element for each member of an object, which has been checked to be one.
    pub(super) fn members(&mut self, object: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut tokens = Tokens::new(object);
        tokens.next();
        self.write(tokens, ITEM, out)
    }

    /// An element of this name, of one value.
    pub(super) fn value(
        &mut self,
        name: &str,
        value: &RawValue,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let json = value.get();
        if json.starts_with(['{', '[']) {
            self.write(Tokens::new(json), name, out)
        } else {
            scalar(name, json, out)
        }
    }

    /// The elements of some values, of which the first has this name.
    fn write(
        &mut self,
        tokens: Tokens<'_>,
        name: &str,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let mut name = Cow::Borrowed(name);
        self.open.clear();
        for token in tokens {
            match token {
                Token::Name(json) => name = name_of(json)?,
                Token::Scalar(json) => scalar(&take(&mut name), json, out)?,
                Token::Object => {
                    self.open.push(begin(&take(&mut name), out));
                    out.extend_from_slice(b" type=\"object\">");
                }
                Token::Array => {
                    self.open.push(begin(&take(&mut name), out));
                    out.extend_from_slice(b" type=\"array\">");
                }
                Token::End => {
                    if let Some(name) = self.open.pop() {
                        out.extend_from_slice(b"</");
                        out.extend_from_within(name);
                        out.push(b'>');
                    }
                }
            }
        }
        Ok(())
    }
}

/// What the element of a member is called.
fn name_of(json: &str) -> serde_json::Result<Cow<'_, str>> {
    Ok(match text_of(json)? {
        Cow::Borrowed(name) => element_name(name),
        Cow::Owned(name) => Cow::Owned(element_name(&name).into_owned()),
    })
}

/// The name for the next element; the one after it is an item of an array, unless it is named.
fn take<'a>(name: &mut Cow<'a, str>) -> Cow<'a, str> {
    std::mem::replace(name, Cow::Borrowed(ITEM))
}

/// Begins an element, without the end of its tag. Where its name stands.
fn begin(name: &str, out: &mut Vec<u8>) -> Range<usize> {
    out.push(b'<');
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    start..out.len()
}

/// The element of a value that holds no others.
fn scalar(name: &str, json: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    begin(name, out);
    match json.as_bytes().first() {
        Some(b'"') => {
            out.push(b'>');
            let text = inside(json);
            if text::is_plain(text) {
                out.extend_from_slice(text.as_bytes());
            } else {
                out.extend_from_slice(text::content(&text_of(json)?).as_bytes());
            }
        }
        Some(b'n') => {
            out.extend_from_slice(b" xsi:nil=\"true\"/>");
            return Ok(());
        }
        Some(b't' | b'f') => {
            out.extend_from_slice(b" type=\"boolean\">");
            out.extend_from_slice(json.as_bytes());
        }
        _ => {
            out.extend_from_slice(b" type=\"number\">");
            out.extend_from_slice(json.as_bytes());
        }
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    Ok(())
}
