//! Budgets as callers and operators meet them.

use rail_shared::domain::Scope;
use rail_tests::harness::{Builder, Rail, text};
use rail_tests::redis::PrivateRedis;
use rail_tests::sandbox::stripe::DEFAULT_KEY;
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::xero::Xero;
use rail_tests::sandbox::{Fault, Rule, Sandbox, Vendor as _};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

fn xero() -> Sandbox<Xero> {
    Start::new(31, 60).serve(Xero::new)
}

fn reads(xero: &Sandbox<Xero>) -> Builder {
    Rail::builder().variable("RAIL_CONNECTOR_XERO_BASE_URL", &xero.base_url())
}

async fn connect(rail: &Rail, credentials: &Value) -> String {
    let body = json!({"connectorId": "xero", "name": "Xero", "credentials": credentials});
    let path = "/connections?verify=false";
    let made = rail.caller.post(path, &body).await.expect(201);
    text(&made, "connectionId").to_owned()
}

async fn starts(rail: &Rail, connection: &str, body: &Value) -> String {
    let path = format!("/connections/{connection}/sync");
    let sync = rail.caller.post(&path, body).await.expect(202);
    format!("{path}/{}", text(&sync, "syncId"))
}

async fn budget(rail: &Rail, connection: &str) -> Value {
    let path = format!("/connections/{connection}/budget");
    rail.caller.get(&path).await.expect(200)
}

fn left(budget: &Value, limit: &str) -> u64 {
    let limits = budget["limits"].as_array().unwrap();
    let found = limits.iter().find(|of| of["name"] == limit);
    found.unwrap_or_else(|| panic!("no {limit} in {budget}"))["remaining"]
        .as_u64()
        .unwrap_or_else(|| panic!("not known: {budget}"))
}

