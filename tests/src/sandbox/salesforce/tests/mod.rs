#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod bulk;
mod objects;
mod queries;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

use super::*;
use crate::sandbox::exchange::{Answer, Mutation, Request, Vendor as _};
use crate::sandbox::faults::Fault;

/// 2026-03-01, after the year in which the records of the start were made.
const SPRING: i64 = 1_772_323_200;

fn org(size: u64) -> Salesforce {
    let salesforce = Salesforce::new(&Start::new(5, size).at(SPRING));
    salesforce.opened("http://127.0.0.1:1");
    salesforce
}

fn request(salesforce: &Salesforce, path_and_query: &str) -> Request {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let credentials = salesforce.credentials();
    let token = credentials["accessToken"].as_str().unwrap();
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    Request {
        method: Method::GET,
        path: format!("/services/data/v59.0/{path}"),
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

/// The body of what was found, or the code of the refusal.
fn outcome(answer: &Answer) -> Result<Value, String> {
    match answer.status.as_u16() {
        200 => Ok(body(answer)),
        _ => Err(body(answer)[0]["errorCode"].as_str().unwrap().to_owned()),
    }
}

fn get(salesforce: &Salesforce, path_and_query: &str) -> Result<Value, String> {
    outcome(&salesforce.answer(&request(salesforce, path_and_query), None))
}

/// Asks a query of `query` or `queryAll`.
fn ask(salesforce: &Salesforce, resource: &str, soql: &str) -> Result<Value, String> {
    let mut asked = request(salesforce, resource);
    asked.query = vec![("q".into(), soql.into())];
    outcome(&salesforce.answer(&asked, None))
}

fn ids(found: &Value) -> Vec<String> {
    let records = found["records"].as_array().unwrap().iter();
    records
        .map(|record| record["Id"].as_str().unwrap().to_owned())
        .collect()
}

fn found(salesforce: &Salesforce, soql: &str) -> Vec<String> {
    ids(&ask(salesforce, "query", soql).unwrap())
}

fn delete(salesforce: &Salesforce, entity: &str, id: &str) {
    let (entity, id) = (entity.to_owned(), id.to_owned());
    salesforce.mutate(Mutation::Delete { entity, id }).unwrap();
}
