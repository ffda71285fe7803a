//! What asking costs, to be read: `./dev test integration -- what_a_request_costs -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use rail_shared::budget::{Account, Budgets, RateSettings};
use rail_shared::domain::Priority::Manual;
use rail_tests::redis::PrivateRedis;

use super::{account, limit};

const REQUESTS: u32 = 5_000;

async fn measured(process: &Budgets, account: &Account, pause: Duration) -> [Duration; 2] {
    let mut took = Vec::new();
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        process.enter(account, "/any", Manual).await.unwrap();
        took.push(begun.elapsed());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    took.sort_unstable();
    [took[took.len() / 2], took[took.len() * 99 / 100]]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn what_a_request_costs() {
    let redis = PrivateRedis::start().unwrap();
    let process = Budgets::new(&redis.url(), RateSettings::default()).unwrap();
    // As Xero has: three windows, and some at once.
    let mut three = account("three", 10_000_000, 60);
    three
        .limits
        .push(limit("day", 10_000_000, 86_400, &three.digest));
    three
        .limits
        .push(limit("second", 10_000_000, 1, &three.digest));
    let mut at_once = super::account_at_once("at once", 1_000);
    at_once.limits.clone_from(&three.limits);
    let one = account("one", 10_000_000, 1);
    for (name, account, pause_ms) in [
        ("one limit, one request after the other", &one, 0),
        ("one limit, a request every 5 ms", &one, 5),
        ("three limits, one request after the other", &three, 0),
        (
            "three limits and at once, one request after the other",
            &at_once,
            0,
        ),
    ] {
        let [p50, p99] = measured(&process, account, Duration::from_millis(pause_ms)).await;
        println!("{name}: p50 {p50:?}, p99 {p99:?}");
    }
}
