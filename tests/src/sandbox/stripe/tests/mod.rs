#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod lists;
mod records;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{DEFAULT_KEY, Settings, Stripe};
use crate::sandbox::exchange::{Answer, Request, Vendor};

const NOON: i64 = 1_790_000_000;
const DAY_S: i64 = 86_400;

fn business(customers: u64) -> Stripe {
    Stripe::new(Settings::new(7).with_business(customers).at(NOON))
}

fn request(url: &str, authorization: &str) -> Request {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([(
            AUTHORIZATION,
            HeaderValue::from_str(authorization).unwrap(),
        )]),
        body: Bytes::new(),
    }
}

fn ask(stripe: &Stripe, url: &str) -> Answer {
    stripe.answer(&request(url, &format!("Bearer {DEFAULT_KEY}")), None)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(stripe: &Stripe, url: &str) -> Value {
    let answer = ask(stripe, url);
    assert_eq!(answer.status, StatusCode::OK, "{url}: {:?}", answer.body);
    body(&answer)
}

fn refused(stripe: &Stripe, url: &str) -> (u16, Value) {
    let answer = ask(stripe, url);
    let error = body(&answer)["error"].take();
    (
        answer.status.as_u16(),
        json!([error["type"], error["code"], error["param"]]),
    )
}

fn ids_of(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Every record of a list, by following cursors from the newest.
fn walk(stripe: &Stripe, list: &str, limit: usize) -> Vec<Value> {
    let separator = if list.contains('?') { '&' } else { '?' };
    let (mut records, mut cursor) = (Vec::<Value>::new(), String::new());
    loop {
        let page = get(stripe, &format!("{list}{separator}limit={limit}{cursor}"));
        records.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return records;
        }
        assert!(
            records.len() < 10_000,
            "the walk through {list} does not end"
        );
        cursor = format!(
            "&starting_after={}",
            records.last().unwrap()["id"].as_str().unwrap()
        );
    }
}
