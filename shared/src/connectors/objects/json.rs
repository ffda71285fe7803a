//! JSON text: an array of records, or records one after the other.

use serde::{Deserialize, Serialize};

use super::text::Step;

/// Within what a place between two records is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::connectors) enum Within {
    /// Nothing was read yet, or only records that stand by themselves.
    #[default]
    Nothing,
    /// An array of which nothing was read yet.
    Array,
    /// An array, after a record of it.
    Rest,
    /// Nothing any more: the array has ended.
    End,
}

/// The next record at the beginning of `text`, and within what the place after it is.
pub(super) fn step(within: &mut Within, text: &[u8], is_all: bool) -> Step {
    let mut at = 0;
    loop {
        at += text[at..]
            .iter()
            .take_while(|byte| is_blank(**byte))
            .count();
        let Some(byte) = text.get(at) else {
            return match (is_all, &*within) {
                (false, _) => more(at),
                (true, Within::Nothing | Within::End) => Step::End,
                (true, Within::Array | Within::Rest) => {
                    Step::Broken("ends within its JSON array".to_owned())
                }
            };
        };
        match (*within, byte) {
            (Within::Nothing, b'[') => *within = Within::Array,
            (Within::Array | Within::Rest, b']') => *within = Within::End,
            (Within::Rest, b',') => *within = Within::Array,
            (Within::Nothing | Within::Array, _) => return value(within, text, at, is_all),
            (Within::Rest, _) => {
                return Step::Broken("is not JSON: no comma after a record".to_owned());
            }
            (Within::End, _) => {
                return Step::Broken("is not JSON: more follows its array".to_owned());
            }
        }
        at += 1;
    }
}

fn value(within: &mut Within, text: &[u8], from: usize, is_all: bool) -> Step {
    let Some(end) = end_of_value(&text[from..], is_all) else {
        if is_all {
            return Step::Broken("ends within a JSON value".to_owned());
        }
        return more(from);
    };
    if end == 0 {
        return Step::Broken("is not JSON: a value is missing".to_owned());
    }
    if *within == Within::Array {
        *within = Within::Rest;
    }
    Step::Raw {
        row: from..from + end,
        used: from + end,
    }
}

/// That there must be more, after what was passed so far.
fn more(passed: usize) -> Step {
    if passed == 0 {
        Step::More
    } else {
        Step::Passed { used: passed }
    }
}

/// Where the value that begins here ends; whether it is one is looked at later. `None` where that is not to be seen yet.
fn end_of_value(text: &[u8], is_all: bool) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => continue,
            }
            if !in_string && depth == 0 {
                return Some(at + 1);
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            _ if depth == 0 && is_blank(*byte) => return Some(at),
            _ => {}
        }
    }
    (is_all && depth == 0 && !in_string).then_some(text.len())
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
