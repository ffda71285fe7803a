use bytes::Bytes;

use super::described::described;
use super::*;
use crate::connectors::{Kept, One};
use crate::domain::{FailureKind, PayloadOf, Presence};

fn found(one: One) -> crate::connectors::Record {
    match one {
        One::Found(record) => *record,
        other => panic!("not found: {other:?}"),
    }
}

fn rejected(one: One) -> crate::connectors::Rejected {
    match one {
        One::Rejected(rejected) => *rejected,
        other => panic!("not rejected: {other:?}"),
    }
}

#[tokio::test]
async fn one_record_is_asked_for_by_its_id_and_dated_by_the_vendors_clock() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/customers/cus_1");
        assert_eq!(asked.header("stripe-version"), Some("2026-10-28.endive"));
        Reply::json(r#"{"id": "cus_1", "created": 7}"#)
            .with("Date", "Mon, 01 Jun 2026 12:00:30 GMT")
    })
    .await;
    let record = found(
        stripe(&server)
            .read_one("customers", "cus_1")
            .await
            .unwrap(),
    );
    assert_eq!(record.body, r#"{"id": "cus_1", "created": 7}"#);
    assert_eq!(record.created_at.unwrap().timestamp(), 7);
    assert_eq!(record.as_of, now() + TimeDelta::seconds(30));
    assert_eq!(record.presence, Presence::Here);
}

#[tokio::test]
async fn one_record_is_asked_for_with_all_of_its_fields() {
    let server = Canned::start(|asked| match asked.path() {
        "/fields" => Reply::json(json!({ "all": [{ "name": "id" }, { "name": "size" }] })),
        "/deals/7" => Reply::json(json!({ "id": 7, "of": asked.query("fields") })),
        path => panic!("{path} was asked for"),
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/rows"
        id = "/id"
        paging = { kind = "none" }
        item = { path = "{path}/{id}", query = { fields = "{fields}" } }
        lookback_minutes = 0
        fields = { path = "/fields", fields = "/all", name = "/name", join = "," }
        [[entities]]
        name = "deals"
        path = "/deals"
        query = { fields = "{fields}" }
        changes = { by = "whole_list", because = "it is a test" }
        "#,
    );
    let record = found(source.read_one("deals", "7").await.unwrap());
    assert_eq!(record.body, r#"{"id":7,"of":["id,size"]}"#);
}

#[tokio::test]
async fn a_record_is_gone_when_the_vendor_says_so_and_not_when_the_path_is_wrong() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/customers/deleted" => Reply::json(r#"{"id": "deleted", "deleted": true}"#),
        "/v1/customers/kept" => Reply::json(r#"{"id": "kept", "deleted": false}"#),
        "/v1/customers/missing" => {
            Reply::status(404, json!({"error": {"code": "resource_missing"}}))
        }
        _ => Reply::status(
            404,
            json!({"error": {"message": "Unrecognized request URL"}}),
        ),
    })
    .await;
    let source = stripe(&server);
    for id in ["deleted", "missing"] {
        let one = source.read_one("customers", id).await.unwrap();
        assert!(matches!(one, One::Gone { .. }), "{id}");
    }
    found(source.read_one("customers", "kept").await.unwrap());
    let failure = source.read_one("customers", "elsewhere").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
}

#[tokio::test]
async fn a_record_that_cannot_be_stored_is_rejected_under_the_id_that_was_asked_for() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/customers/nul" => Reply::json(r#"{"id": "nul", "name": "a\u0000b"}"#),
        "/v1/customers/nameless" => Reply::json(r#"{"name": "nameless"}"#),
        "/v1/customers/merged" => Reply::json(r#"{"id": "survivor"}"#),
        _ => Reply::json("<html>"),
    })
    .await;
    let source = stripe(&server);
    for (id, code) in [
        ("nul", "nul-character"),
        ("nameless", "no-id"),
        ("merged", "other-record"),
        ("page", "unreadable-record"),
    ] {
        let rejected = rejected(source.read_one("customers", id).await.unwrap());
        assert_eq!(
            (rejected.external_id.as_deref(), rejected.code),
            (Some(id), code)
        );
        assert!(!rejected.payload.is_empty() && !rejected.truncated);
    }
}

#[tokio::test]
async fn an_id_never_leads_to_another_path() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/customers/a%2F..%2Fb%3Fc%20d");
        Reply::json(r#"{"id": "a/../b?c d"}"#)
    })
    .await;
    let source = stripe(&server);
    found(source.read_one("customers", "a/../b?c d").await.unwrap());
    for id in ["", ".", ".."] {
        let failure = source.read_one("customers", id).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
    }
}

#[tokio::test]
async fn a_vendor_without_such_a_path_is_not_asked() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let source = invented(&server, &paging::lists(r#"{ kind = "none" }"#));
    assert!(!source.reads_one("things") && stripe(&server).reads_one("customers"));
    let failure = source.read_one("things", "1").await.unwrap_err();
    assert!(!failure.retryable);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn bytes_that_were_kept_are_read_by_the_rules_of_today() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let source = stripe(&server);
    let again = |payload: &'static str, payload_of| {
        let kept = Kept {
            payload: Bytes::from_static(payload.as_bytes()),
            payload_of,
            as_of: now(),
        };
        source.read_again("customers", &kept).unwrap()
    };
    let record = found(again(r#"{"id": "cus_1", "created": 7}"#, PayloadOf::Record));
    assert_eq!(
        (record.external_id.as_str(), record.as_of),
        ("cus_1", now())
    );
    assert_eq!(
        rejected(again(r#"{"created": 7}"#, PayloadOf::Record)).code,
        "no-id"
    );

    let gone = found(again(
        r#"{"id": "evt_1", "type": "customer.deleted", "created": 5, "data": {"object": {"id": "cus_2"}}}"#,
        PayloadOf::Change,
    ));
    assert_eq!(
        (gone.external_id.as_str(), gone.presence),
        ("cus_2", Presence::Gone)
    );
    assert_eq!(gone.as_of.timestamp(), 5, "a change has its own time");
    let others = again(
        r#"{"id": "evt_1", "type": "invoice.paid", "created": 5, "data": {"object": {"id": "in_1"}}}"#,
        PayloadOf::Change,
    );
    assert!(matches!(others, One::Nothing));
}

#[tokio::test]
async fn of_a_change_whose_record_has_no_id_the_whole_change_is_kept() {
    let server = Canned::start(|_| {
        Reply::json(json!({"has_more": false, "data": [
            {"id": "evt_1", "type": "customer.updated", "created": 5, "data": {"object": {"name": "nameless"}}}
        ]}))
    })
    .await;
    let pages = walk(&stripe(&server), "customers", &since(TimeDelta::days(1)))
        .await
        .unwrap();
    let kept = &pages[0].rejected[0];
    assert_eq!((kept.code, kept.payload_of), ("no-id", PayloadOf::Change));
    assert_eq!(kept.as_of.unwrap().timestamp(), 5);
    let change: Value = serde_json::from_slice(&kept.payload).unwrap();
    assert_eq!(change["id"], "evt_1");
}
