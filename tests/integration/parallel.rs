//! A sync reads several entities at once, each with a cursor of its own.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::Settings;
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

const ALL: [(&str, u64); 6] = [
    ("customers", 450),
    ("products", 150),
    ("prices", 250),
    ("invoices", 100),
    ("charges", 350),
    ("refunds", 1),
];

async fn rail_with(records: &[(&str, u64)]) -> Rail {
    let settings = records
        .iter()
        .fold(Settings::new(7), |settings, (entity, count)| {
            settings.with(entity, *count)
        });
    Rail::builder().sandbox(settings).start().await
}

/// Asks for a FULL sync of these; returns where it is to be seen.
async fn start(rail: &Rail, entities: &[&str]) -> String {
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let body = json!({"entities": entities, "mode": "FULL"});
    let asked = rail.caller.post(&path, &body).await.expect(202);
    format!("{path}/{}", text(&asked, "syncId"))
}

fn fetched(sync: &Value, entity: &str) -> Value {
    sync["stats"][entity]["fetched"].clone()
}

async fn rows(rail: &Rail) -> Value {
    let counted = "SELECT jsonb_object_agg(entity, n) FROM (
        SELECT entity, count(*) AS n FROM records r JOIN streams s ON s.id = r.stream_id GROUP BY entity) AS counted";
    rail.database.ask(counted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_do_not_wait_for_one_whose_pages_are_slow() {
    let rail = rail_with(&[("customers", 5), ("products", 150)]).await;
    let faults = rail.sandbox.faults();
    faults.on("/v1/customers", 1, Fault::Held);

    let sync = start(&rail, &["customers", "products"]).await;

    let meanwhile = rail
        .until(&sync, |sync| fetched(sync, "products") == 150)
        .await;
    assert_eq!(fetched(&meanwhile, "customers"), 0, "{meanwhile}");
    faults.release();
    let done = rail.ended(&sync).await;
    assert_eq!(
        (&done["status"], fetched(&done, "customers")),
        (&json!("COMPLETED"), json!(5))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entity_has_its_rows_its_counts_and_its_end_in_the_order_asked_for() {
    let rail = rail_with(&ALL).await;

    let sync = start(&rail, &ALL.map(|(entity, _)| entity)).await;
    let done = rail.ended(&sync).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    let expected: Value = ALL
        .iter()
        .map(|(entity, count)| ((*entity).to_owned(), json!(count)))
        .collect();
    assert_eq!(rows(&rail).await, expected);
    for (entity, count) in ALL {
        let of = &done["stats"][entity];
        assert_eq!(
            (&of["fetched"], &of["created"], &of["errors"]),
            (&json!(count), &json!(count), &json!(0)),
            "{entity}"
        );
    }
    let numbered = "SELECT count(*) = max(seq) FROM sync_log";
    assert_eq!(rail.database.ask(numbered).await, true);
    let read = "SELECT count(*) FROM streams WHERE last_read_at IS NOT NULL";
    assert_eq!(rail.database.ask(read).await, ALL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_may_not_be_read_fails_the_sync_once_the_others_in_hand_are_complete() {
    let rail = rail_with(&[("customers", 650), ("invoices", 1)]).await;
    let forbidden = Fault::Status { status: 403 };
    let rule = Rule::new(forbidden).on("/v1/products").always();
    rail.sandbox.faults().add(rule);

    let sync = start(&rail, &["customers", "products", "invoices"]).await;
    let done = rail.ended(&sync).await;

    assert_eq!(done["status"], "FAILED", "{done}");
    assert_eq!(done["error"]["kind"], "permission-denied", "{done}");
    assert_eq!(rows(&rail).await, json!({"customers": 650, "invoices": 1}));
    let complete = "SELECT jsonb_agg(entity ORDER BY entity) FROM sync_entities WHERE complete";
    assert_eq!(
        rail.database.ask(complete).await,
        json!(["customers", "invoices"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_has_to_wait_stops_the_others_which_lose_nothing() {
    let rail = rail_with(&[("customers", 650), ("products", 150)]).await;
    // Two pages of customers are read before the rate limit is met, and the third is on its way then.
    let faults = rail.sandbox.faults();
    let slow = Fault::Slow { delay_ms: 60_000 };
    faults.add(Rule::new(slow).on("/v1/customers").after(2));
    faults.on("/v1/products", 1, Fault::Held);
    let limited = Fault::RateLimited {
        retry_after_s: Some(1),
    };
    faults.add(Rule::new(limited).on("/v1/products"));

    let sync = start(&rail, &["customers", "products"]).await;
    wait_until(SOON, "the third page to be asked for", async || {
        rail.sandbox.requests().count("/v1/customers") == 3
    })
    .await;
    faults.release();
    let done = rail.ended(&sync).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(
        rows(&rail).await,
        json!({"customers": 650, "products": 150})
    );
    assert_eq!(fetched(&done, "customers"), 650);
    let outcomes = "SELECT jsonb_agg(outcome ORDER BY fence) FROM job_attempts";
    assert_eq!(
        rail.database.ask(outcomes).await,
        json!(["SNOOZED", "DONE"])
    );
    let asked = rail.sandbox.requests().count("/v1/customers");
    assert_eq!(asked, 7 + 1, "only the page on its way is asked for again");
}
