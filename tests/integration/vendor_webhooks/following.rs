//! Whatever was told is read in the end, and no more often than it must be.

use std::collections::BTreeSet;

use rail_shared::domain::ConnectionId;
use rail_shared::store::told_changes::{self, ToldEvent};
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::{Settings, Webhook};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use super::{
    TOLD_CHANGES, TOLD_SYNCS, all_read, connect, event, read_customers, rename, stored_name, taken,
    tell_newest, tell_signed, told_syncs,
};

async fn tell_of(rail: &Rail, connection: &str, id: &str, event_type: &str, record: &str) {
    let Webhook { body, signature } = event(id, event_type, record);
    taken(&tell_signed(rail, connection, &signature, body).await);
}

/// Pauses, resumes or tests a connection.
async fn act(rail: &Rail, connection: &str, what: &str) {
    let path = format!("/connections/{connection}/{what}");
    let answer = rail.caller.post(&path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_told_while_a_sync_is_past_its_page_is_read_when_that_ends() {
    let rail = Rail::builder().customers(150).start().await;
    let stripe = connect(&rail).await;
    // Its second page has to wait.
    let held = Rule::new(Fault::Held).on("/v1/customers").after(1);
    rail.sandbox.faults().add(held);
    let asked = json!({"entities": ["customers"], "mode": "FULL"});
    let running = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &asked)
        .await
        .expect(202);
    let running = format!("/connections/{stripe}/sync/{}", text(&running, "syncId"));
    rail.until(&running, |sync| sync["progress"]["recordsFetched"] == 100)
        .await;
    let newest = rail.sandbox.stripe().ids("customers").remove(0);
    let before = stored_name(&rail, &newest).await;

    rename(&rail, &newest, "After Its Page");
    taken(&tell_newest(&rail, &stripe).await);

    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 0, "one sync at a time");
    rail.sandbox.faults().release();
    let ended = rail.ended(&running).await;
    assert_eq!(ended["status"], "COMPLETED");
    let by_that_sync = "SELECT fetched = 150 AND updated = 0 FROM sync_entities JOIN syncs ON id = sync_id WHERE trigger = 'REQUEST'";
    assert_eq!(
        rail.database.ask(by_that_sync).await,
        true,
        "it read {before} and nothing later"
    );
    all_read(&rail).await;
    assert_eq!(stored_name(&rail, &newest).await, "After Its Page");
    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_while_it_is_being_read_is_read_once_more() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = connect(&rail).await;
    read_customers(&rail, &stripe).await;
    let id = rail.sandbox.stripe().ids("customers").remove(0);
    let faults = rail.sandbox.faults();
    faults.add(Rule::new(Fault::Held).on("/v1/customers/*"));
    rename(&rail, &id, "Once");
    taken(&tell_newest(&rail, &stripe).await);
    let record = format!("/v1/customers/{id}");
    wait_until(SOON, "it to be asked for", async || {
        rail.sandbox.requests().count(&record) == 1
    })
    .await;

    rename(&rail, &id, "Twice");
    taken(&tell_newest(&rail, &stripe).await);
    assert_eq!(
        rail.database.ask(TOLD_CHANGES).await,
        2,
        "taken up once, and told anew"
    );
    faults.release();

    all_read(&rail).await;
    assert_eq!(stored_name(&rail, &id).await, "Twice");
    let syncs = told_syncs(&rail, &stripe).await;
    assert_eq!(syncs.len(), 2);
    assert!(
        syncs.iter().all(|sync| sync["status"] == "COMPLETED"),
        "{syncs:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_remembers_what_it_was_told() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = connect(&rail).await;
    read_customers(&rail, &stripe).await;
    act(&rail, &stripe, "pause").await;
    let id = rail.sandbox.stripe().ids("customers").remove(0);
    rename(&rail, &id, "While Paused");
    taken(&tell_newest(&rail, &stripe).await);
    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 0);
    // There was a round of upkeep since, as that of another connection shows, and it passed this one by.
    let other = connect(&rail).await;
    act(&rail, &other, "pause").await;
    let another = rail.sandbox.stripe().ids("customers").remove(1);
    tell_of(&rail, &other, "evt_other", "customer.updated", &another).await;
    act(&rail, &other, "resume").await;
    wait_until(SOON, "the other to have read", async || {
        rail.database.ask(TOLD_CHANGES).await == 1
    })
    .await;
    assert_eq!(told_syncs(&rail, &stripe).await.len(), 0);

    act(&rail, &stripe, "resume").await;
    all_read(&rail).await;
    assert_eq!(stored_name(&rail, &id).await, "While Paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_records_the_changes_are_listed_and_of_few_each_is_asked_for() {
    let settings = Settings::new(7).with("customers", 80).with("invoices", 5);
    let rail = Rail::builder().sandbox(settings).start().await;
    let stripe = connect(&rail).await;
    let both = json!({"entities": ["customers", "invoices"], "mode": "FULL"});
    rail.sync(&stripe, &both).await;
    act(&rail, &stripe, "pause").await;
    let (customers, invoices) = (
        rail.sandbox.stripe().ids("customers"),
        rail.sandbox.stripe().ids("invoices"),
    );
    for id in &customers[..60] {
        rename(&rail, id, "Of Many");
        taken(&tell_newest(&rail, &stripe).await);
    }
    let invoice = invoices[2].clone();
    rail.sandbox
        .stripe()
        .update("invoices", &invoice, |record| {
            record["description"] = json!("of few");
        });
    taken(&tell_newest(&rail, &stripe).await);

    act(&rail, &stripe, "resume").await;
    all_read(&rail).await;

    let syncs = told_syncs(&rail, &stripe).await;
    assert_eq!(syncs.len(), 1);
    let sync = &syncs[0];
    assert_eq!(
        sync["targets"],
        json!([{"entity": "invoices", "ids": [invoice], "errorIds": []}])
    );
    assert_eq!(sync["stats"]["customers"]["updated"], 60, "{sync}");
    assert_eq!(sync["stats"]["invoices"]["updated"], 1, "{sync}");
    assert_eq!(sync["stats"]["invoices"]["fetched"], 1, "{sync}");
    assert_eq!(
        rail.sandbox
            .requests()
            .count(&format!("/v1/customers/{}", customers[0])),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_or_cancelled_sync_was_to_read_waits_and_is_read_by_another() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = connect(&rail).await;
    read_customers(&rail, &stripe).await;
    let ids = rail.sandbox.stripe().ids("customers");
    let rejected = Fault::Status { status: 401 };
    rail.sandbox
        .faults()
        .add(Rule::new(rejected).on("/v1/customers/*"));
    rename(&rail, &ids[0], "Read Later");
    taken(&tell_newest(&rail, &stripe).await);
    let put_off = "SELECT count(*) FROM told_changes WHERE sync_id IS NULL AND failures = 1 AND due_at > now() + interval '50 s'";
    wait_until(SOON, "it to be put off", async || {
        rail.database.ask(put_off).await == 1
    })
    .await;
    let failed = told_syncs(&rail, &stripe).await;
    assert_eq!(failed[0]["status"], "FAILED", "{failed:?}");
    rail.until(&format!("/connections/{stripe}"), |connection| {
        connection["status"] == "REAUTH_REQUIRED"
    })
    .await;

    // It is well again. What is told meanwhile waits as long, so that failures do not follow each other without a pause.
    act(&rail, &stripe, "test").await;
    rename(&rail, &ids[1], "Told Meanwhile");
    taken(&tell_newest(&rail, &stripe).await);
    taken(&tell_newest(&rail, &stripe).await);
    assert_eq!(told_syncs(&rail, &stripe).await.len(), 1);

    // The next is cancelled while it is tried.
    let passing = Fault::Status { status: 503 };
    let faults = rail.sandbox.faults();
    faults.add(Rule::new(passing).on("/v1/customers/*").always());
    rail.database
        .run("UPDATE told_changes SET due_at = now()")
        .await;
    wait_until(SOON, "the second sync", async || {
        told_syncs(&rail, &stripe).await.len() == 2
    })
    .await;
    let second = told_syncs(&rail, &stripe).await.remove(1);
    let cancel = format!(
        "/connections/{stripe}/sync/{}/cancel",
        text(&second, "syncId")
    );
    let _ = rail.caller.post(&cancel, &Value::Null).await.expect(202);
    let put_off = "SELECT count(*) FROM told_changes WHERE sync_id IS NULL AND failures > 0 AND due_at > now() + interval '50 s'";
    wait_until(SOON, "both to be put off", async || {
        rail.database.ask(put_off).await == 2
    })
    .await;

    rail.sandbox.faults().clear();
    rail.database
        .run("UPDATE told_changes SET due_at = now()")
        .await;
    all_read(&rail).await;
    assert_eq!(stored_name(&rail, &ids[0]).await, "Read Later");
    assert_eq!(stored_name(&rail, &ids[1]).await, "Told Meanwhile");
    assert_eq!(told_syncs(&rail, &stripe).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_of_an_entity_that_is_no_more_is_forgotten_and_one_that_is_not_known_yet_waits()
 {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = connect(&rail).await;
    act(&rail, &stripe, "pause").await;
    tell_of(&rail, &stripe, "evt_1", "customer.updated", "cus_none").await;
    rail.database
        .run("UPDATE told_changes SET entity = 'unicorns'")
        .await;
    tell_of(&rail, &stripe, "evt_2", "customer.updated", "cus_none").await;
    act(&rail, &stripe, "resume").await;
    wait_until(SOON, "the customer to be read", async || {
        let customers = "SELECT count(*) FROM told_changes WHERE entity = 'customers'";
        rail.database.ask(customers).await == 0
    })
    .await;
    assert_eq!(rail.database.ask(TOLD_CHANGES).await, 1);

    rail.database
        .run("UPDATE told_changes SET told_at = now() - interval '2 hours'")
        .await;
    all_read(&rail).await;
    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_may_look_like_another_is_taken_again_until_its_moment_is_over() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe: ConnectionId = connect(&rail).await.parse().unwrap();
    let event = |settled| ToldEvent {
        digest: [7; 32],
        settled,
        changes: BTreeSet::from([("customers".to_owned(), Some("cus_1".to_owned()))]),
    };
    let mut fresh = Vec::new();
    for settled in [false, false, true, true, false] {
        let mut conn = rail.database.store().connect().await.unwrap();
        let noted = told_changes::note(&mut conn, stripe, &[event(settled), event(settled)]).await;
        fresh.push(noted.unwrap());
    }
    assert_eq!(fresh, [1, 1, 1, 0, 0]);
    assert_eq!(rail.database.ask(TOLD_CHANGES).await, 1);
}
