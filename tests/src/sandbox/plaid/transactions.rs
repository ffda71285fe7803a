//! `/transactions/sync`, which tells what changed, and `/transactions/get`, which tells what there is.

use serde_json::{Value, json};

use super::Plaid;
use super::ask::Ask;
use super::cursor::Cursor;
use super::errors::PlaidError;
use super::item::Item;
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::pages::{self, Aftermath, Cut};
use crate::sandbox::kit::{Record, bare};

const ID: &str = "/transaction_id";

/// What changed since a cursor, in pages.
pub(super) fn sync(plaid: &Plaid, ask: &Ask, fault: Option<&Fault>) -> Result<Value, PlaidError> {
    ask.only(&["access_token", "cursor", "count", "options"])?;
    // What these choose was chosen when the item was made, or is the default by now.
    ask.options(&["include_personal_finance_category", "days_requested"])?;
    let count = ask.number("count", Some(100), 1..=500)?;
    let now_s = plaid.clock().now();
    let mut guard = plaid.lock();
    let store = &mut *guard;
    let item = super::item_calls::open(&mut store.items, ask)?;
    item.usable()?;
    let cursor = Cursor::read(ask.optional("cursor")?.unwrap_or_default(), &item.id)?;
    if !item.is_ready(now_s) {
        return Ok(page_of(
            item,
            "NOT_READY",
            &[vec![], vec![], vec![]],
            "",
            false,
        ));
    }
    let claimed = cursor.is_within_an_update() && store.mutations_to_claim > 0;
    if claimed {
        store.mutations_to_claim -= 1;
    }
    if claimed || (cursor.is_within_an_update() && cursor.until != item.log.len()) {
        return Err(PlaidError::mutated());
    }
    let until = item.log.len();
    let update = item.update(cursor.from, until);
    let (start, end) = (cursor.offset, (cursor.offset + count).min(update.len()));
    let part = |from: usize, ids: &[String]| {
        let at = |position: usize| position.saturating_sub(from).min(ids.len());
        at(start)..at(end)
    };
    let added: Vec<&Record> = find(item, &update.added).collect();
    let range = part(0, &update.added);
    let page = pages::cut(
        &added,
        &Cut {
            start: range.start,
            limit: range.len(),
            fault,
            id_pointer: ID,
            render: |record: &Record| record.body.clone(),
        },
    );
    let modified = &update.modified[part(update.added.len(), &update.modified)];
    let removed =
        &update.removed[part(update.added.len() + update.modified.len(), &update.removed)];
    let lists = [
        page.records.iter().map(|text| bare(text)).collect(),
        find(item, modified)
            .map(|record| record.body.clone())
            .collect(),
        removed.iter().map(|id| stub(item, id)).collect(),
    ];
    let endless = page.more && end >= update.len();
    let more = end < update.len() || endless;
    let next = match (more, fault) {
        (false, _) => Cursor::behind(until),
        // A page that a fault emptied comes again.
        (true, Some(Fault::EmptyPageWithMore)) => Cursor { until, ..cursor },
        (true, _) => Cursor {
            from: cursor.from,
            until,
            offset: end,
        },
    };
    let body = page_of(
        item,
        "HISTORICAL_UPDATE_COMPLETE",
        &lists,
        &next.write(&item.id),
        more,
    );
    settle(item, &page.aftermath, now_s);
    Ok(body)
}

fn find<'i>(item: &'i Item, ids: &'i [String]) -> impl Iterator<Item = &'i Record> {
    ids.iter().filter_map(|id| item.transactions.find(id))
}

/// What is left of a removed transaction.
fn stub(item: &Item, id: &str) -> Value {
    let account = item
        .transactions
        .find(id)
        .map(|record| record.body["account_id"].clone());
    json!({ "transaction_id": id, "account_id": account })
}

fn page_of(
    item: &Item,
    status: &str,
    [added, modified, removed]: &[Vec<Value>; 3],
    next_cursor: &str,
    has_more: bool,
) -> Value {
    let accounts: Vec<Value> = item
        .accounts
        .live()
        .map(|record| record.body.clone())
        .collect();
    json!({
        "transactions_update_status": status,
        "accounts": accounts,
        "added": added,
        "modified": modified,
        "removed": removed,
        "next_cursor": next_cursor,
        "has_more": has_more,
    })
}

fn settle(item: &mut Item, aftermath: &Aftermath, now_s: i64) {
    match aftermath {
        Aftermath::Nothing => {}
        Aftermath::Create(records) => {
            item.add(*records, now_s);
        }
        Aftermath::Delete(ids) => {
            for id in ids {
                // One that is gone already is gone.
                let _ = item.remove(id, now_s);
            }
        }
    }
}

/// The transactions of a range of dates, newest first.
pub(super) fn get(plaid: &Plaid, ask: &Ask, fault: Option<&Fault>) -> Result<Value, PlaidError> {
    ask.only(&["access_token", "start_date", "end_date", "options"])?;
    let options = ask.options(&["account_ids", "count", "offset"])?;
    let count = options.number("count", Some(100), 1..=500)?;
    let offset = options.number("offset", Some(0), 0..=usize::MAX)?;
    let (start, end) = (date(ask, "start_date")?, date(ask, "end_date")?);
    if start > end {
        return Err(PlaidError::invalid("start_date must not be after end_date"));
    }
    let wanted = options.texts("account_ids")?;
    let now_s = plaid.clock().now();
    let mut store = plaid.lock();
    let item = super::item_calls::open(&mut store.items, ask)?;
    item.usable()?;
    if !item.is_ready(now_s) {
        return Err(PlaidError::not_ready());
    }
    let mut found: Vec<&Record> = item
        .transactions
        .live()
        .filter(|record| {
            let of = |field: &str| record.body[field].as_str().unwrap_or_default();
            (start..=end).contains(&of("date"))
                && wanted
                    .as_ref()
                    .is_none_or(|ids| ids.contains(&of("account_id")))
        })
        .collect();
    found.sort_by(|a, b| b.body["date"].as_str().cmp(&a.body["date"].as_str()));
    let total = found.len();
    let page = pages::cut(
        &found,
        &Cut {
            start: offset,
            limit: count,
            fault,
            id_pointer: ID,
            render: |record: &Record| record.body.clone(),
        },
    );
    let transactions: Value = page.records.iter().map(|text| bare(text)).collect();
    let accounts: Vec<Value> = item
        .accounts
        .live()
        .map(|record| record.body.clone())
        .collect();
    let body = json!({
        "accounts": accounts,
        "transactions": transactions,
        "total_transactions": total,
        "item": item.to_json(),
    });
    settle(item, &page.aftermath, now_s);
    Ok(body)
}

/// A day such as `2025-01-31`; days so written are in the order of their texts.
fn date<'a>(ask: &'a Ask, field: &str) -> Result<&'a str, PlaidError> {
    let text = ask.text(field)?;
    match text.parse::<chrono::NaiveDate>() {
        Ok(_) if text.len() == 10 => Ok(text),
        _ => Err(PlaidError::invalid(format!(
            "{field} must be a date formatted as YYYY-MM-DD"
        ))),
    }
}
