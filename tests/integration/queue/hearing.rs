//! Rings are heard once, by who has a free slot, until it is told to stop.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rail_shared::domain::JobKind::{Export, Sync};
use rail_shared::queue::{Ring, Ringer};
use rail_tests::redis::PrivateRedis;
use rail_tests::wait::{SOON, wait_until};

use super::{Ears, any_redis, depth_becomes, own_doorbell, ring, up_becomes};

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_is_heard_within_milliseconds() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 4));
    let mut latencies = Vec::new();
    for _ in 0..100 {
        let (rung, start) = (ring(), Instant::now());
        ringer.ring(Sync, rung);
        assert_eq!(ears.next().await, rung);
        latencies.push(start.elapsed());
    }
    latencies.sort();
    assert!(
        latencies[50] < Duration::from_millis(20),
        "half took longer than {:?}",
        latencies[50]
    );
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rings_are_heard_exactly_once_by_two_workers() {
    let (_redis, doorbell) = any_redis();
    let ringer = Ringer::new(&doorbell);
    let (mut one, mut other) = (
        Ears::open(&doorbell, Sync, 64),
        Ears::open(&doorbell, Sync, 64),
    );
    let mut expected = HashMap::new();
    for _ in 0..10_000 {
        let rung = ring();
        ringer.ring(Sync, rung);
        expected.insert(rung, 0);
    }
    for _ in 0..10_000 {
        let heard = tokio::time::timeout(SOON, async {
            tokio::select! { ring = one.heard.recv() => ring, ring = other.heard.recv() => ring }
        });
        *expected
            .get_mut(&heard.await.expect("a ring is missing").unwrap())
            .unwrap() += 1;
    }
    assert_eq!(ringer.dropped(), 0);
    let extra = [one.stop().await, other.stop().await].concat();
    assert!(extra.is_empty() && expected.values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_do_not_hear_each_other() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Export, 4));
    let (sync, export) = (ring(), ring());
    ringer.ring(Sync, sync);
    ringer.ring(Export, export);
    assert_eq!(ears.next().await, export);
    depth_becomes(&doorbell, Sync, 1).await;
    assert!(ears.stop().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_ringer_pushes_what_waits() {
    let (_redis, doorbell) = any_redis();
    let ringer = Ringer::new(&doorbell);
    for _ in 0..5000 {
        ringer.ring(Sync, ring());
    }
    ringer.clone().close(SOON).await;
    assert_eq!(
        (doorbell.depth(Sync).await.unwrap(), ringer.dropped()),
        (5000, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_free_slots_leaves_rings_to_another() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut busy) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 2));
    for _ in 0..5 {
        ringer.ring(Sync, ring());
    }
    busy.next().await;
    busy.next().await;
    depth_becomes(&doorbell, Sync, 3).await;
    let mut free = Ears::open(&doorbell, Sync, 2);
    for _ in 0..3 {
        free.next().await;
    }
    busy.gate.close();
    assert!(busy.stop().await.is_empty());
    assert!(free.stop().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_64_calls_finish_and_takes_no_more() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 64));
    for _ in 0..100 {
        ringer.ring(Sync, ring());
    }
    for _ in 0..64 {
        ears.next().await;
    }
    depth_becomes(&doorbell, Sync, 36).await;
    ears.stop.cancel();
    let (gate, ended) = (ears.gate.clone(), ears.ended.clone());
    gate.add_permits(63);
    wait_until(SOON, "63 calls ended", async || {
        ended.load(Ordering::SeqCst) == 63
    })
    .await;
    assert!(!ears.task.is_finished(), "the last call is still under way");
    gate.add_permits(1);
    assert!(ears.stop().await.is_empty());
    assert_eq!(ended.load(Ordering::SeqCst), 64);
    assert_eq!(doorbell.depth(Sync).await.unwrap(), 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ring_is_lost_between_the_list_and_a_worker_that_stops() {
    let (_redis, doorbell) = any_redis();
    let ringer = Ringer::new(&doorbell);
    for round in 0..40 {
        let before = doorbell.depth(Sync).await.unwrap();
        let mut ears = Ears::open(&doorbell, Sync, 256);
        for _ in 0..500 {
            ringer.ring(Sync, ring());
        }
        ears.next().await;
        let heard = 1 + ears.stop().await.len() as u64;
        depth_becomes(&doorbell, Sync, before + 500 - heard).await;
        assert!(heard <= before + 500, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_quick_while_a_pop_blocks() {
    let (_redis, doorbell) = any_redis();
    for _ in 0..5 {
        let ears = Ears::open(&doorbell, Sync, 4);
        up_becomes(&doorbell, true).await;
        let start = Instant::now();
        ears.stop().await;
        assert!(
            start.elapsed() < Duration::from_millis(1000),
            "took {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_loop_ends_its_calls() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 2));
    ringer.ring(Sync, ring());
    ears.next().await;
    ears.task.abort();
    let over = tokio::time::timeout(SOON, ears.heard.recv()).await;
    assert_eq!(over.expect("the call goes on"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_call_and_nothing_else() {
    let (_redis, doorbell) = any_redis();
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 2));
    let under_way = ring();
    ringer.ring(Sync, under_way);
    assert_eq!(ears.next().await, under_way);
    for _ in 0..3 {
        let mut bad = ring();
        bad.dispatch_no = -1;
        ringer.ring(Sync, bad);
        assert_eq!(ears.next().await, bad);
    }
    let good = ring();
    ringer.ring(Sync, good);
    assert_eq!(ears.next().await, good);
    ears.gate.close();
    let ended = ears.ended.clone();
    ears.stop().await;
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ring_is_skipped() {
    let redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, rung) = (Ringer::new(&doorbell), ring());
    redis
        .command(&[
            b"LPUSH",
            b"rail:ring:sync:00",
            b"",
            b"garbage",
            &[1; 22],
            &[0; 21],
            &[0xff; 4096],
        ])
        .unwrap();
    ringer.ring(Sync, rung);
    depth_becomes(&doorbell, Sync, 6).await;
    let mut ears = Ears::open(&doorbell, Sync, 2);
    assert_eq!(ears.next().await, rung);
    assert!(ears.stop().await.is_empty());
    assert_eq!(doorbell.depth(Sync).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_older_than_7_serves_too() {
    let redis = PrivateRedis::without("BLMPOP").unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 64));
    let rings: Vec<Ring> = (0..100).map(|_| ring()).collect();
    rings.iter().for_each(|rung| ringer.ring(Sync, *rung));
    let (mut first, mut then) = (HashSet::new(), HashSet::new());
    for _ in 0..64 {
        first.insert(ears.next().await);
    }
    assert_eq!(
        first,
        rings[..64].iter().copied().collect(),
        "the oldest first"
    );
    depth_becomes(&doorbell, Sync, 36).await;
    ears.gate.close();
    for _ in 64..100 {
        then.insert(ears.next().await);
    }
    assert_eq!(then, rings[64..].iter().copied().collect());
    let start = Instant::now();
    assert!(ears.stop().await.is_empty());
    assert!(
        start.elapsed() < Duration::from_millis(1000),
        "took {:?}",
        start.elapsed()
    );
}
