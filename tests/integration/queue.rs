//! The doorbell and the loop that hears it, against a real Redis that is also killed, frozen, flushed and filled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rail_shared::domain::JobKind::{self, Export, Sync};
use rail_shared::domain::{JobId, TenantId};
use rail_shared::queue::{Doorbell, QueueError, Ring, Ringer, Urgency};
use rail_tests::redis::{PrivateRedis, Signal};
use rail_tests::wait::{SOON, wait_until};
use rail_worker::runtime::{bell::listen, pool};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The Redis that is there anyway, or one of our own when none is named; each test has lists of its own in it.
#[allow(
    clippy::disallowed_methods,
    reason = "how ./dev test says where its servers are"
)]
fn any_redis() -> (Option<PrivateRedis>, Doorbell) {
    let (redis, url) = match std::env::var("RAIL_TEST_REDIS_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let redis = PrivateRedis::start().unwrap();
            let url = redis.url();
            (Some(redis), url)
        }
    };
    (
        redis,
        Doorbell::new(&url, &JobId::new().to_string()).unwrap(),
    )
}

fn own_doorbell(redis: &PrivateRedis) -> Doorbell {
    Doorbell::new(&redis.url(), "rail").unwrap()
}

/// A ring of one and the same tenant: its rings wait in the first list.
fn ring() -> Ring {
    ring_of(0)
}

fn ring_of(tenant: u128) -> Ring {
    Ring::new(JobId::new(), TenantId::from(Uuid::from_u128(tenant)), 1)
}