/// Waits until a sync was put off; why, in the words of its log.
async fn why_it_waits(rail: &Rail, sync: &str) -> String {
    let mut why = String::new();
    wait_until(SOON, "the sync is put off", async || {
        let log = rail.caller.get(&format!("{sync}/log")).await.expect(200);
        let entries = log.as_array().unwrap();
        let waited = entries.iter().find(|entry| entry["kind"] == "waited");
        why = waited.map_or(String::new(), |entry| text(entry, "message").to_owned());
        !why.is_empty()
    })
    .await;
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_used_up_the_budget_is_put_off_and_everybody_can_see_why() {
    let xero = xero();
    let rail = reads(&xero)
        .variable("RAIL_CONNECTOR_XERO_RATE", "minute=5")
        .start()
        .await;
    let credentials = xero.vendor().credentials();
    let (one, same) = (
        connect(&rail, &credentials).await,
        connect(&rail, &credentials).await,
    );
    let mut another = credentials.clone();
    another["clientId"] = "another app".into();
    let another = connect(&rail, &another).await;

    let sync = starts(&rail, &one, &json!({"mode": "FULL"})).await;
    let why = why_it_waits(&rail, &sync).await;

    assert!(why.contains("rate budget (minute)"), "{why}");
    let log = rail.caller.get(&format!("{sync}/log")).await.expect(200);
    assert!(
        !log.to_string().contains("\"retried\""),
        "an attempt was spent: {log}"
    );
    let seen = budget(&rail, &one).await;
    // Of five, a backfill leaves one.
    assert_eq!(
        (left(&seen, "minute"), left(&seen, "day")),
        (1, 4_996),
        "{seen}"
    );
    assert_eq!(seen["counting"], "TOGETHER");
    assert_eq!(seen["atOnce"]["requests"], 5);
    assert_eq!(seen["waiting"][0]["priority"], "BACKFILL", "{seen}");
    let of_same = budget(&rail, &same).await;
    assert_eq!(
        of_same["limits"], seen["limits"],
        "one account has one budget"
    );
    let of_another = budget(&rail, &another).await;
    assert_eq!(left(&of_another, "minute"), 5, "another has its own");

    // Whoever waits for an answer gets it.
    let test = format!("/connections/{same}/test");
    let tested = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(tested["success"], true, "{tested}");
    let tested = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(tested["success"], false, "{tested}");
    assert_eq!(tested["error"]["code"], "rate-limited", "{tested}");
    assert_eq!(xero.requests().all().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendors_headers_say_keeps_a_sync_from_asking_too_often() {
    let xero = xero();
    // Somebody else uses the organisation too, so less is left than is declared.
    xero.vendor().per_day().enforce(3);
    let rail = reads(&xero).start().await;
    let connection = connect(&rail, &xero.vendor().credentials()).await;

    let sync = starts(&rail, &connection, &json!({"mode": "FULL"})).await;
    let why = why_it_waits(&rail, &sync).await;

    assert!(why.contains("rate budget (day)"), "{why}");
    let statuses = xero.requests().all().into_iter().map(|asked| asked.status);
    assert!(!statuses.clone().any(|status| status == Some(429)));
    assert!(statuses.count() <= 3);
    assert!(left(&budget(&rail, &connection).await, "day") <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_that_one_connection_got_is_obeyed_by_all_of_its_account() {
    let rail = Rail::builder().customers(10).start().await;
    let (one, other) = (rail.connect_stripe().await, rail.connect_stripe().await);
    let limited = Fault::RateLimited {
        retry_after_s: Some(600),
    };
    rail.sandbox
        .faults()
        .add(Rule::new(limited).on("/v1/customers").times(1));
    let asked = json!({"entities": ["customers"]});
    let first = starts(&rail, &one, &asked).await;
    let why = why_it_waits(&rail, &first).await;
    assert!(why.contains("fewer requests"), "{why}");
    rail.sandbox.requests().clear();

    let second = starts(&rail, &other, &asked).await;
    let why = why_it_waits(&rail, &second).await;

    assert!(why.contains("rate budget is held"), "{why}");
    // Nor is another one tried now, which says nothing against it.
    let third = format!("/connections/{}", rail.connect_stripe().await);
    let third = rail.caller.get(&third).await.expect(200);
    assert_eq!(text(&third, "status"), "ACTIVE");
    assert_eq!(rail.sandbox.requests().all(), []);
    let seen = budget(&rail, &other).await;
    assert!(seen["heldUntil"].is_string(), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_slowed_down_reads_everything_once() {
    let rail = Rail::builder()
        .customers(1_200)
        .variable("RAIL_CONNECTOR_STRIPE_RATE", "second_in_test_mode=5")
        .workers(2)
        .start()
        .await;
    let stripe = rail.connect_stripe().await;
    let begun = std::time::Instant::now();
    let done = rail
        .sync(&stripe, &json!({"entities": ["customers"], "mode": "FULL"}))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["created"], 1_200);
    assert_eq!(rail.sandbox.requests().count("/v1/customers"), 12);
    // Four in a second, as a backfill leaves one: the last of twelve is sent in the third second.
    assert!(begun.elapsed().as_secs() >= 2, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_learns_no_credential_and_nothing_of_an_account_that_is_not_limited() {
    const HITS: &str = "local hits, seen = 0, 0
        for _, key in ipairs(redis.call('KEYS', 'rail:rate:*')) do
            seen = seen + 1
            for _, secret in ipairs(ARGV) do
                if string.find(key .. redis.call('DUMP', key), secret, 1, true) then hits = hits + 1 end
            end
        end
        return seen * 1000 + hits";
    for (rate, keys) in [("10000%", true), ("off", false)] {
        let redis = PrivateRedis::start().unwrap();
        let rail = Rail::builder()
            .customers(10)
            .variable("REDIS_URL", &redis.url())
            .variable("RAIL_CONNECTOR_STRIPE_RATE", rate)
            .start()
            .await;
        let stripe = rail.connect_stripe().await;
        let done = rail
            .sync(&stripe, &json!({"entities": ["customers"]}))
            .await;
        assert_eq!(done["status"], "COMPLETED");
        let words: [&[u8]; 6] = [
            b"EVAL",
            HITS.as_bytes(),
            b"0",
            DEFAULT_KEY.as_bytes(),
            stripe.as_bytes(),
            b"sandbox",
        ];
        let found = redis.command(&words).unwrap();
        let found: u64 = found.trim_start_matches(':').parse().unwrap();
        assert_eq!(found % 1_000, 0, "a secret stands in Redis");
        assert_eq!(found >= 1_000, keys, "{rate}: {found}");
        let limits = budget(&rail, &stripe).await["limits"].clone();
        assert_eq!(limits == json!([]), !keys, "{limits}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_seen_by_its_own_tenant_only() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let stranger = rail.caller_of("stranger", Scope::ALL).await;
    let path = format!("/connections/{stripe}/budget");
    assert_eq!(stranger.get(&path).await.problem(404), "not-found");
}
