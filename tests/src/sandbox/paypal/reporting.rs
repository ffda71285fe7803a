//! Transaction search and balances.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::entity::Entity;
use super::errors::PayPalError;
use super::records::{ACCOUNT, report_time, time};
use super::{LINK_HOST, PayPal, query};
use crate::sandbox::exchange::Request;
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::pages::{self, Cut};
use crate::sandbox::kit::{Record, bare, changes, money_text};

const DAY_S: i64 = 86_400;
/// The widest window.
const WINDOW_S: i64 = 31 * DAY_S;
/// How far back a search may begin.
const REACH_S: i64 = 3 * 365 * DAY_S;
/// The parts of a transaction that `fields` can name.
const PARTS: [&str; 7] = [
    "transaction_info",
    "payer_info",
    "shipping_info",
    "auction_info",
    "cart_info",
    "incentive_info",
    "store_info",
];
const DISPLAY_ONLY: &str = "T9800";

/// The search, oldest first.
pub(super) fn search(
    paypal: &PayPal,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, PayPalError> {
    query::only(
        request,
        &[
            "start_date",
            "end_date",
            "page",
            "page_size",
            "fields",
            "balance_affecting_records_only",
            "transaction_id",
            "transaction_type",
            "transaction_status",
            "transaction_currency",
        ],
    )?;
    let entity = Entity::Transactions;
    let (default, most) = entity.page_sizes();
    let page_number = query::number(request, "page", 1, entity.last_page())?;
    let page_size = query::number(request, "page_size", default, most)?;
    let parts = fields(request)?;
    let now_s = paypal.clock().now();
    let store = paypal.lock();
    let refreshed_s = store.reported_until_s(now_s);
    let (start_s, end_s) = window(request, now_s, refreshed_s)?;
    let keep = filter(request)?;
    let found: Vec<&Record> = store
        .visible(entity, now_s)
        .filter(|record| (start_s..=end_s).contains(&record.created_s) && keep(&record.body))
        .collect();
    let total = found.len();
    if total > store.result_cap {
        return Err(PayPalError::too_many_results(total, store.result_cap));
    }
    let page = pages::cut(
        &found,
        &Cut {
            start: (page_number - 1).saturating_mul(page_size),
            limit: page_size,
            fault,
            id_pointer: entity.id_pointer(),
            render: |record: &Record| {
                let mut body = record.body.clone();
                if let Some(fields) = body.as_object_mut() {
                    fields.retain(|part, _| parts.contains(&part.as_str()));
                }
                body
            },
        },
    );
    drop(store);
    changes::carry_out(paypal, entity, &page.aftermath);
    let pages = total.div_ceil(page_size);
    let pages = if page.more {
        pages.max(page_number + 1)
    } else {
        pages
    };
    let mut body = json!({
        "account_number": ACCOUNT,
        "start_date": report_time(start_s),
        "end_date": report_time(end_s),
        "last_refreshed_datetime": report_time(refreshed_s),
        "page": page_number,
        "total_items": total,
        "total_pages": pages,
        "links": links(request, page_number, pages),
    });
    // An empty search lacks the key, it has no empty list.
    if !page.records.is_empty() {
        body["transaction_details"] = page.records.iter().map(|text| bare(text)).collect();
    }
    Ok(body)
}

/// The window that is searched: the one asked for, cut off where the data ends.
fn window(request: &Request, now_s: i64, refreshed_s: i64) -> Result<(i64, i64), PayPalError> {
    let bound = |name: &str| {
        let text = request.parameter(name).unwrap_or_default();
        query::moment(text)
            .map(|at| (at, text))
            .ok_or_else(|| PayPalError::search(name, text, "Invalid date passed"))
    };
    let ((start_s, start), (end_s, end)) = (bound("start_date")?, bound("end_date")?);
    if end_s < start_s {
        return Err(PayPalError::search(
            "end_date",
            end,
            "End date is before start date",
        ));
    }
    if end_s - start_s > WINDOW_S {
        return Err(PayPalError::search(
            "end_date",
            end,
            "Date range is greater than 31 days",
        ));
    }
    if start_s < now_s - REACH_S {
        return Err(PayPalError::search(
            "start_date",
            start,
            "Start date must be within the last three years",
        ));
    }
    if start_s > refreshed_s {
        return Err(PayPalError::not_there_yet());
    }
    Ok((start_s, end_s.min(refreshed_s)))
}

fn fields(request: &Request) -> Result<Vec<&'static str>, PayPalError> {
    let asked = request.parameter("fields").unwrap_or("transaction_info");
    let mut parts = Vec::new();
    for word in asked.split(',') {
        match PARTS.iter().find(|part| **part == word) {
            _ if word == "all" => return Ok(PARTS.to_vec()),
            Some(part) => parts.push(*part),
            None => return Err(PayPalError::search("fields", asked, "Invalid field passed")),
        }
    }
    Ok(parts)
}

