//! The list of disputes, which goes on by a token in a link.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::entity::Entity;
use super::errors::PayPalError;
use super::{LINK_HOST, PayPal, lists, query};
use crate::sandbox::exchange::Request;
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::pages::{self, Cut};
use crate::sandbox::kit::{Record, bare, changes};

/// How far back the list reaches.
const REACH_S: i64 = 180 * 86_400;

/// The list, newest first.
pub(super) fn list(
    paypal: &PayPal,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, PayPalError> {
    query::only(
        request,
        &[
            "page_size",
            "next_page_token",
            "start_time",
            "disputed_transaction_id",
            "dispute_state",
            "update_time_after",
            "update_time_before",
        ],
    )?;
    let entity = Entity::Disputes;
    let (default, most) = entity.page_sizes();
    let page_size = query::number(request, "page_size", default, most)?;
    let now_s = paypal.clock().now();
    let keep = filter(request, now_s)?;
    let after = request
        .parameter("next_page_token")
        .map(position)
        .transpose()?;

    let store = paypal.lock();
    let mut ordered: Vec<&Record> = store.shelf(entity).live().filter(|r| keep(r)).collect();
    ordered.sort_by(|a, b| place(b).cmp(&place(a)));
    let start = after.map_or(0, |(created_s, id)| {
        ordered.partition_point(|record| place(record) >= (created_s, id.as_str()))
    });
    let page = pages::cut(
        &ordered,
        &Cut {
            start,
            limit: page_size,
            fault,
            id_pointer: entity.id_pointer(),
            render: |record: &Record| lists::shortened(entity, record),
        },
    );
    let mut links = vec![link(request, "self", None)];
    if page.more {
        let last = page
            .last_id
            .as_deref()
            .and_then(|id| store.shelf(entity).get(id));
        let token = match (fault, last) {
            (Some(Fault::EmptyPageWithMore), _) | (_, None) => request
                .parameter("next_page_token")
                // A page that a fault emptied comes again.
                .map_or_else(|| token_of(i64::MAX, ""), str::to_owned),
            (_, Some(last)) => token_of(last.created_s, &last.id),
        };
        links.push(link(request, "next", Some(&token)));
    }
    drop(store);
    changes::carry_out(paypal, entity, &page.aftermath);
    let records: Value = page.records.iter().map(|text| bare(text)).collect();
    Ok(json!({ "items": records, "links": links }))
}

fn place(record: &Record) -> (i64, &str) {
    (record.created_s, &record.id)
}

fn token_of(created_s: i64, id: &str) -> String {
    STANDARD.encode(format!("{created_s}.{id}"))
}

/// What a token stands for.
fn position(token: &str) -> Result<(i64, String), PayPalError> {
    let read = || {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let (created_s, id) = text.split_once('.')?;
        Some((created_s.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(|| {
        PayPalError::parameter(
            "next_page_token",
            token,
            "INVALID_PARAMETER_VALUE",
            "The value is not a token of this list.",
        )
    })
}

fn link(request: &Request, rel: &str, token: Option<&str>) -> Value {
    let mut query = Serializer::new(String::new());
    for (name, value) in &request.query {
        if token.is_none() || name != "next_page_token" {
            query.append_pair(name, value);
        }
    }
    if let Some(token) = token {
        query.append_pair("next_page_token", token);
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    json!({ "href": format!("{LINK_HOST}{}{mark}{query}", request.path), "rel": rel, "method": "GET" })
}

fn filter(request: &Request, now_s: i64) -> Result<impl Fn(&Record) -> bool, PayPalError> {
    let reach_s = now_s - REACH_S;
    let bound = |name| {
        let at = query::time(request, name)?;
        match at.filter(|at| *at < reach_s) {
            Some(_) => Err(PayPalError::parameter(
                name,
                request.parameter(name).unwrap_or_default(),
                "INVALID_PARAMETER_VALUE",
                "The time must be within the last 180 days.",
            )),
            None => Ok(at),
        }
    };
    let (start, transaction) = (
        bound("start_time")?,
        request
            .parameter("disputed_transaction_id")
            .map(str::to_owned),
    );
    if start.is_some() && transaction.is_some() {
        return Err(PayPalError::parameter(
            "start_time",
            request.parameter("start_time").unwrap_or_default(),
            "INVALID_PARAMETER_COMBINATION",
            "Either start_time or disputed_transaction_id can be given.",
        ));
    }
    let after = bound("update_time_after")?.unwrap_or(reach_s);
    let before = bound("update_time_before")?.unwrap_or(i64::MAX);
    let states: Option<Vec<String>> = request
        .parameter("dispute_state")
        .map(|text| text.split(',').map(str::to_owned).collect());
    Ok(move |record: &Record| {
        let of = |pointer: &str| record.body.pointer(pointer).and_then(Value::as_str);
        (after..=before).contains(&record.updated_s)
            && start.is_none_or(|start| record.created_s >= start)
            && transaction
                .as_deref()
                .is_none_or(|id| of("/disputed_transactions/0/seller_transaction_id") == Some(id))
            && states.as_ref().is_none_or(|states| {
                states
                    .iter()
                    .any(|state| of("/dispute_state") == Some(state.as_str()))
            })
    })
}
