//! Who may send how many.

use std::time::Duration;

use futures::future::join_all;
use rail_shared::budget::{Because, Budgets};
use rail_shared::domain::{Counting, Priority};
use rail_tests::draw::Draw;
use rail_tests::wait::{SOON, wait_until};

use super::{ALL, Bench, account, account_at_once, gets, limit};

/// Requests that some processes send at random moments; returns when each was sent, in milliseconds.
async fn random_traffic(bench: &Bench, seed: u64, requests: u32, seconds: u64) -> Vec<u64> {
    let mut draw = Draw::new(seed, 0xb0d9, 0);
    let processes: Vec<Budgets> = (0..3).map(|_| bench.process()).collect();
    let account = account(&format!("{seed}"), requests, seconds);
    let length_ms = 1_000 * seconds;
    let (mut sent, mut at_ms) = (Vec::new(), 0);
    while at_ms < 5 * length_ms {
        let callers: Vec<(&Budgets, Priority)> = (0..draw.below(12))
            .map(|_| {
                let process = &processes[draw.below(3) as usize];
                (process, ALL[draw.below(4) as usize])
            })
            .collect();
        let asking = callers
            .iter()
            .map(|(process, priority)| process.ask(&account, "/any", *priority));
        let asked = join_all(asking).await;
        sent.extend(asked.iter().filter(|asked| asked.is_ok()).map(|_| at_ms));
        // From bursts to long pauses.
        let longest = [3, 40, length_ms / 3][draw.below(3) as usize];
        let passes = draw.below(longest);
        bench.pass_ms(passes);
        at_ms += passes;
    }
    for process in &processes {
        let standing = process.standing(&account).await;
        assert_eq!(standing.counting, Counting::Together, "Redis was away");
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_ever_holds_more_than_the_limit_whoever_asks_when() {
    let bench = Bench::new();
    for seed in 0..40 {
        // Redis forgets a window by its own clock, which nobody moves.
        let (requests, seconds) = [(5, 10), (25, 10), (60, 60), (7, 10)][(seed % 4) as usize];
        let sent = random_traffic(&bench, seed, requests, seconds).await;
        assert!(sent.len() > requests as usize, "seed {seed}: hardly any");
        for (first, at_ms) in sent.iter().enumerate() {
            let within = sent[first..]
                .iter()
                .take_while(|other| **other < at_ms + 1_000 * seconds)
                .count();
            assert!(
                within <= requests as usize,
                "seed {seed}: {within} requests in {seconds} s from {at_ms} ms on"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_all_the_time_gets_nearly_all_that_is_allowed() {
    let bench = Bench::new();
    let (process, account) = (bench.process(), account("busy", 60, 60));
    let mut sent = 0;
    for _ in 0..600 {
        sent += gets(&process, &account, Priority::Interactive).await;
        bench.pass_ms(1_000);
    }
    assert!(
        (540..=600).contains(&sent),
        "{sent} requests in ten minutes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_holds_nobody_up_for_longer_than_a_window() {
    let bench = Bench::new();
    let process = bench.process();
    let account = account("back", 10, 60);
    bench.pass_ms(3_600_000);
    assert_eq!(gets(&process, &account, Priority::Interactive).await, 10);
    let earlier = rail_shared::domain::Clock::held_at(
        chrono::DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
    );
    let set_back = Bench {
        redis: bench.redis,
        clock: earlier,
    };
    let process = set_back.process();
    assert_eq!(gets(&process, &account, Priority::Interactive).await, 0);
    set_back.pass_ms(63_000);
    assert_eq!(gets(&process, &account, Priority::Interactive).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_one_budget_in_all_processes_and_another_has_its_own() {
    let bench = Bench::new();
    let (one, other) = (bench.process(), bench.process());
    let shared = account("shared", 10, 60);
    assert_eq!(gets(&one, &shared, Priority::Interactive).await, 10);
    assert_eq!(gets(&other, &shared, Priority::Interactive).await, 0);
    let own = account("own", 10, 60);
    assert_eq!(gets(&other, &own, Priority::Interactive).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_taken_from_all_its_limits_or_from_none_and_not_from_others() {
    let bench = Bench::new();
    let process = bench.process();
    let mut both = account("both", 10, 60);
    let mut day = limit("day", 3, 86_400, &both.digest);
    day.paths = vec!["/reports".to_owned()];
    both.limits.push(day);
    for _ in 0..3 {
        process
            .ask(&both, "/reports", Priority::Interactive)
            .await
            .unwrap();
    }
    let delay = process.ask(&both, "/reports", Priority::Interactive).await;
    let delay = delay.unwrap_err();
    assert_eq!(delay.because, Because::Limit("day".to_owned()));
    assert!(delay.wait > Duration::from_secs(80_000), "{delay:?}");
    // What was refused took nothing from the first.
    assert_eq!(gets(&process, &both, Priority::Interactive).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_less_urgent_leave_some_to_the_more_urgent_and_get_theirs_when_nobody_else_asks() {
    let bench = Bench::new();
    let (process, account) = (bench.process(), account("busy", 100, 60));
    for round in 0..3 {
        let got = [
            gets(&process, &account, Priority::Backfill).await,
            gets(&process, &account, Priority::Scheduled).await,
            gets(&process, &account, Priority::Manual).await,
            gets(&process, &account, Priority::Interactive).await,
        ];
        assert_eq!(got, [80, 10, 5, 5], "round {round}");
        let waiting: Vec<(Priority, u32)> = process.standing(&account).await.waiting;
        assert_eq!(waiting, ALL.map(|priority| (priority, 1)), "round {round}");
        // All that is needed is that time passes.
        bench.pass_ms(80_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_one_at_a_time_the_least_urgent_gets_it_too() {
    let bench = Bench::new();
    let (process, account) = (bench.process(), account("slow", 1, 10));
    assert_eq!(gets(&process, &account, Priority::Backfill).await, 1);
    assert_eq!(gets(&process, &account, Priority::Interactive).await, 0);
    bench.pass_ms(10_500);
    assert_eq!(gets(&process, &account, Priority::Backfill).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_on_their_way_at_once_than_may_be_in_all_processes() {
    let bench = Bench::new();
    let (one, other) = (bench.process(), bench.process());
    let account = account_at_once("five", 5);
    let mut passes = Vec::new();
    for process in [&one, &other, &one, &other, &one] {
        passes.push(
            process
                .ask(&account, "/any", Priority::Interactive)
                .await
                .unwrap(),
        );
    }
    let refused = other.ask(&account, "/any", Priority::Interactive).await;
    assert_eq!(refused.unwrap_err().because, Because::AtOnce);
    assert_eq!(one.standing(&account).await.in_flight, Some(5));
    passes.pop();
    wait_until(SOON, "one is back", async || {
        other
            .ask(&account, "/any", Priority::Interactive)
            .await
            .is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_leaves_room_among_those_on_their_way() {
    let bench = Bench::new();
    let (process, account) = (bench.process(), account_at_once("five", 5));
    let mut passes = Vec::new();
    while let Ok(pass) = process.ask(&account, "/any", Priority::Backfill).await {
        passes.push(pass);
        assert!(passes.len() <= 5, "nothing is limited");
    }
    assert_eq!(passes.len(), 4);
    process
        .ask(&account, "/any", Priority::Interactive)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_had_on_its_way_comes_back() {
    let bench = Bench::new();
    let (killed, other) = (bench.process(), bench.process());
    let account = account_at_once("one", 1);
    let pass = killed
        .ask(&account, "/any", Priority::Manual)
        .await
        .unwrap();
    // It says no word any more.
    std::mem::forget(pass);
    bench.pass_ms(14_999);
    assert!(other.ask(&account, "/any", Priority::Manual).await.is_err());
    bench.pass_ms(1);
    other.ask(&account, "/any", Priority::Manual).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_is_waited_out_and_a_long_one_is_not() {
    // By Redis' own clock.
    let redis = rail_tests::redis::PrivateRedis::start().unwrap();
    let process = Budgets::new(&redis.url(), rail_shared::budget::RateSettings::default()).unwrap();
    let short = account("short", 4, 1);
    let begun = std::time::Instant::now();
    for _ in 0..6 {
        process
            .enter(&short, "/any", Priority::Interactive)
            .await
            .unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let long = account("long", 1, 60);
    process
        .enter(&long, "/any", Priority::Interactive)
        .await
        .unwrap();
    let begun = std::time::Instant::now();
    let delay = process.enter(&long, "/any", Priority::Interactive).await;
    let delay = delay.unwrap_err();
    assert!(begun.elapsed() < SOON, "it was not waited out");
    assert!(delay.wait > Duration::from_secs(50), "{delay:?}");
    assert_eq!(delay.because, Because::Limit("window".to_owned()));
}