/// A loop that hears rings of one kind. Each call reports its ring, then waits to be let go.
struct Ears {
    stop: CancellationToken,
    heard: mpsc::UnboundedReceiver<Ring>,
    ended: Arc<AtomicUsize>,
    /// A permit a call; closed means that none waits.
    gate: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Ears {
    fn open(doorbell: &Doorbell, kind: JobKind, slots: usize) -> Self {
        let ears = Self::gated(doorbell, kind, slots);
        ears.gate.close();
        ears
    }

    fn gated(doorbell: &Doorbell, kind: JobKind, slots: usize) -> Self {
        let (report, heard) = mpsc::unbounded_channel();
        let (stop, ended) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let (counted, gated) = (ended.clone(), gate.clone());
        let on_ring = move |ring: Ring| {
            let (report, counted, gated) = (report.clone(), counted.clone(), gated.clone());
            async move {
                let _ = report.send(ring);
                assert!(
                    ring.dispatch_no >= 0,
                    "a negative dispatch number panics on purpose"
                );
                if let Ok(pass) = gated.acquire().await {
                    pass.forget();
                }
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        let task = tokio::spawn(listen(
            doorbell.clone(),
            kind,
            pool(slots).0,
            stop.clone(),
            on_ring,
        ));
        Self {
            stop,
            heard,
            ended,
            gate,
            task,
        }
    }

    async fn next(&mut self) -> Ring {
        tokio::time::timeout(SOON, self.heard.recv())
            .await
            .expect("no ring was heard")
            .unwrap()
    }

    /// Stops and returns what was heard and not yet looked at.
    async fn stop(mut self) -> Vec<Ring> {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("the loop did not stop")
            .unwrap();
        let mut rest = Vec::new();
        while let Some(ring) = self.heard.recv().await {
            rest.push(ring);
        }
        rest
    }
}

async fn depth_becomes(doorbell: &Doorbell, kind: JobKind, depth: u64) {
    let what = format!("{depth} rings in the list");
    wait_until(SOON, &what, async || {
        doorbell.depth(kind).await.is_ok_and(|now| now == depth)
    })
    .await;
}

async fn up_becomes(doorbell: &Doorbell, up: bool) {
    wait_until(SOON, &format!("is_up() is {up}"), async || {
        doorbell.is_up() == up
    })
    .await;
}

/// Rings until one is heard: while Redis comes back, a ring may be given up.
async fn heard_again(ringer: &Ringer, ears: &mut Ears) {
    wait_until(SOON, "a ring heard again", async || {
        ringer.ring(Sync, ring());
        tokio::time::timeout(Duration::from_millis(50), ears.heard.recv())
            .await
            .is_ok()
    })
    .await;
}

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
async fn a_flush_loses_the_rings_that_waited_and_nothing_after() {
    let redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::gated(&doorbell, Sync, 1));
    let first = ring();
    ringer.ring(Sync, first);
    assert_eq!(ears.next().await, first);
    for _ in 0..20 {
        ringer.ring(Sync, ring());
    }
    depth_becomes(&doorbell, Sync, 20).await;
    redis.command(&[b"FLUSHALL"]).unwrap();
    assert_eq!(doorbell.depth(Sync).await.unwrap(), 0);
    ears.gate.close();
    let after = ring();
    ringer.ring(Sync, after);
    assert_eq!(ears.next().await, after);
    assert!(ears.stop().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ringing_and_hearing_go_on_after_redis_was_killed() {
    let mut redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 4));
    for _ in 0..3 {
        heard_again(&ringer, &mut ears).await;
        up_becomes(&doorbell, true).await;
        redis.kill().unwrap();
        up_becomes(&doorbell, false).await;
        redis.restart().unwrap();
    }
    heard_again(&ringer, &mut ears).await;
    up_becomes(&doorbell, true).await;
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_outlives_a_restart_shorter_than_its_deadline() {
    let mut redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 4));
    heard_again(&ringer, &mut ears).await;
    redis.kill().unwrap();
    let rung = ring();
    ringer.ring(Sync, rung);
    redis.restart().unwrap();
    while ears.next().await != rung {}
    assert_eq!(ringer.dropped(), 0);
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_fails_when_redis_is_away_at_the_start() {
    let mut redis = PrivateRedis::away().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 4));
    assert!(matches!(doorbell.ping().await, Err(QueueError::Redis(_))));
    assert!(!doorbell.is_up());
    redis.restart().unwrap();
    heard_again(&ringer, &mut ears).await;
    up_becomes(&doorbell, true).await;
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rings_that_redis_does_not_take_in_time_are_dropped_and_counted() {
    let redis = PrivateRedis::away().unwrap();
    let ringer = Ringer::new(&own_doorbell(&redis));
    for _ in 0..11_500 {
        ringer.ring(Sync, ring());
    }
    wait_until(SOON, "what did not fit is counted", async || {
        ringer.dropped() >= 500
    })
    .await;
    wait_until(SOON, "a batch is given up", async || {
        ringer.dropped() >= 2500
    })
    .await;
    ringer.clone().close(Duration::ZERO).await;
    assert_eq!(ringer.dropped(), 11_500);
    ringer.ring(Sync, ring());
    assert_eq!(ringer.dropped(), 11_501, "a closed ringer takes nothing");
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
async fn the_oldest_ring_is_heard_first() {
    let (_redis, doorbell) = any_redis();
    let ringer = Ringer::new(&doorbell);
    let rings: Vec<Ring> = (0..20).map(|_| ring()).collect();
    rings.iter().for_each(|rung| ringer.ring(Sync, *rung));
    depth_becomes(&doorbell, Sync, 20).await;
    let mut ears = Ears::open(&doorbell, Sync, 1);
    for rung in rings {
        assert_eq!(ears.next().await, rung);
    }
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_backlog_does_not_hold_up_another_tenant() {
    let (_redis, doorbell) = any_redis();
    let ringer = Ringer::new(&doorbell);
    (0..500).for_each(|_| ringer.ring(Sync, ring_of(0)));
    let others: Vec<Ring> = (0..20).map(|_| ring_of(1)).collect();
    others.iter().for_each(|rung| ringer.ring(Sync, *rung));
    depth_becomes(&doorbell, Sync, 520).await;
    let mut ears = Ears::open(&doorbell, Sync, 1);
    let mut heard = Vec::new();
    for _ in 0..40 {
        heard.push(ears.next().await);
    }
    let of_other: Vec<Ring> = heard
        .into_iter()
        .filter(|ring| others.contains(ring))
        .collect();
    assert_eq!(of_other, others, "every second turn is the other tenant's");
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_is_topped_up_with_the_first_of_a_tenant_only_and_in_front() {
    let (_redis, doorbell) = any_redis();
    let rings = |count: usize| -> Vec<Ring> { (0..count).map(|_| ring()).collect() };
    let later = |rings: &[Ring]| -> Vec<(Ring, Urgency)> {
        rings.iter().map(|ring| (*ring, Urgency::InTurn)).collect()
    };
    let (few, many, urgent) = (rings(3), rings(12), ring());
    assert_eq!(doorbell.top_up(Sync, &later(&few), 10).await.unwrap(), 3);
    let added = doorbell.top_up(Sync, &later(&many), 10).await.unwrap();
    assert_eq!(
        added, 7,
        "to ten; the first three of a backlog are what waits there"
    );
    let first = [(urgent, Urgency::First), (ring(), Urgency::InTurn)];
    assert_eq!(doorbell.top_up(Sync, &first, 10).await.unwrap(), 0);
    assert_eq!(doorbell.depth(Sync).await.unwrap(), 11);
    let next = [(ring(), Urgency::First); 12];
    assert_eq!(doorbell.top_up(Sync, &next, 10).await.unwrap(), 0);
    assert_eq!(doorbell.depth(Sync).await.unwrap(), 20, "and not for ever");
    let mut ears = Ears::open(&doorbell, Sync, 1);
    for _ in 0..9 {
        assert_eq!(ears.next().await, next[0].0);
    }
    let expected = [&[urgent], &few[..], &many[3..10]].concat();
    for rung in expected {
        assert_eq!(ears.next().await, rung);
    }
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_a_tenant_is_rung_for_though_its_list_is_not_empty() {
    let (_redis, doorbell) = any_redis();
    let later: Vec<_> = (0..10).map(|_| (ring(), Urgency::InTurn)).collect();
    assert_eq!(doorbell.top_up(Sync, &later[..5], 10).await.unwrap(), 5);
    // Put back and due again: nobody but upkeep rings for it, and it is the oldest of all that wait.
    let mut waiting = vec![(ring(), Urgency::First)];
    waiting.extend(&later[..9]);
    assert_eq!(doorbell.top_up(Sync, &waiting, 10).await.unwrap(), 5);
    let mut ears = Ears::open(&doorbell, Sync, 1);
    let mut heard = Vec::new();
    for _ in 0..10 {
        heard.push(ears.next().await);
    }
    assert!(heard.contains(&waiting[0].0));
    ears.stop().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_no_list_is_waited_out() {
    let redis = PrivateRedis::start().unwrap();
    redis
        .command(&[b"SET", b"rail:ring:sync:00", b"not a list"])
        .unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 2));
    ringer.ring(Sync, ring());
    wait_until(SOON, "the ring is given up", async || ringer.dropped() == 1).await;
    assert!(!doorbell.is_up());
    redis.command(&[b"DEL", b"rail:ring:sync:00"]).unwrap();
    heard_again(&ringer, &mut ears).await;
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_out_of_memory_counts_as_down_until_it_takes_rings_again() {
    let redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 2));
    heard_again(&ringer, &mut ears).await;
    redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])
        .unwrap();
    ringer.ring(Sync, ring());
    up_becomes(&doorbell, false).await;
    doorbell.ping().await.unwrap();
    assert!(!doorbell.is_up(), "it answers, but takes no ring");
    redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])
        .unwrap();
    heard_again(&ringer, &mut ears).await;
    up_becomes(&doorbell, true).await;
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_turned_connections_away_is_tried_again() {
    let mut redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 2));
    heard_again(&ringer, &mut ears).await;
    redis.restart().unwrap();
    let mut only_seat = redis.connect().unwrap();
    only_seat
        .command(&[b"CONFIG", b"SET", b"maxclients", b"1"])
        .unwrap();
    // From here on a new connection is refused with an answer, not with a broken connection.
    only_seat
        .command(&[b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"])
        .unwrap();
    wait_until(SOON, "the door is full", async || {
        doorbell.ping().await.is_err()
    })
    .await;
    assert!(doorbell.ping().await.is_err());
    only_seat
        .command(&[b"CONFIG", b"SET", b"maxclients", b"100"])
        .unwrap();
    heard_again(&ringer, &mut ears).await;
    ears.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_noticed_and_its_return_too() {
    let redis = PrivateRedis::start().unwrap();
    let doorbell = own_doorbell(&redis);
    let (ringer, mut ears) = (Ringer::new(&doorbell), Ears::open(&doorbell, Sync, 2));
    heard_again(&ringer, &mut ears).await;
    redis.signal(Signal::Freeze).unwrap();
    up_becomes(&doorbell, false).await;
    redis.signal(Signal::Thaw).unwrap();
    heard_again(&ringer, &mut ears).await;
    ears.stop().await;
}
