//! Stripe's official Python library reads the sandbox.

use rail_tests::sandbox::Sandbox;
use rail_tests::sandbox::stripe::{ACCOUNT_VERSION, DEFAULT_KEY, Entity, Settings};
use serde_json::{Map, Value, json};

use crate::scripts;

#[test]
fn stripes_own_library_lists_pages_and_reads_the_sandbox_without_a_complaint() {
    let settings = Settings::new(20)
        .with_business(230)
        .restricted_key("rk_test_customers", &["customers"]);
    let sandbox = Sandbox::start(settings);
    let stripe = sandbox.stripe();
    let deleted = stripe.ids("customers")[17].clone();
    stripe.delete("customers", &deleted);
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| (entity.name().to_owned(), json!(stripe.ids(entity.name()))))
        .collect();
    let told = json!({
        "baseUrl": sandbox.base_url(),
        "key": DEFAULT_KEY,
        "restrictedKey": "rk_test_customers",
        "deletedCustomer": deleted,
        "ids": ids,
    });

    if !scripts::run("stripe_client.py", &told) {
        return;
    }
    let asked = sandbox.requests().to("/v1/customers");
    assert!(asked.len() > 10);
    assert!(
        asked
            .iter()
            .all(|request| request.header("stripe-version") == Some(ACCOUNT_VERSION)),
        "the library speaks another version than the sandbox: {:?}",
        asked[0].header("stripe-version")
    );
}
