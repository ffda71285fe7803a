#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lists;
mod reporting;
mod tokens;
mod webhooks;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::PayPal;
use crate::sandbox::exchange::{Answer, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::vendors::Start;

/// 2026-09-21T14:13:20Z
const NOW: i64 = 1_790_000_000;

fn paypal(size: u64) -> PayPal {
    PayPal::new(&Start::new(7, size).at(NOW))
}

fn request(method: Method, url: &str, authorization: &str, body: &str) -> Request {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    }
    Request {
        method,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn bearer(paypal: &PayPal) -> String {
    format!("Bearer {}", paypal.oauth().issue("", "").access_token)
}

fn ask_with(paypal: &PayPal, url: &str, fault: Option<&Fault>) -> Answer {
    paypal.answer(&request(Method::GET, url, &bearer(paypal), ""), fault)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(paypal: &PayPal, url: &str) -> Value {
    let answer = ask_with(paypal, url, None);
    assert_eq!(answer.status, StatusCode::OK, "{url}: {:?}", answer.body);
    body(&answer)
}

fn post(paypal: &PayPal, url: &str, sent: &str) -> Value {
    let answer = paypal.answer(&request(Method::POST, url, &bearer(paypal), sent), None);
    assert_eq!(answer.status, StatusCode::OK, "{url}: {:?}", answer.body);
    body(&answer)
}

fn refused(paypal: &PayPal, url: &str) -> (u16, String, Value) {
    let answer = ask_with(paypal, url, None);
    let error = body(&answer);
    let name = error["name"].as_str().unwrap_or_default().to_owned();
    let field = error.pointer("/details/0/field").cloned();
    (answer.status.as_u16(), name, field.unwrap_or_default())
}

fn link<'v>(page: &'v Value, rel: &str) -> Option<&'v str> {
    let links = page["links"].as_array().unwrap();
    let link = links.iter().find(|link| link["rel"] == rel)?;
    link["href"].as_str()
}

/// The part of a link that is asked for at the sandbox.
fn path_of(href: &str) -> &str {
    href.strip_prefix("https://api.paypal.com").unwrap()
}

fn ids(page: &Value, key: &str, pointer: &str) -> Vec<String> {
    let records = page[key].as_array().map(Vec::as_slice).unwrap_or_default();
    records
        .iter()
        .map(|record| {
            record
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}
