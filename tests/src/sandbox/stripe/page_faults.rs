//! Pages as a vendor should not send them.

use super::entity::Entity;
use super::query::Listed;
use super::store::{Page, Store};
use crate::sandbox::faults::Fault;

/// Spoils a page that is about to be sent.
pub(super) fn spoil(page: &mut Page, fault: &Fault) {
    match fault {
        Fault::RepeatedCursor | Fault::CircleOfPages => page.has_more = true,
        Fault::EmptyPageWithMore => {
            page.records.clear();
            page.has_more = true;
        }
        Fault::DuplicateWithinPage => {
            if let Some(first) = page.records.first().cloned() {
                page.records.insert(0, first);
            }
        }
        // The last record stays last, so that the walk itself still moves on.
        Fault::ReorderedPage => {
            let last = page.records.len().saturating_sub(1);
            page.records[..last].reverse();
        }
        Fault::RecordWithoutId => replace_one(page, |text| {
            // Every record begins with its id.
            text.find(",\"object\"")
                .map(|end| format!("{{{}", &text[end + 1..]))
        }),
        Fault::NulInString => replace_one(page, |text| Some(with_note(text, "\\u0000"))),
        Fault::LoneSurrogate => replace_one(page, |text| Some(with_note(text, "\\ud800"))),
        _ => {}
    }
}

/// Changes the vendor's records after a page was sent and before the next is asked for.
pub(super) fn move_records(
    store: &mut Store,
    listed: Listed,
    page: &Page,
    fault: &Fault,
    now_unix_s: i64,
) {
    let Listed::Records(entity) = listed else {
        return;
    };
    match fault {
        Fault::InsertWhilePaging { records } => {
            store.create(entity, *records, now_unix_s);
        }
        Fault::DeleteWhilePaging { records } => {
            let next = last_index(store, entity, page).unwrap_or_else(|| store.len(entity));
            let doomed: Vec<String> = (0..next)
                .rev()
                .filter_map(|index| {
                    let id = store.world.id(entity, index);
                    store.live_index_of(entity, &id).map(|_| id)
                })
                .take(usize::try_from(*records).unwrap_or(usize::MAX))
                .collect();
            for id in doomed {
                // What Stripe never deletes stays: the fault then does nothing.
                let _ = store.delete(entity, &id, now_unix_s);
            }
        }
        Fault::DeleteCursor => {
            if let Some(index) = last_index(store, entity, page) {
                let id = store.world.id(entity, index);
                let _ = store.delete(entity, &id, now_unix_s);
            }
        }
        _ => {}
    }
}

fn last_index(store: &Store, entity: Entity, page: &Page) -> Option<u64> {
    let record: serde_json::Value = serde_json::from_str(page.records.last()?).ok()?;
    store.index_of(entity, record["id"].as_str()?)
}

/// Replaces the record in the middle of the page: neither the first nor, if there are others, the one the next page
/// begins after.
fn replace_one(page: &mut Page, change: impl FnOnce(&str) -> Option<String>) {
    let middle = page.records.len() / 2;
    let middle = middle.min(page.records.len().saturating_sub(2));
    if let Some(record) = page.records.get_mut(middle)
        && let Some(changed) = change(record)
    {
        *record = changed;
    }
}

/// Puts a metadata entry with this escape into the record's text; only text can hold what JSON forbids.
fn with_note(text: &str, escape: &str) -> String {
    match text.rfind('}') {
        Some(end) => format!(
            "{},\"sandbox_note\":\"before{escape}after\"}}",
            &text[..end]
        ),
        None => text.to_owned(),
    }
}