fn filter(request: &Request) -> Result<impl Fn(&Value) -> bool, PayPalError> {
    let everything = match request.parameter("balance_affecting_records_only") {
        None | Some("Y") => false,
        Some("N") => true,
        Some(text) => {
            return Err(PayPalError::search(
                "balance_affecting_records_only",
                text,
                "The value must be Y or N",
            ));
        }
    };
    let equal = [
        ("transaction_id", "/transaction_id"),
        ("transaction_type", "/transaction_event_code"),
        ("transaction_status", "/transaction_status"),
        ("transaction_currency", "/transaction_amount/currency_code"),
    ]
    .map(|(name, pointer)| (pointer, request.parameter(name).map(str::to_owned)));
    Ok(move |body: &Value| {
        let info = &body["transaction_info"];
        (everything || info["transaction_event_code"] != DISPLAY_ONLY)
            && equal.iter().all(|(pointer, wanted)| {
                wanted.as_deref().is_none_or(|wanted| {
                    info.pointer(pointer).and_then(Value::as_str) == Some(wanted)
                })
            })
    })
}

fn links(request: &Request, page: usize, pages: usize) -> Value {
    let link = |rel: &str, number: usize| {
        let others = request.query.iter().filter(|(name, _)| name != "page");
        let query = Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("page", &number.to_string())
            .finish();
        json!({ "href": format!("{LINK_HOST}{}?{query}", request.path), "rel": rel, "method": "GET" })
    };
    let mut links = vec![link("self", page)];
    if pages > 1 {
        links.extend([link("first", 1), link("last", pages)]);
    }
    if page < pages {
        links.push(link("next", page + 1));
    }
    if (2..=pages).contains(&page) {
        links.push(link("prev", page - 1));
    }
    links.into()
}

/// What the account has in each currency at a time.
pub(super) fn balances(paypal: &PayPal, request: &Request) -> Result<Value, PayPalError> {
    query::only(request, &["as_of_time", "currency_code"])?;
    let now_s = paypal.clock().now();
    let store = paypal.lock();
    let refreshed_s = store.reported_until_s(now_s);
    let as_of_s = query::time(request, "as_of_time")?.map_or(refreshed_s, |at| at.min(refreshed_s));
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for record in store.visible(Entity::Transactions, now_s) {
        let info = &record.body["transaction_info"];
        let moves =
            info["transaction_event_code"] != DISPLAY_ONLY && info["transaction_status"] == "S";
        if !moves || record.created_s > as_of_s {
            continue;
        }
        for amount in [&info["transaction_amount"], &info["fee_amount"]] {
            let currency = amount["currency_code"].as_str().unwrap_or_default();
            let digits = amount["value"]
                .as_str()
                .unwrap_or_default()
                .replace('.', "");
            *sums.entry(currency.to_owned()).or_default() += digits.parse::<i64>().unwrap_or(0);
        }
    }
    let wanted = request.parameter("currency_code");
    let balances: Vec<Value> = sums
        .iter()
        .filter(|(currency, _)| wanted.is_none_or(|wanted| wanted == currency.as_str()))
        .map(|(currency, minor)| balance(currency, *minor))
        .collect();
    Ok(json!({
        "balances": balances,
        "account_id": ACCOUNT,
        "as_of_time": time(as_of_s),
        "last_refresh_time": time(refreshed_s),
    }))
}

fn balance(currency: &str, minor: i64) -> Value {
    let amount = |minor: i64| {
        let value = match currency {
            "JPY" => minor.to_string(),
            _ => money_text(i128::from(minor)),
        };
        json!({ "currency_code": currency, "value": value })
    };
    json!({
        "currency": currency,
        "primary": currency == "USD",
        "total_balance": amount(minor),
        "available_balance": amount(minor),
        "withheld_balance": amount(0),
    })
}
