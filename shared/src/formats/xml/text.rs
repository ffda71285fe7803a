//! Texts as the content of elements and attributes.
//!
//! XML's own characters and those that a reader would change are references. Those that XML 1.0 cannot hold at all (C0
//! controls but tab, LF and CR; U+FFFE, U+FFFF) are `_xHHHH_`, and so is the first `_` of what would read as such an escape.

use std::borrow::Cow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Content,
    Attribute,
}

/// Whether a text that JSON spells so can stand between tags so: mostly it does.
pub(super) fn is_plain(inside: &str) -> bool {
    !inside.bytes().any(may_change)
}

/// A text between tags.
pub(super) fn content(text: &str) -> Cow<'_, str> {
    escaped(text, Place::Content)
}

/// A text between double quotes.
pub(super) fn attribute(text: &str) -> Cow<'_, str> {
    escaped(text, Place::Attribute)
}

/// A character by its number.
pub(super) fn escape(character: char) -> String {
    let number = u32::from(character);
    if number > 0xFFFF {
        format!("_x{number:08X}_")
    } else {
        format!("_x{number:04X}_")
    }
}

/// Whether a text begins as an escape does. What follows the digits does not matter: an escape may be put there.
pub(super) fn is_like_an_escape(text: &str) -> bool {
    match text.as_bytes() {
        [b'_', b'x' | b'X', digits @ ..] => digits
            .get(..4)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => false,
    }
}

fn escaped(text: &str, place: Place) -> Cow<'_, str> {
    let mut written = String::new();
    let mut done = 0;
    for (at, _) in text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| may_change(*byte))
    {
        let rest = &text[at..];
        if let Some((character, instead)) = replacement(rest, place) {
            written.push_str(&text[done..at]);
            written.push_str(&instead);
            done = at + character.len_utf8();
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    written.push_str(&text[done..]);
    Cow::Owned(written)
}

/// Whether a character that begins with this byte may have to be replaced, here or in JSON.
fn may_change(byte: u8) -> bool {
    MAY_CHANGE[usize::from(byte)]
}

/// To look it up is quicker than to compare.
const MAY_CHANGE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(
            byte as u8,
            ..b' ' | b'"' | b'&' | b'<' | b'>' | b'\\' | b'_' | 0xEF
        );
        byte += 1;
    }
    table
};

/// What stands for the first character of a text, if it cannot stand for itself.
fn replacement(text: &str, place: Place) -> Option<(char, Cow<'static, str>)> {
    let character = text.chars().next()?;
    let in_attribute = place == Place::Attribute;
    let reference = match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        // Readers make a line feed of it.
        '\r' => "&#13;",
        '"' if in_attribute => "&quot;",
        // Readers make a space of it.
        '\t' if in_attribute => "&#9;",
        '\n' if in_attribute => "&#10;",
        '\t' | '\n' => return None,
        '_' if !is_like_an_escape(text) => return None,
        '_' | ..' ' | '\u{FFFE}' | '\u{FFFF}' => {
            return Some((character, Cow::Owned(escape(character))));
        }
        _ => return None,
    };
    Some((character, Cow::Borrowed(reference)))
}
