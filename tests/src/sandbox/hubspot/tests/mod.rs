#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod lists;
mod search;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::exchange::{Answer, Mutation, Request, Vendor as _};
use crate::sandbox::faults::Fault;

/// 2026-03-01, after the year in which the records of the start were made.
const SPRING: i64 = 1_772_323_200;

fn portal(size: u64) -> HubSpot {
    let hubspot = HubSpot::new(&Start::new(5, size).at(SPRING));
    hubspot.opened("http://127.0.0.1:1");
    hubspot
}

fn request(path_and_query: &str) -> Request {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let bearer = HeaderValue::from_str(&format!("Bearer {PRIVATE_TOKEN}")).unwrap();
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        body: Bytes::new(),
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The body of what was found, or the category of the refusal.
fn outcome(answer: &Answer) -> Result<Value, String> {
    match answer.status.as_u16() {
        200 => Ok(body(answer)),
        _ => Err(body(answer)["category"].as_str().unwrap().to_owned()),
    }
}

fn get(hubspot: &HubSpot, path_and_query: &str) -> Result<Value, String> {
    outcome(&hubspot.answer(&request(path_and_query), None))
}

fn searched(hubspot: &HubSpot, object: &str, sent: &Value) -> Result<Value, String> {
    let mut asked = request(&format!("/crm/v3/objects/{object}/search"));
    asked.method = Method::POST;
    asked.body = sent.to_string().into();
    outcome(&hubspot.answer(&asked, None))
}

fn ids(found: &Value) -> Vec<String> {
    let records = found["results"].as_array().unwrap().iter();
    records
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect()
}

fn delete(hubspot: &HubSpot, entity: &str, id: &str) {
    let (entity, id) = (entity.to_owned(), id.to_owned());
    hubspot.mutate(Mutation::Delete { entity, id }).unwrap();
}

fn update(hubspot: &HubSpot, entity: &str, id: &str, properties: &Value) {
    let (entity, id) = (entity.to_owned(), id.to_owned());
    let patch = json!({ "properties": properties });
    hubspot
        .mutate(Mutation::Update { entity, id, patch })
        .unwrap();
}
