//! A Redis that is killed, frozen, flushed, filled, or turns us away.

use std::time::Duration;

use rail_shared::domain::JobKind::Sync;
use rail_shared::queue::{QueueError, Ringer};
use rail_tests::redis::{PrivateRedis, Signal};
use rail_tests::wait::{SOON, wait_until};

use super::{Ears, depth_becomes, heard_again, own_doorbell, ring, up_becomes};

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
