//! What the vendor says of its limits.

use std::time::Duration;

use rail_shared::budget::{Because, Budgets, Told};
use rail_shared::domain::Priority::{Backfill, Interactive};

use super::{Bench, account, gets};

fn remaining(requests: u32) -> Told {
    Told {
        place: 0,
        remaining: Some(requests),
        limit: None,
        resets_in: None,
    }
}

async fn sends_and_hears(process: &Budgets, account: &rail_shared::budget::Account, told: Told) {
    let pass = process.ask(account, "/any", Interactive).await.unwrap();
    process.tell(account, &pass, &[told]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_vendor_says_that_less_is_left_all_processes_have_less() {
    let bench = Bench::new();
    let (one, other) = (bench.process(), bench.process());
    let account = account("others use it too", 60, 60);
    sends_and_hears(&one, &account, remaining(7)).await;
    assert_eq!(one.standing(&account).await.limits[0].remaining, Some(7));
    assert_eq!(gets(&other, &account, Interactive).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_others_leave_each_priority_may_use_its_part() {
    let bench = Bench::new();
    let process = bench.process();
    let day = 24 * 3_600;
    let small_plan = account("a plan of a fifth", 5_000, day);
    sends_and_hears(&process, &small_plan, remaining(999)).await;
    bench.pass_ms(2_000);
    assert_eq!(gets(&process, &small_plan, Backfill).await, 800 - 1);
    assert_eq!(gets(&process, &small_plan, Interactive).await, 200);
    let used_up = account("used up by others", 5_000, day);
    sends_and_hears(&process, &used_up, remaining(0)).await;
    for priority in super::ALL {
        assert_eq!(gets(&process, &used_up, priority).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_vendor_says_that_more_is_left_nobody_has_more() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("generous", 10, 60);
    for _ in 0..3 {
        sends_and_hears(&process, &account, remaining(1_000)).await;
    }
    assert_eq!(gets(&process, &account, Interactive).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_limit_counts_for_all_priorities_and_a_larger_one_does_not() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("a smaller plan", 100, 60);
    let limit = |limit| Told {
        limit: Some(limit),
        remaining: None,
        ..remaining(0)
    };
    sends_and_hears(&process, &account, limit(1_000)).await;
    assert_eq!(process.standing(&account).await.limits[0].requests, 100);
    // Later, so that nothing is taken ahead.
    bench.pass_ms(2_000);
    sends_and_hears(&process, &account, limit(10)).await;
    assert_eq!(process.standing(&account).await.limits[0].requests, 10);
    assert_eq!(gets(&process, &account, Backfill).await, 8 - 2);
    bench.pass_ms(66_000);
    // Another plan since then.
    sends_and_hears(&process, &account, limit(50)).await;
    assert_eq!(gets(&process, &account, Interactive).await, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_used_comes_back_when_the_vendor_says() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("resets", 60, 60);
    let told = Told {
        resets_in: Some(Duration::from_secs(20)),
        ..remaining(0)
    };
    sends_and_hears(&process, &account, told).await;
    bench.pass_ms(19_000);
    assert_eq!(gets(&process, &account, Interactive).await, 0);
    bench.pass_ms(4_000);
    assert_eq!(gets(&process, &account, Interactive).await, 59);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_vendor_asks_to_wait_everybody_of_the_account_does_and_nobody_else() {
    let bench = Bench::new();
    let (one, other) = (bench.process(), bench.process());
    let held = account("held", 60, 60);
    one.hold(&held, Duration::from_secs(30)).await;
    // A shorter wait takes nothing back.
    one.hold(&held, Duration::from_secs(1)).await;
    for process in [&one, &other] {
        let delay = process.ask(&held, "/any", Interactive).await.unwrap_err();
        assert_eq!(delay.because, Because::Held);
        assert_eq!(delay.wait, Duration::from_secs(30));
    }
    let until = one.standing(&held).await.held_until.unwrap();
    assert_eq!(until - bench.clock.now(), chrono::TimeDelta::seconds(30));
    let free = account("free", 60, 60);
    other.ask(&free, "/any", Interactive).await.unwrap();
    bench.pass_ms(30_000);
    other.ask(&held, "/any", Interactive).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_ahead_is_not_used_once_the_vendor_asked_to_wait() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("held", 1_000, 60);
    for _ in 0..40 {
        process.ask(&account, "/any", Interactive).await.unwrap();
    }
    process.hold(&account, Duration::from_secs(5)).await;
    assert_eq!(gets(&process, &account, Interactive).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_long_a_vendor_asks_to_wait_it_is_asked_again_in_an_hour() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("held", 60, 60);
    process.hold(&account, Duration::MAX).await;
    bench.pass_ms(3_599_000);
    assert_eq!(gets(&process, &account, Interactive).await, 0);
    bench.pass_ms(1_000);
    process.ask(&account, "/any", Interactive).await.unwrap();
}
