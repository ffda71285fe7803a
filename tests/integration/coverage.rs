//! What was read of an entity is known, and made use of.

use rail_tests::harness::Rail;
use rail_tests::sandbox::stripe::Settings;
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

const DAY_S: i64 = 86_400;
/// The first day of the sandbox's year.
const NEW_YEAR: i64 = 1_735_689_600;

pub(crate) fn ask(mode: &str, entity: &str) -> Value {
    json!({"mode": mode, "entities": [entity]})
}

/// The same, of days of January 2025, both included.
fn ask_days(mode: &str, entity: &str, from: u32, to: u32) -> Value {
    let mut body = ask(mode, entity);
    body["dateRange"] =
        json!({"from": format!("2025-01-{from:02}"), "to": format!("2025-01-{to:02}")});
    body
}

pub(crate) async fn entity(rail: &Rail, connection: &str, name: &str) -> Value {
    let path = format!("/connections/{connection}/entities/{name}");
    rail.caller.get(&path).await.expect(200)
}

/// How many records the vendor holds that were created from one day of January 2025 to another, both included.
fn held(rail: &Rail, entity: &str, from: i64, to: i64) -> i64 {
    let days = NEW_YEAR + (from - 1) * DAY_S..NEW_YEAR + to * DAY_S;
    let stripe = rail.sandbox.stripe();
    let ids = stripe.ids(entity).into_iter();
    let records = ids.filter_map(|id| stripe.record(entity, &id));
    let inside = records.filter(|record| days.contains(&record["created"].as_i64().unwrap()));
    i64::try_from(inside.count()).unwrap()
}

pub(crate) fn fetched(sync: &Value, entity: &str) -> i64 {
    assert_eq!(sync["status"], "COMPLETED", "{sync}");
    sync["stats"][entity]["fetched"].as_i64().unwrap()
}

/// The spans that were asked for at a path, one for each page.
fn asked(rail: &Rail, path: &str) -> Vec<[Option<i64>; 2]> {
    let requests = rail.sandbox.requests().to(path);
    let bounds = requests.iter().map(|request| {
        ["created[gte]", "created[lt]"]
            .map(|name| request.parameter(name).map(|value| value.parse().unwrap()))
    });
    bounds.collect()
}

