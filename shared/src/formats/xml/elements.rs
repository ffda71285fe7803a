//! JSON values as elements.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use super::names::element_name;
use super::text;
use crate::formats::tokens::{Token, Tokens, text_of};

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
        self.write(tokens, None, out)
    }

    /// The element of one value.
    pub(super) fn member(
        &mut self,
        name: &str,
        value: &RawValue,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let name = Some(Cow::Borrowed(name));
        self.write(Tokens::new(value.get()), name, out)
    }

    fn write<'a>(
        &mut self,
        tokens: Tokens<'a>,
        mut name: Option<Cow<'a, str>>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        self.open.clear();
        for token in tokens {
            match token {
                Token::Name(json) => name = Some(text_of(json)?),
                Token::End => {
                    if let Some(name) = self.open.pop() {
                        end(name, out);
                    }
                }
                Token::Object => {
                    self.open.push(begin(name.take(), out));
                    out.extend_from_slice(b" type=\"object\">");
                }
                Token::Array => {
                    self.open.push(begin(name.take(), out));
                    out.extend_from_slice(b" type=\"array\">");
                }
                Token::String(json) => {
                    let name = begin(name.take(), out);
                    out.push(b'>');
                    out.extend_from_slice(text::content(&text_of(json)?).as_bytes());
                    end(name, out);
                }
                Token::Number(json) => {
                    let name = begin(name.take(), out);
                    out.extend_from_slice(b" type=\"number\">");
                    out.extend_from_slice(json.as_bytes());
                    end(name, out);
                }
                Token::Boolean(json) => {
                    let name = begin(name.take(), out);
                    out.extend_from_slice(b" type=\"boolean\">");
                    out.extend_from_slice(json.as_bytes());
                    end(name, out);
                }
                Token::Null => {
                    begin(name.take(), out);
                    out.extend_from_slice(b" xsi:nil=\"true\"/>");
                }
            }
        }
        Ok(())
    }
}

/// Begins an element, without the end of its tag. What has no name is an item of an array.
fn begin(name: Option<Cow<'_, str>>, out: &mut Vec<u8>) -> Range<usize> {
    out.push(b'<');
    let start = out.len();
    match name {
        Some(name) => out.extend_from_slice(element_name(&name).as_bytes()),
        None => out.extend_from_slice(b"item"),
    }
    start..out.len()
}

fn end(name: Range<usize>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"</");
    out.extend_from_within(name);
    out.push(b'>');
}
