//! PayPal's own library and PayPal's OpenAPI files read the fake PayPal.

use rail_tests::sandbox::paypal::{CLIENT_ID, CLIENT_SECRET, Entity, PayPal, WEBHOOK_ID};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Sandbox, Vendor as _};
use serde_json::{Map, Value, json};

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;
fn told(sandbox: &Sandbox<PayPal>) -> Value {
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| {
            let held = sandbox.vendor().holds(entity.name()).into_iter();
            let ids: Vec<String> = held.map(|(id, _)| id).collect();
            (entity.name().to_owned(), json!(ids))
        })
        .collect();
    json!({
        "baseUrl": sandbox.base_url(),
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "ids": ids,
    })
}

#[test]
fn paypals_own_library_reads_the_sandbox_without_a_complaint() {
    let sandbox = Start::new(31, 240).at(SPRING).serve(PayPal::new);
    let paypal = sandbox.vendor();
    let body =
        r#"{"id":"WH-1","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"value":"1.10"}}"#;
    let headers: Map<String, Value> = paypal
        .sign(body.as_bytes())
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut told = told(&sandbox);
    told["webhook"] = json!({ "id": WEBHOOK_ID, "headers": headers, "body": body });
    scripts::run("paypal_client.py", &told);
}

#[test]
fn every_answer_is_valid_by_paypals_openapi_files() {
    let Some(schemas) = scripts::schemas("paypal") else {
        return;
    };
    let sandbox = Start::new(32, 400).at(SPRING).serve(PayPal::new);
    sandbox.vendor().cap_results(32);
    let mut told = told(&sandbox);
    told["schemas"] = schemas.into();
    scripts::run("paypal_schema.py", &told);
}
