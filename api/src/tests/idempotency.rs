//! The header Idempotency-Key, judged without a database.

use super::*;
use crate::openapi;

const OPERATIONS: [&str; 9] = [
    "createConnection",
    "startSync",
    "createExport",
    "retryConnectionErrors",
    "retryRecordError",
    "runExport",
    "retryExportRun",
    "createWebhook",
    "createApiKey",
];

#[tokio::test]
async fn a_key_that_is_none_is_a_fault_of_that_header() {
    let caller = Caller::of(api());
    let long = "k".repeat(256);
    let json = ("content-type", "application/json");
    for given in [&[""][..], &[&*long], &["naïve"], &["a\tb"], &["a", "a"]] {
        let headers: Vec<_> = given.iter().map(|key| ("idempotency-key", *key)).collect();
        let headers = [&[json][..], &headers].concat();
        let path = format!("{BASE}/exports");
        let refused = caller.call(Method::POST, &path, &headers, "{}").await;
        refused.problem(422, "bad-parameter");
        assert_eq!(refused.faults(), [("Idempotency-Key", "bad-parameter")]);
    }
}

#[tokio::test]
async fn a_key_is_looked_for_before_the_body_is_judged() {
    let caller = Caller::of(api());
    let longest = " ~".repeat(127) + "k";
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", &*longest),
    ];
    let path = format!("{BASE}/exports");
    let asked = caller.call(Method::POST, &path, &headers, "{}").await;
    asked.problem(503, "database-unavailable");
    let keyless = caller.post("/exports", &json!({})).await;
    assert_eq!(keyless.response.status().as_u16(), 422);
}

#[test]
fn what_makes_something_takes_a_key_and_says_when_it_answers_again() {
    let document = openapi::document();
    let mut with_key = Vec::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let takes_key = parameters
                .clone()
                .any(|parameter| parameter["name"] == "Idempotency-Key");
            let responses = operation["responses"].as_object().unwrap().values();
            let says_again = responses
                .clone()
                .any(|response| response["headers"]["Idempotent-Replayed"].is_object());
            assert_eq!(takes_key, says_again, "{}", operation["operationId"]);
            if takes_key {
                with_key.push(operation["operationId"].as_str().unwrap());
            }
        }
    }
    with_key.sort_unstable();
    let mut expected = OPERATIONS;
    expected.sort_unstable();
    assert_eq!(with_key, expected);
}

#[test]
fn bodies_of_one_meaning_have_one_fingerprint() {
    let of = |text: &str| {
        Json::parse(Bytes::copy_from_slice(text.as_bytes()))
            .unwrap()
            .fingerprint()
    };
    assert_eq!(
        of(r#"{"a":1,"b":[2,3]}"#),
        of("{ \"b\": [2, 3],\n\"a\": 1 }")
    );
    assert_eq!(of(""), of("{}"));
    assert_ne!(of(r#"{"a":[1,2]}"#), of(r#"{"a":[2,1]}"#));
    assert_ne!(of(r#"{"a":"\u0000"}"#), of(r#"{"a":"\u0000","b":1}"#));
}
