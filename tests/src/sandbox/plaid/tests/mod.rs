#![allow(clippy::unwrap_used, clippy::expect_used)]

mod calls;
mod sync;
mod webhooks;

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CLIENT_ID, Plaid, SECRET};
use crate::sandbox::exchange::{Answer, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::vendors::Start;

/// 2026-09-21T14:13:20Z
const NOW: i64 = 1_790_000_000;

fn plaid(size: u64) -> Plaid {
    Plaid::new(&Start::new(7, size).at(NOW))
}

fn request(path: &str, body: &Value) -> Request {
    Request {
        method: Method::POST,
        path: path.to_owned(),
        query: Vec::new(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    }
}

fn ask_with(plaid: &Plaid, path: &str, mut body: Value, fault: Option<&Fault>) -> Answer {
    body["client_id"] = CLIENT_ID.into();
    body["secret"] = SECRET.into();
    plaid.answer(&request(path, &body), fault)
}

/// Asks about the first item.
fn ask(plaid: &Plaid, path: &str, mut body: Value) -> Answer {
    body["access_token"] = plaid.access_token().into();
    ask_with(plaid, path, body, None)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(plaid: &Plaid, path: &str, sent: Value) -> Value {
    let answer = ask(plaid, path, sent);
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    body(&answer)
}

fn code(answer: &Answer) -> (u16, String) {
    let error = body(answer);
    assert!(
        error["error_message"].is_string() && error["request_id"].is_string(),
        "{error}"
    );
    (
        answer.status.as_u16(),
        error["error_code"].as_str().unwrap().to_owned(),
    )
}

fn refused(plaid: &Plaid, path: &str, sent: Value) -> (u16, String) {
    code(&ask(plaid, path, sent))
}

/// What a reader has who applies every update it gets.
#[derive(Debug, Default)]
struct Reader {
    cursor: String,
    has: BTreeMap<String, Value>,
    pages: usize,
}

impl Reader {
    /// One page; answers whether there is more.
    fn page(&mut self, plaid: &Plaid, count: u64) -> Result<bool, (u16, String)> {
        let answer = ask(
            plaid,
            "/transactions/sync",
            json!({ "cursor": self.cursor, "count": count }),
        );
        if answer.status != StatusCode::OK {
            return Err(code(&answer));
        }
        let page = body(&answer);
        self.pages += 1;
        for list in ["added", "modified"] {
            for body in page[list].as_array().unwrap() {
                let id = body["transaction_id"].as_str().unwrap().to_owned();
                let before = self.has.insert(id.clone(), body.clone());
                assert_eq!(before.is_some(), list == "modified", "{list} {id}");
            }
        }
        for body in page["removed"].as_array().unwrap() {
            let before = self.has.remove(body["transaction_id"].as_str().unwrap());
            assert_eq!(before.unwrap()["account_id"], body["account_id"]);
        }
        page["next_cursor"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.cursor);
        Ok(page["has_more"] == true)
    }

    fn catch_up(&mut self, plaid: &Plaid, count: u64) {
        while self.page(plaid, count).unwrap() {}
    }

    fn agrees_with(&self, plaid: &Plaid) -> bool {
        let held: BTreeMap<String, Value> = plaid.holds("transactions").into_iter().collect();
        self.has == held
    }
}
