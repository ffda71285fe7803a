//! One grant and many who use it: it is refreshed once, and by nobody twice.

use std::time::Duration;

use futures::future::join_all;
use rail_shared::config::{Environment, key_ring};
use rail_shared::domain::{Claim, Vault};
use rail_shared::store::grants::StoredVault;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::quickbooks::QuickBooks;
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::xero::Xero;
use rail_tests::sandbox::{Fault, Vendor};
use serde_json::{Value, json};

use super::{
    CUSTOMERS, binding, come_back, connect, connect_by_tokens, consented, customers, opened,
    opened_by_fifty, status, with_quickbooks,
};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_users_of_an_ended_token_fetch_one_new_one_and_none_of_them_fails() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
    let id = connect_by_tokens(&rail, quickbooks.vendor()).await;
    let sources = opened_by_fifty(&rail, &id).await;
    for round in 1..=2 {
        quickbooks.vendor().oauth().expire_access_tokens();
        let tested = join_all(sources.iter().map(|source| source.test())).await;
        for outcome in tested {
            outcome.unwrap();
        }
        let counts = quickbooks.vendor().oauth().counts();
        assert_eq!((counts.refreshes, counts.refused_refreshes), (round, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_in_the_middle_of_a_sync_is_replaced_and_nothing_is_tried_again() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
    let id = connect_by_tokens(&rail, quickbooks.vendor()).await;
    let query = format!("/v3/company/{}/query", quickbooks.vendor().realm());
    quickbooks
        .faults()
        .on(&query, 1, Fault::Status { status: 401 });
    let done = rail.sync(&id, &customers("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["created"], CUSTOMERS);
    assert_eq!(done["attempt"], 1, "{done}");
    assert_eq!(quickbooks.vendor().oauth().counts().refreshes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_taken_back_asks_for_a_person_who_brings_the_same_connection_back() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::new).await;
    let id = connect_by_tokens(&rail, quickbooks.vendor()).await;
    rail.sync(&id, &customers("FULL")).await;
    quickbooks.vendor().oauth().revoke_everything();

    let failed = rail.sync(&id, &customers("INCREMENTAL")).await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(status(&rail, &id).await, "REAUTH_REQUIRED");

    let back = consented(&rail, &id).await;
    assert_eq!(come_back(&rail, &back).await.status, 200);
    assert_eq!(status(&rail, &id).await, "ACTIVE");
    let done = rail.sync(&id, &customers("INCREMENTAL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["created"], 0, "{done}");
}

/// One claims the right to fetch a token, has the vendor's answer, and is never heard of again.
async fn dies_with_the_answer(rail: &Rail, id: &str, token_url: &str, credentials: &Value) {
    let environment: Environment = [(
        "RAIL_MASTER_KEYS".to_owned(),
        rail_tests::harness::MASTER_KEYS.to_owned(),
    )]
    .into_iter()
    .collect();
    let ring = key_ring(&environment).unwrap().into();
    let dead = StoredVault::new(rail.database.store(), ring, binding(rail, id).await);
    let claimed = dead.claim(Duration::from_secs(2)).await.unwrap();
    assert!(matches!(claimed, Claim::Ours(_)));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(credentials, "refreshToken")),
    ];
    let answered = reqwest::Client::new()
        .post(token_url)
        .basic_auth(
            text(credentials, "clientId"),
            credentials["clientSecret"].as_str(),
        )
        .form(&form)
        .send()
        .await
        .unwrap();
    let lost: Value = answered.json().await.unwrap();
    assert_ne!(lost["refresh_token"], credentials["refreshToken"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_goes_on_when_one_dies_between_the_vendors_answer_and_the_commit() {
    let xero = Start::new(5, 20).serve(Xero::new);
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_XERO_BASE_URL", &xero.base_url())
        .start()
        .await;
    let credentials = xero.vendor().credentials();
    let made = connect(&rail, "xero", &credentials).await;
    let id = text(&made, "connectionId");
    let token_url = format!("{}/connect/token", xero.base_url());
    dies_with_the_answer(&rail, id, &token_url, &credentials).await;

    xero.vendor().oauth().expire_access_tokens();
    let source = opened(&rail, id).await;
    source.test().await.unwrap();
    let counts = xero.vendor().oauth().counts();
    assert_eq!((counts.refreshes, counts.refused_refreshes), (2, 0));
    let done = rail
        .sync(id, &json!({"entities": ["contacts"], "mode": "FULL"}))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(xero.vendor().oauth().counts().refreshes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_period_of_grace_such_a_death_asks_for_a_person_and_not_for_ever() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
    let credentials = quickbooks.vendor().credentials();
    let made = connect(&rail, "quickbooks", &credentials).await;
    let id = text(&made, "connectionId");
    let token_url = format!("{}/oauth2/v1/tokens/bearer", quickbooks.base_url());
    dies_with_the_answer(&rail, id, &token_url, &credentials).await;

    quickbooks.vendor().oauth().expire_access_tokens();
    let done = rail.sync(id, &customers("FULL")).await;
    assert_eq!(done["status"], "FAILED", "{done}");
    assert_eq!(done["error"]["kind"], "credentials-rejected", "{done}");
    assert_eq!(done["attempt"], 1, "nothing is tried again: {done}");
    assert_eq!(status(&rail, id).await, "REAUTH_REQUIRED");
    assert_eq!(quickbooks.vendor().oauth().counts().refused_refreshes, 1);

    // A person brings it back.
    let back = consented(&rail, id).await;
    assert_eq!(come_back(&rail, &back).await.status, 200);
    let done = rail.sync(id, &customers("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_sealed_and_go_with_their_connection() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
    let id = connect_by_tokens(&rail, quickbooks.vendor()).await;
    quickbooks.vendor().oauth().expire_access_tokens();
    opened(&rail, &id).await.test().await.unwrap();
    let sealed = "SELECT count(*) FROM grants WHERE version = 1 AND sealed IS NOT NULL
                  AND position(convert_to('at_', 'UTF8') IN sealed) = 0 AND refreshing_until IS NULL";
    assert_eq!(rail.database.ask(sealed).await, 1);
    assert_eq!(
        rail.caller
            .delete(&format!("/connections/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(rail.database.ask("SELECT count(*) FROM grants").await, 0);
}
