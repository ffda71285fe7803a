//! Redis is away.

use std::time::Duration;

use rail_shared::budget::{Because, Budgets};
use rail_shared::domain::Counting;
use rail_shared::domain::Priority::Interactive;
use rail_tests::redis::Signal;
use rail_tests::wait::{SOON, wait_until};

use super::{Account, Bench, account, account_at_once, gets};

async fn counting_becomes(process: &Budgets, account: &Account, counting: Counting) {
    wait_until(SOON, &format!("counting {counting}"), async || {
        process.standing(account).await.counting == counting
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_process_keeps_to_its_share_and_after_that_to_what_is_left() {
    let mut bench = Bench::new();
    let (one, other) = (bench.process(), bench.process());
    let account = account("shared", 40, 60);
    for _ in 0..4 {
        one.ask(&account, "/any", Interactive).await.unwrap();
    }
    bench.redis.kill().unwrap();
    // A quarter each; what was sent before counts.
    assert_eq!(gets(&one, &account, Interactive).await, 6);
    assert_eq!(gets(&other, &account, Interactive).await, 10);
    assert_eq!(one.standing(&account).await.counting, Counting::Apart);
    assert_eq!(one.standing(&account).await.limits[0].remaining, None);
    bench.redis.restart().unwrap();
    for process in [&one, &other] {
        counting_becomes(process, &account, Counting::Together).await;
    }
    // It came back empty, and counts from then on.
    assert_eq!(gets(&one, &account, Interactive).await, 40);
    assert_eq!(gets(&other, &account, Interactive).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_a_process_still_waits_as_the_vendor_asked_it_to() {
    let mut bench = Bench::new();
    let process = bench.process();
    let account = account("held", 40, 60);
    process.hold(&account, Duration::from_secs(30)).await;
    bench.redis.kill().unwrap();
    let delay = process.ask(&account, "/any", Interactive).await;
    assert_eq!(delay.unwrap_err().because, Because::Held);
    bench.pass_ms(30_000);
    process.ask(&account, "/any", Interactive).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_few_are_on_their_way() {
    let mut bench = Bench::new();
    bench.redis.kill().unwrap();
    let (process, account) = (bench.process(), account_at_once("eight", 8));
    let one = process.ask(&account, "/any", Interactive).await.unwrap();
    let _two = process.ask(&account, "/any", Interactive).await.unwrap();
    let refused = process.ask(&account, "/any", Interactive).await;
    assert_eq!(refused.unwrap_err().because, Because::AtOnce);
    drop(one);
    process.ask(&account, "/any", Interactive).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_holds_still_or_takes_nothing_is_away_too() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("still", 40, 60);
    process.ask(&account, "/any", Interactive).await.unwrap();
    bench.redis.signal(Signal::Freeze).unwrap();
    process.ask(&account, "/any", Interactive).await.unwrap();
    assert_eq!(process.standing(&account).await.counting, Counting::Apart);
    bench.redis.signal(Signal::Thaw).unwrap();
    counting_becomes(&process, &account, Counting::Together).await;
    bench
        .redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])
        .unwrap();
    process.ask(&account, "/any", Interactive).await.unwrap();
    bench
        .redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])
        .unwrap();
    counting_becomes(&process, &account, Counting::Together).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_redis_forgot_are_given_to_it_again() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("forgotten", 40, 60);
    process.ask(&account, "/any", Interactive).await.unwrap();
    bench.redis.command(&[b"SCRIPT", b"FLUSH"]).unwrap();
    bench.redis.command(&[b"FLUSHALL"]).unwrap();
    process.ask(&account, "/any", Interactive).await.unwrap();
    counting_becomes(&process, &account, Counting::Together).await;
}
