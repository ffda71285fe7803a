//! Tokens of users, for which an app asks with its own: nobody consents again, and many need one at once.

use futures::future::join_all;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::tink::{CLIENT_SECRET, Tink};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Fault, Sandbox, Vendor};
use serde_json::{Value, json};

use super::{connect, opened_by_fifty, status};

const TRANSACTIONS: u64 = 230;
const ACCOUNTS: u64 = 3;
const GRANTS: &str = "/api/v1/oauth/authorization-grant";

async fn with_tink() -> (Rail, Sandbox<Tink>) {
    let tink = Start::new(5, TRANSACTIONS).serve(Tink::new);
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_TINK_BASE_URL", &tink.base_url())
        .start()
        .await;
    (rail, tink)
}

/// A connection to the user who is there; returns its id.
async fn connected(rail: &Rail, tink: &Tink) -> String {
    let made = connect(rail, "tink", &tink.credentials()).await;
    assert_eq!(made["status"], "ACTIVE", "{made}");
    text(&made, "connectionId").to_owned()
}

fn transactions(mode: &str) -> Value {
    json!({"entities": ["transactions"], "mode": mode})
}

/// How many tokens of users were fetched.
fn fetched(tink: &Sandbox<Tink>) -> u64 {
    tink.vendor().oauth().counts().codes
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_of_the_user_reads_everything_and_another_one_when_it_has_ended() {
    let (rail, tink) = with_tink().await;
    let id = connected(&rail, tink.vendor()).await;
    let done = rail.sync(&id, &json!({"mode": "FULL"})).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    for (entity, records) in [
        ("accounts", ACCOUNTS),
        ("transactions", TRANSACTIONS),
        ("balances", ACCOUNTS),
    ] {
        assert_eq!(done["stats"][entity]["created"], records, "{done}");
    }
    assert_eq!(fetched(&tink), 1);

    tink.vendor().oauth().expire_access_tokens();
    let done = rail.sync(&id, &json!({"mode": "INCREMENTAL"})).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["attempt"], 1, "{done}");
    assert_eq!(done["stats"]["transactions"]["unchanged"], TRANSACTIONS);
    assert_eq!(fetched(&tink), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_that_is_refused_in_the_middle_of_a_sync_is_replaced_once() {
    let (rail, tink) = with_tink().await;
    let id = connected(&rail, tink.vendor()).await;
    let list = "/data/v2/transactions";
    tink.faults().on(list, 1, Fault::Status { status: 401 });
    let done = rail.sync(&id, &transactions("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["transactions"]["created"], TRANSACTIONS);
    assert_eq!(done["attempt"], 1, "{done}");
    assert_eq!(fetched(&tink), 2);

    tink.faults().on(list, 2, Fault::Status { status: 401 });
    let failed = rail.sync(&id, &transactions("FULL")).await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["error"]["kind"], "credentials-rejected", "{failed}");
    assert_eq!(fetched(&tink), 3, "once and no more");
    assert_eq!(status(&rail, &id).await, "REAUTH_REQUIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_need_a_users_token_fetch_one() {
    let (rail, tink) = with_tink().await;
    let id = connected(&rail, tink.vendor()).await;
    let sources = opened_by_fifty(&rail, &id).await;
    for round in 2..=3 {
        tink.vendor().oauth().expire_access_tokens();
        for outcome in join_all(sources.iter().map(|source| source.test())).await {
            outcome.unwrap();
        }
        assert_eq!(fetched(&tink), round);
        let requests = tink.requests().count(GRANTS);
        assert_eq!(requests, round, "no code was asked for in vain");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whom_the_vendor_does_not_know_is_refused_with_what_to_do() {
    let (rail, tink) = with_tink().await;
    let mut credentials = tink.vendor().credentials();
    credentials["externalUserId"] = json!("nobody-of-the-rail");
    let body = json!({"connectorId": "tink", "name": "Bank", "credentials": credentials});
    let refused = rail.caller.post("/connections", &body).await;
    assert_eq!(refused.problem(422), "credentials-rejected");
    assert!(
        refused.text.contains("external user ID"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains(CLIENT_SECRET), "{}", refused.text);
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM connections").await,
        0
    );

    let id = connected(&rail, tink.vendor()).await;
    let nobody = json!({"credentials": {"externalUserId": "nobody-of-the-rail"}});
    let path = format!("/connections/{id}");
    let refused = rail.caller.patch(&path, &nobody).await;
    let code = refused.problem(422);
    assert_eq!(code, "credentials-rejected", "not by the token of another");
    let done = rail.sync(&id, &transactions("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "it goes on as it was: {done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_whose_ids_are_gone_are_deleted_and_no_others() {
    let (rail, tink) = with_tink().await;
    let id = connected(&rail, tink.vendor()).await;
    rail.sync(&id, &transactions("FULL")).await;
    let pending = TRANSACTIONS.div_ceil(20);
    for round in 0..2 {
        // Each has another id after it.
        tink.vendor().refresh(2);
        let done = rail.sync(&id, &transactions("INCREMENTAL")).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        let stats = &done["stats"]["transactions"];
        assert_eq!(stats["deleted"], pending, "{done}");
        assert_eq!(stats["created"], pending + 2, "{done}");
        let live = "SELECT count(*) FROM records WHERE deleted_at IS NULL";
        let held = TRANSACTIONS + 2 * (round + 1);
        assert_eq!(rail.database.ask(live).await, held);
    }
    let range = json!({"entities": ["transactions"], "mode": "FULL",
                       "dateRange": {"from": "2025-03-01", "to": "2025-03-31"}});
    tink.vendor().refresh(0);
    let done = rail.sync(&id, &range).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    let stats = &done["stats"]["transactions"];
    assert_eq!(
        stats["deleted"], 0,
        "a range tells of nothing outside: {done}"
    );
    assert!(stats["unchanged"].as_u64() > Some(0), "{done}");
}
