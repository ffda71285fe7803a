//! Pages cut out of ordered records, as they should be and, with a fault, as a vendor should not send them.

use serde_json::Value;

use super::{Record, write};
use crate::sandbox::faults::Fault;

/// A page about to be sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The JSON text of each record.
    pub records: Vec<String>,
    /// The id of the page's last record, as it was before a fault spoilt it: what a cursor is made from.
    pub last_id: Option<String>,
    /// Whether the vendor says there is more.
    pub more: bool,
    /// What happens to the records once the page is sent; the vendor carries it out.
    pub aftermath: Aftermath,
}

/// What a fault does to the vendor's records between this page and the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing.
    #[default]
    Nothing,
    /// This many are created.
    Create(u64),
    /// These are deleted.
    Delete(Vec<String>),
}

/// How pages are cut.
pub struct Cut<'f, R> {
    /// The position of the page's first record.
    pub start: usize,
    /// How many records it has.
    pub limit: usize,
    /// The fault this request meets.
    pub fault: Option<&'f Fault>,
    /// Where a record's id is (a JSON pointer), for the fault that takes it away.
    pub id_pointer: &'static str,
    /// The JSON a record is sent as.
    pub render: R,
}

/// Cuts a page out of records that are in the list's order already.
pub fn cut<R: Fn(&Record) -> Value>(ordered: &[&Record], how: &Cut<'_, R>) -> Page {
    let start = match how.fault {
        Some(Fault::RepeatedCursor) => 0,
        // Only the page that follows the first is itself.
        Some(Fault::CircleOfPages) if how.start != how.limit => 0,
        _ => how.start,
    }
    .min(ordered.len());
    let end = start.saturating_add(how.limit).min(ordered.len());
    let mut bodies: Vec<Value> = ordered[start..end]
        .iter()
        .map(|r| (how.render)(r))
        .collect();
    let mut page = Page {
        last_id: ordered[start..end].last().map(|record| record.id.clone()),
        more: end < ordered.len(),
        ..Page::default()
    };
    let ids = |range: &[&Record]| range.iter().map(|record| record.id.clone()).collect();
    match how.fault {
        Some(Fault::RepeatedCursor | Fault::CircleOfPages) => page.more = true,
        Some(Fault::EmptyPageWithMore) => {
            bodies.clear();
            page.more = true;
        }
        // One more than asked for: a page of one would never get past the repeated record.
        Some(Fault::DuplicateAcrossPages) if start > 0 => {
            bodies.insert(0, (how.render)(ordered[start - 1]));
        }
        Some(Fault::DuplicateWithinPage) if !bodies.is_empty() => {
            bodies.insert(0, bodies[0].clone());
        }
        Some(Fault::ReorderedPage) => {
            let last = bodies.len().saturating_sub(1);
            bodies[..last].reverse();
        }
        Some(Fault::RecordWithoutId) => {
            if let Some(body) = victim(&bodies).and_then(|place| bodies.get_mut(place)) {
                take_away(body, how.id_pointer);
            }
        }
        Some(Fault::InsertWhilePaging { records }) => page.aftermath = Aftermath::Create(*records),
        Some(Fault::DeleteWhilePaging { records }) => {
            let doomed = usize::try_from(*records).unwrap_or(usize::MAX);
            let until = end.saturating_add(doomed).min(ordered.len());
            page.aftermath = Aftermath::Delete(ids(&ordered[end..until]));
        }
        Some(Fault::DeleteCursor) => {
            let from = end.saturating_sub(1).max(start);
            page.aftermath = Aftermath::Delete(ids(&ordered[from..end]));
        }
        _ => {}
    }
    page.records = bodies.iter().map(write).collect();
    let escape = match how.fault {
        Some(Fault::NulInString) => "\\u0000",
        Some(Fault::LoneSurrogate) => "\\ud800",
        _ => return page,
    };
    if let Some(place) = victim(&bodies) {
        note(&mut page.records[place], escape);
    }
    page
}

/// The record in the middle of the page: neither the first nor, if there are others, the last, where cursors come from.
fn victim(bodies: &[Value]) -> Option<usize> {
    let last_but_one = bodies.len().saturating_sub(2);
    (!bodies.is_empty()).then(|| (bodies.len() / 2).min(last_but_one))
}

/// Takes away what a JSON pointer leads to.
fn take_away(body: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if let Some(fields) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(key);
    }
}

/// Puts a field with this escape into a record's text; only text can hold what JSON libraries forbid.
fn note(text: &mut String, escape: &str) {
    if let Some(end) = text.rfind('}') {
        let comma = if text[..end].ends_with('{') { "" } else { "," };
        let field = format!(r#"{comma}"sandbox_note":"before{escape}after""#);
        text.insert_str(end, &field);
    }
}

#[cfg(test)]
mod tests;
