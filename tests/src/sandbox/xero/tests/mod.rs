#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod lists;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;

/// 2026-03-01, after the year in which the records of the start were made.
const SPRING: i64 = 1_772_323_200;

fn books(size: u64) -> Xero {
    Xero::new(&Start::new(6, size).at(SPRING))
}

fn request(xero: &Xero, path_and_query: &str) -> Request {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let token = xero.credentials()["accessToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let header = |name: HeaderName, value: &str| (name, HeaderValue::from_str(value).unwrap());
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([
            header(AUTHORIZATION, &format!("Bearer {token}")),
            header(ACCEPT, "application/json"),
            header(HeaderName::from_static("xero-tenant-id"), xero.tenant()),
        ]),
        body: Bytes::new(),
    }
}

fn with(mut request: Request, name: &'static str, value: &str) -> Request {
    request
        .headers
        .insert(name, HeaderValue::from_str(value).unwrap());
    request
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(xero: &Xero, path_and_query: &str) -> Value {
    let answer = xero.answer(
        &request(xero, &format!("/api.xro/2.0/{path_and_query}")),
        None,
    );
    assert_eq!(answer.status, 200, "{path_and_query}: {:?}", answer.body);
    body(&answer)
}

fn ids(answer: &Value, list: &str, id: &str) -> Vec<String> {
    let records = answer[list].as_array().unwrap().iter();
    records
        .map(|record| record[id].as_str().unwrap().to_owned())
        .collect()
}

fn change(xero: &Xero, mutation: Value) {
    xero.mutate(serde_json::from_value(mutation).unwrap())
        .unwrap();
}
