//! Whose ring is heard next: lanes by tenant, and the top-up in turn.

use rail_shared::domain::JobKind::Sync;
use rail_shared::queue::{Ring, Ringer, Urgency};

use super::{Ears, any_redis, depth_becomes, ring, ring_of};

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
