#![allow(clippy::unwrap_used, clippy::expect_used)]

use bytes::Bytes;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::exchange::{Answer, Mutation, Request, Vendor as _};
use crate::sandbox::faults::Fault;

/// 2026-03-01, after the year in which the records of the start were made.
const SPRING: i64 = 1_772_323_200;

fn account(size: u64) -> ComplyAdvantage {
    ComplyAdvantage::new(&Start::new(5, size).at(SPRING))
}

fn request(account: &ComplyAdvantage, path_and_query: &str) -> Request {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let key = account.credentials()["apiKey"].as_str().unwrap().to_owned();
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([(AUTHORIZATION, format!("Token {key}").parse().unwrap())]),
        body: Bytes::new(),
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// What stands in both envelopes, or the status of the refusal.
fn get(account: &ComplyAdvantage, path_and_query: &str) -> Result<Value, u16> {
    let answer = account.answer(&request(account, path_and_query), None);
    let body = body(&answer);
    match answer.status.as_u16() {
        200 => {
            assert_eq!(
                (&body["status"], &body["code"]),
                (&json!("success"), &json!(200))
            );
            Ok(body["content"]["data"].clone())
        }
        status => {
            assert_eq!(
                (&body["status"], &body["code"]),
                (&json!("failure"), &json!(status))
            );
            Err(status)
        }
    }
}

fn ids(found: &Value) -> Vec<String> {
    let records = found.as_array().unwrap().iter();
    records.map(|record| record["id"].to_string()).collect()
}

#[test]
fn pages_end_with_one_that_is_not_full() {
    let account = account(250);
    let page = |page: u64| {
        ids(&get(
            &account,
            &format!("/searches?page={page}&per_page=100&sort_by=id&sort_dir=ASC"),
        )
        .unwrap())
    };
    let seen = [page(1), page(2), page(3)].concat();
    assert_eq!(seen, account.ids("searches"));
    assert!(page(4).is_empty());
    assert_eq!(
        get(&account, "/searches")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        20
    );
}

#[test]
fn times_have_no_zone_and_searches_are_filtered_by_them() {
    let account = account(40);
    let oldest = get(
        &account,
        "/searches?per_page=40&sort_by=created_at&sort_dir=ASC",
    )
    .unwrap();
    let tenth = oldest[9]["created_at"].as_str().unwrap();
    assert_eq!((tenth.len(), tenth.contains('Z')), (19, false), "{tenth}");
    let later = get(
        &account,
        &format!("/searches?per_page=100&created_at_from={tenth}"),
    )
    .unwrap();
    assert_eq!(later.as_array().unwrap().len(), 31);
    let earlier = get(
        &account,
        &format!("/searches?per_page=100&created_at_to={tenth}"),
    )
    .unwrap();
    assert_eq!(earlier.as_array().unwrap().len(), 10);
}

#[test]
fn monitored_searches_and_cases_are_searches() {
    let account = account(80);
    for (entity, filter) in [
        ("monitored_searches", "monitored=true"),
        (
            "cases",
            "match_status=potential_match,false_positive,true_positive,true_positive_approve,true_positive_reject,unknown",
        ),
    ] {
        let listed = get(
            &account,
            &format!("/searches?per_page=100&sort_dir=ASC&{filter}"),
        )
        .unwrap();
        let held = account.ids(entity);
        assert_eq!(ids(&listed), held);
        assert!(
            !held.is_empty() && held.len() < 80,
            "{entity}: {}",
            held.len()
        );
    }
    let (id, entity) = (account.ids("cases")[0].clone(), "cases".to_owned());
    account
        .mutate(Mutation::Delete {
            entity,
            id: id.clone(),
        })
        .unwrap();
    assert!(!account.ids("cases").contains(&id) && account.ids("searches").contains(&id));
    let record = get(&account, &format!("/searches/{id}")).unwrap();
    assert_eq!(record["match_status"], "no_match");
    assert_eq!(record["updated_at"], "2026-03-01 00:00:00");
}

#[test]
fn a_search_is_found_by_its_id_and_by_its_reference() {
    let account = account(5);
    let id = account.ids("searches")[2].clone();
    let by_id = get(&account, &format!("/searches/{id}")).unwrap();
    let by_ref = get(
        &account,
        &format!("/searches/{}", by_id["ref"].as_str().unwrap()),
    )
    .unwrap();
    assert_eq!(by_ref, by_id);
    assert_eq!(by_id["is_monitored"], Value::Null);
    let monitored = get(&account, &format!("/searches/{id}/monitors")).unwrap();
    assert!(monitored["is_monitored"].is_boolean());
    let entity = "searches".to_owned();
    account
        .mutate(Mutation::Delete {
            entity,
            id: id.clone(),
        })
        .unwrap();
    assert_eq!(get(&account, &format!("/searches/{id}")), Err(404));
    assert!(!account.ids("searches").contains(&id));
}

#[test]
fn users_come_all_at_once() {
    let account = account(1);
    let users = get(&account, "/users").unwrap();
    assert_eq!(ids(&users), account.ids("users"));
    let search = &get(&account, "/searches").unwrap()[0];
    assert!(
        account
            .ids("users")
            .contains(&search["assignee_id"].to_string())
    );
}

#[test]
fn whatever_could_cost_something_is_refused_and_counted() {
    let account = account(1);
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let mut asked = request(&account, "/searches");
        asked.method = method;
        assert_eq!(account.answer(&asked, None).status, 501);
    }
    assert_eq!(account.billable_requests(), 3);
    assert_eq!(account.ids("searches").len(), 1);
}

