#![allow(clippy::unwrap_used, clippy::expect_used)]

mod reads;
mod users;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, EXTERNAL_USER_ID, Tink};
use crate::sandbox::exchange::{Answer, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::vendors::Start;

/// 2026-09-21T14:13:20Z
const NOW: i64 = 1_790_000_000;

fn tink(size: u64) -> Tink {
    Tink::new(&Start::new(7, size).at(NOW))
}

fn request(method: Method, url: &str, token: Option<&str>, body: &str) -> Request {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
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

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    let error = body(answer);
    assert!(error["errorMessage"].is_string(), "{error}");
    (
        answer.status.as_u16(),
        error["errorCode"].as_str().unwrap().to_owned(),
    )
}

fn ask_with(tink: &Tink, url: &str, fault: Option<&Fault>) -> Answer {
    tink.answer(
        &request(Method::GET, url, Some(&tink.user_token()), ""),
        fault,
    )
}

fn get(tink: &Tink, url: &str) -> Value {
    let answer = ask_with(tink, url, None);
    assert_eq!(answer.status, StatusCode::OK, "{url}: {:?}", answer.body);
    body(&answer)
}

fn post(tink: &Tink, path: &str, token: Option<&str>, sent: &str) -> Answer {
    tink.answer(&request(Method::POST, path, token, sent), None)
}

fn token(tink: &Tink, form: &str) -> Answer {
    let form = format!("client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&{form}");
    post(tink, "/api/v1/oauth/token", None, &form)
}

fn access_token(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    body(answer)["access_token"].as_str().unwrap().to_owned()
}

fn client_token(tink: &Tink, scope: &str) -> String {
    access_token(&token(
        tink,
        &format!("grant_type=client_credentials&scope={scope}"),
    ))
}
