#![allow(clippy::unwrap_used, clippy::expect_used)]

mod changes;
mod queries;
mod tokens;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

use super::*;
use crate::sandbox::exchange::{Answer, Request, Vendor as _};
use crate::sandbox::faults::Fault;

/// 2026-03-01, after the year in which the records of the start were made.
const SPRING: i64 = 1_772_323_200;

fn books(size: u64) -> QuickBooks {
    QuickBooks::new(&Start::new(5, size).at(SPRING))
}

fn request(books: &QuickBooks, path_and_query: &str) -> Request {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let token = books.credentials()["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    Request {
        method: Method::GET,
        path: format!("/v3/company/{}/{path}", books.realm()),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]),
        body: Bytes::new(),
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(books: &QuickBooks, path_and_query: &str) -> Value {
    let answer = books.answer(&request(books, path_and_query), None);
    assert_eq!(answer.status, 200, "{path_and_query}: {:?}", answer.body);
    body(&answer)
}

/// Asks a query; the fault code when it is refused.
fn ask(books: &QuickBooks, query: &str, fault: Option<&Fault>) -> Result<Value, String> {
    let mut asked = request(books, "query");
    asked.query = vec![
        ("query".into(), query.into()),
        ("minorversion".into(), "75".into()),
    ];
    let answer = books.answer(&asked, fault);
    let body = body(&answer);
    match answer.status.as_u16() {
        200 => Ok(body["QueryResponse"].clone()),
        _ => Err(body["Fault"]["Error"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()),
    }
}

fn ids(response: &Value, object: &str) -> Vec<String> {
    let records = response[object].as_array().into_iter().flatten();
    records
        .map(|record| record["Id"].as_str().unwrap().to_owned())
        .collect()
}
