//! NDJSON: a record on each line.

use super::text::Step;

/// The next line that holds something.
pub(super) fn step(text: &[u8], is_all: bool) -> Step {
    let mut from = 0;
    loop {
        let rest = &text[from..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, used) = match end {
            Some(end) => (&rest[..end], from + end + 1),
            None if is_all => (rest, text.len()),
            None if from > 0 => return Step::Passed { used: from },
            None => return Step::More,
        };
        let begin = from + (line.len() - line.trim_ascii_start().len());
        let row = begin..begin + line.trim_ascii().len();
        if !row.is_empty() {
            return Step::Raw { row, used };
        }
        if end.is_none() {
            return Step::End;
        }
        from = used;
    }
}