fn instant(value: &Value) -> i64 {
    let time: chrono::DateTime<chrono::Utc> = value.as_str().unwrap().parse().unwrap();
    time.timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_never_moves_where_changes_are_read_from() {
    let rail = Rail::builder().customers(400).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    let before = entity(&rail, &stripe, "customers").await;
    assert_eq!(
        before["coverage"],
        json!([{"from": null, "to": before["through"]}])
    );

    let again = rail
        .sync(&stripe, &ask_days("FULL", "customers", 1, 15))
        .await;

    assert_eq!(
        fetched(&again, "customers"),
        held(&rail, "customers", 1, 15)
    );
    let after = entity(&rail, &stripe, "customers").await;
    assert_eq!(
        (&after["through"], &after["coverage"]),
        (&before["through"], &before["coverage"])
    );
    assert_eq!(after["lastSyncId"], again["syncId"]);
    let changed = rail.sandbox.stripe().ids("customers").remove(7);
    rail.sandbox
        .stripe()
        .update("customers", &changed, |customer| {
            customer["name"] = json!("New");
        });
    let next = rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    assert_eq!(next["stats"]["customers"]["updated"], 1, "{next}");
    assert_eq!(
        asked(&rail, "/v1/events"),
        [[Some(instant(&before["through"])), None]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_read_once_by_incremental_syncs_and_again_by_full_ones() {
    let rail = Rail::builder().customers(2_000).start().await;
    let stripe = rail.connect_stripe().await;
    let path = "/v1/customers";
    let first = rail
        .sync(&stripe, &ask_days("INCREMENTAL", "customers", 1, 15))
        .await;
    let days = held(&rail, "customers", 1, 15);
    assert!(days > 0);
    assert_eq!(fetched(&first, "customers"), days);

    rail.sandbox.requests().clear();
    let known = rail
        .sync(&stripe, &ask_days("INCREMENTAL", "customers", 3, 12))
        .await;
    assert_eq!(fetched(&known, "customers"), 0);
    assert_eq!(rail.sandbox.requests().count(path), 0, "nothing to ask for");

    let overlapping = rail
        .sync(&stripe, &ask_days("INCREMENTAL", "customers", 10, 20))
        .await;
    assert_eq!(
        fetched(&overlapping, "customers"),
        held(&rail, "customers", 16, 20)
    );
    let hole = [Some(NEW_YEAR + 15 * DAY_S), Some(NEW_YEAR + 20 * DAY_S)];
    assert!(asked(&rail, path).iter().all(|span| *span == hole));
    let now = entity(&rail, &stripe, "customers").await;
    assert_eq!(
        (&now["through"], &now["coverage"]),
        (
            &Value::Null,
            &json!([{"from": "2025-01-01T00:00:00Z", "to": "2025-01-21T00:00:00Z"}])
        )
    );

    let full = rail
        .sync(&stripe, &ask_days("FULL", "customers", 1, 15))
        .await;
    assert_eq!(fetched(&full, "customers"), days);
    assert_eq!(full["stats"]["customers"]["unchanged"], days);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_incremental_sync_reads_everything_that_may_have_changed_since_a_backfill() {
    let rail = Rail::builder().customers(600).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask_days("INCREMENTAL", "customers", 1, 15))
        .await;
    let backfilled = held(&rail, "customers", 1, 15);

    let first = rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;

    assert_eq!(fetched(&first, "customers"), 600);
    assert_eq!(first["stats"]["customers"]["unchanged"], backfilled);
    let known = entity(&rail, &stripe, "customers").await;
    assert_eq!(
        known["coverage"],
        json!([{"from": null, "to": known["through"]}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_changes_is_read_once_though_the_sync_is_interrupted_between_two_spans() {
    let business = Settings::new(11).with_business(400);
    let rail = Rail::builder().sandbox(business).start().await;
    let stripe = rail.connect_stripe().await;
    let (name, path) = ("balance_transactions", "/v1/balance_transactions");
    let all = i64::try_from(rail.sandbox.stripe().count(name)).unwrap();
    let backfill = rail
        .sync(&stripe, &ask_days("INCREMENTAL", name, 10, 20))
        .await;
    let backfilled = held(&rail, name, 10, 20);
    assert_eq!(fetched(&backfill, name), backfilled);
    let (early, late) = (held(&rail, name, -400, 9), held(&rail, name, 21, 900));
    assert!(early > 0 && late > 100 && backfilled > 0);
    rail.sandbox.requests().clear();
    let pages_of_the_newest = u64::try_from(late).unwrap().div_ceil(100);
    rail.sandbox.faults().add(
        Rule::new(Fault::Status { status: 503 })
            .on(path)
            .after(pages_of_the_newest)
            .times(1),
    );

    let first = rail.sync(&stripe, &ask("INCREMENTAL", name)).await;

    assert_eq!(first["attempt"], 2, "{first}");
    assert_eq!(fetched(&first, name), early + late);
    assert_eq!(first["stats"][name]["created"], early + late);
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, all);
    let newest = [Some(NEW_YEAR + 20 * DAY_S), None];
    let oldest = [None, Some(NEW_YEAR + 9 * DAY_S)];
    let spans = asked(&rail, path);
    let of_newest = spans.iter().filter(|span| **span == newest).count();
    assert_eq!(
        u64::try_from(of_newest).unwrap(),
        pages_of_the_newest,
        "the first span is not read again"
    );
    assert!(spans[of_newest..].iter().all(|span| *span == oldest));
    let known = entity(&rail, &stripe, name).await;
    assert_eq!(
        known["coverage"],
        json!([{"from": null, "to": known["through"]}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_the_first_form_is_read() {
    let rail = Rail::builder().customers(30).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("FULL", "customers")).await;
    rail.database
        .run("UPDATE streams SET checkpoint = checkpoint - 'coverage'")
        .await;
    let shown = entity(&rail, &stripe, "customers").await;
    assert_eq!(
        shown["coverage"],
        json!([{"from": null, "to": shown["through"]}])
    );
    rail.sandbox.requests().clear();

    rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;

    assert_eq!(rail.sandbox.requests().count("/v1/customers"), 0);
    assert_eq!(rail.sandbox.requests().count("/v1/events"), 1);
}
