//! Accounts and transactions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Tink;
use super::errors::TinkError;
use super::scopes::{ACCOUNTS, BALANCES, PARTIES, TRANSACTIONS};
use super::store::{End, Store};
use crate::sandbox::exchange::Request;
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::pages::{self, Cut};
use crate::sandbox::kit::{Record, bare};

/// How many records a page has when nobody says, and at most.
const PAGE_SIZES: (usize, usize) = (50, 100);

fn only(request: &Request, known: &[&str]) -> Result<(), TinkError> {
    match request
        .query
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        Some((name, _)) => Err(TinkError::not_in_the_sandbox(name)),
        None => Ok(()),
    }
}

/// Every value of a parameter that may be repeated.
fn every<'r>(request: &'r Request, name: &str) -> Vec<&'r str> {
    let named = request.query.iter().filter(|(key, _)| key == name);
    named.map(|(_, value)| value.as_str()).collect()
}

/// `/data/v2/accounts`.
pub(super) fn accounts(
    tink: &Tink,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, TinkError> {
    let user = tink.permit(request, ACCOUNTS)?;
    only(request, &["pageSize", "pageToken", "typeIn"])?;
    let kinds = every(request, "typeIn");
    let keep =
        |record: &Record| kinds.is_empty() || kinds.iter().any(|kind| record.body["type"] == *kind);
    list(tink, request, fault, "accounts", &user, &keep)
}

/// One account, or what belongs to it.
pub(super) fn account(
    tink: &Tink,
    request: &Request,
    id: &str,
    part: Option<&str>,
) -> Result<Value, TinkError> {
    let scope = match part {
        None => ACCOUNTS,
        Some("balances") => BALANCES,
        Some("parties") => PARTIES,
        Some(other) => return Err(TinkError::not_in_the_sandbox(other)),
    };
    let user = tink.permit(request, scope)?;
    only(request, &[])?;
    let store = tink.lock();
    let account = store
        .accounts
        .get(id)
        .filter(|_| store.users[0].id == user)
        .ok_or_else(|| TinkError::unknown("account"))?;
    Ok(match part {
        Some("balances") => store.written(&store.balances(&account.body)),
        Some(_) => json!({ "parties": store.parties(id), "nextPageToken": "" }),
        None => store.written(&account.body),
    })
}

/// `/data/v2/transactions`, newest first.
pub(super) fn transactions(
    tink: &Tink,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, TinkError> {
    let user = tink.permit(request, TRANSACTIONS)?;
    only(
        request,
        &[
            "pageSize",
            "pageToken",
            "accountIdIn",
            "statusIn",
            "bookedDateGte",
            "bookedDateLte",
        ],
    )?;
    let (accounts, statuses) = (every(request, "accountIdIn"), every(request, "statusIn"));
    if let Some(other) = statuses
        .iter()
        .find(|status| !["BOOKED", "PENDING", "UNDEFINED"].contains(*status))
    {
        return Err(TinkError::invalid(format!("There is no status '{other}'.")));
    }
    let (since, until) = (
        date(request, "bookedDateGte")?,
        date(request, "bookedDateLte")?,
    );
    let keep = |record: &Record| {
        let of = |pointer: &str| {
            let value = record.body.pointer(pointer);
            value.and_then(Value::as_str).unwrap_or_default()
        };
        let booked = of("/dates/booked");
        (accounts.is_empty() || accounts.contains(&of("/accountId")))
            && (statuses.is_empty() || statuses.contains(&of("/status")))
            && since.is_none_or(|since| booked >= since)
            && until.is_none_or(|until| booked <= until)
    };
    list(tink, request, fault, "transactions", &user, &keep)
}

/// A day such as `2025-01-31`; days so written are in the order of their texts.
fn date<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, TinkError> {
    let Some(text) = request.parameter(name) else {
        return Ok(None);
    };
    match text.parse::<chrono::NaiveDate>() {
        Ok(_) if text.len() == 10 => Ok(Some(text)),
        _ => Err(TinkError::invalid(format!(
            "'{name}' is no date of the form YYYY-MM-DD."
        ))),
    }
}

fn list(
    tink: &Tink,
    request: &Request,
    fault: Option<&Fault>,
    key: &str,
    user: &str,
    keep: &dyn Fn(&Record) -> bool,
) -> Result<Value, TinkError> {
    let size = page_size(request)?;
    let after = match request
        .parameter("pageToken")
        .filter(|token| !token.is_empty())
    {
        Some(token) => Some(position(token)?),
        None => None,
    };
    let now_s = tink.clock().now();
    let mut guard = tink.lock();
    let store: &mut Store = &mut guard;
    let shelf = match key {
        "accounts" => &store.accounts,
        _ => &store.transactions,
    };
    // Only the first user has connected a bank.
    let owner = store.users[0].id == user;
    let mut ordered: Vec<&Record> = shelf
        .live()
        .filter(|record| owner && keep(record))
        .collect();
    ordered.sort_by(|a, b| place(b).cmp(&place(a)));
    let start = after.map_or(0, |(created_s, id)| {
        ordered.partition_point(|record| place(record) >= (created_s, id.as_str()))
    });
    let page = pages::cut(
        &ordered,
        &Cut {
            start,
            limit: size,
            fault,
            id_pointer: "/id",
            render: |record: &Record| store.written(&record.body),
        },
    );
    let last = page.last_id.as_deref().and_then(|id| shelf.get(id));
    let token = match (page.more, fault, last) {
        (false, ..) => String::new(),
        // A page that a fault emptied comes again.
        (true, Some(Fault::EmptyPageWithMore), _) | (true, _, None) => request
            .parameter("pageToken")
            .filter(|token| !token.is_empty())
            .map_or_else(|| token_of(i64::MAX, ""), str::to_owned),
        (true, _, Some(last)) => token_of(last.created_s, &last.id),
    };
    let mut body = json!({ key: page.records.iter().map(|text| bare(text)).collect::<Value>() });
    if !token.is_empty() || store.end == End::EmptyToken {
        body["nextPageToken"] = token.into();
    }
    if key == "transactions" {
        store.settle(&page.aftermath, now_s);
    }
    Ok(body)
}

fn page_size(request: &Request) -> Result<usize, TinkError> {
    let (default, most) = PAGE_SIZES;
    let Some(text) = request.parameter("pageSize") else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|size| (1..=most).contains(size))
        .ok_or_else(|| TinkError::invalid(format!("'pageSize' must be from 1 to {most}.")))
}

fn place(record: &Record) -> (i64, &str) {
    (record.created_s, &record.id)
}

fn token_of(created_s: i64, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{created_s}.{id}"))
}

fn position(token: &str) -> Result<(i64, String), TinkError> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (created_s, id) = text.split_once('.')?;
        Some((created_s.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(|| TinkError::invalid("'pageToken' is not a token of this list."))
}