#[test]
fn the_key_belongs_into_the_header() {
    let account = account(1);
    let mut asked = request(&account, "/users");
    asked
        .headers
        .insert(AUTHORIZATION, "Token other".parse().unwrap());
    assert_eq!(account.answer(&asked, None).status, 401);
    asked.headers.clear();
    asked.query.push((
        "api_key".into(),
        account.credentials()["apiKey"].as_str().unwrap().into(),
    ));
    assert_eq!(account.answer(&asked, None).status, 401);
}

#[test]
fn what_is_out_of_range_is_refused_with_the_parameter_named() {
    let account = account(1);
    for query in [
        "per_page=101",
        "per_page=0",
        "page=0",
        "page=101&per_page=100",
        "sort_dir=up",
        "created_at_from=soon",
    ] {
        assert_eq!(
            get(&account, &format!("/searches?{query}")),
            Err(400),
            "{query}"
        );
    }
    let refused = body(&account.answer(&request(&account, "/searches?per_page=101"), None));
    assert_eq!(refused["errors"]["per_page"], "must be between 1 and 100");
    assert!(
        get(&account, "/searches?page=100&per_page=100")
            .unwrap()
            .as_array()
            .unwrap()
            .is_empty()
    );
    for path in [
        "/searches?fuzziness=1",
        "/searches?sort_by=ref",
        "/searches/9950/certificate",
        "/users?page=1",
    ] {
        assert_eq!(get(&account, path), Err(501), "{path}");
    }
}

#[test]
fn a_minute_has_so_many_requests() {
    let account = account(1);
    account.limit().enforce(1);
    assert!(get(&account, "/users").is_ok());
    assert_eq!(get(&account, "/users"), Err(429));
    account.clock().advance(60);
    assert!(get(&account, "/users").is_ok());
}

#[test]
fn a_fault_spoils_the_page_it_is_for() {
    let account = account(30);
    let asked = request(&account, "/searches?per_page=10");
    let spoilt = body(&account.answer(&asked, Some(&Fault::RecordWithoutId)));
    assert_eq!(spoilt["content"]["data"][5]["id"], Value::Null);
    account.answer(&asked, Some(&Fault::InsertWhilePaging { records: 2 }));
    assert_eq!(account.ids("searches").len(), 32);
}
