//! Syncs, from the vendor to the store: what is stored and counted is what a model says that knows the vendor's truth and nothing
//! of the product.

mod follower;
mod history;
mod lane;
mod model;
mod play;
mod stored;
mod truth;

use rail_tests::sandbox::Fault;

use self::history::{Ask, At, Change, Kind, Mishap, Round};
use self::lane::Lane;
use crate::runner::{Story, run};

pub use self::history::History;

const SEEDS: u64 = 400;

impl Story for History {
    type Lane = Lane;
    type Round = Round;

    fn of(seed: u64) -> Self {
        Self::of(seed)
    }

    fn rounds(&mut self) -> &mut Vec<Round> {
        &mut self.rounds
    }

    fn smaller(round: &Round) -> Vec<Round> {
        round.smaller()
    }

    async fn lane() -> Lane {
        Lane::start().await
    }

    async fn play(&self, lane: &Lane) -> Result<(), String> {
        play::play(lane, self).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_what_is_stored_and_counted_is_what_the_model_says() {
    run::<History>(SEEDS).await;
}

/// Found by seed 838800851: one error by what befell a snapshot's page, another by what the record became.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_two_open_errors_is_read_once() {
    let rounds = vec![
        round(
            vec![],
            Kind::Snapshot,
            Some((At::List(0), Fault::LoneSurrogate)),
        ),
        round(vec![Change::Spoil(0, 0)], Kind::Full, None),
        round(vec![], Kind::Incremental, None),
    ];
    assert_eq!(play_these("balance_transactions", rounds).await, Ok(()));
}

/// Found by seed 49863479: of an update and a deletion on one page, the one that came first was taken for the newer one.
#[tokio::test(flavor = "multi_thread")]
async fn changes_out_of_order_on_a_page_of_the_feed_leave_the_newest() {
    let changes = vec![
        Change::Create(0, 1),
        Change::Wait(1),
        Change::Update(0, 0),
        Change::Wait(1),
        Change::Delete(0, 0),
    ];
    let rounds = vec![
        round(vec![], Kind::Full, None),
        round(
            changes,
            Kind::Incremental,
            Some((At::Feed, Fault::ReorderedPage)),
        ),
    ];
    assert_eq!(play_these("customers", rounds).await, Ok(()));
}

/// Found by seed 210134357: with a clock that is behind the vendor's, what a walk found gone was dated before the change
/// that the feed tells of afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_from_before_a_walk_that_found_its_record_gone_changes_nothing_after_it() {
    let rounds = vec![
        round(vec![], Kind::Full, None),
        round(
            vec![Change::Spoil(0, 0), Change::Delete(0, 0)],
            Kind::Full,
            None,
        ),
        round(vec![], Kind::Incremental, None),
    ];
    let history = History {
        ahead_s: -90,
        ..of_one("customers", rounds)
    };
    assert_eq!(play::play(&Lane::start().await, &history).await, Ok(()));
}

fn round(changes: Vec<Change>, kind: Kind, fault: Option<(At, Fault)>) -> Round {
    let mishap = |(at, fault)| Mishap {
        at,
        fault,
        after: Some(0),
    };
    let ask = Ask {
        kind,
        may_delete: 100,
        mishaps: fault.map(mishap).into_iter().collect(),
        troubles: Vec::new(),
    };
    Round { changes, ask }
}

async fn play_these(entity: &'static str, rounds: Vec<Round>) -> Result<(), String> {
    play::play(&Lane::start().await, &of_one(entity, rounds)).await
}

/// A history of one record, or of two.
fn of_one(entity: &'static str, rounds: Vec<Round>) -> History {
    History {
        seed: 1,
        entities: [(entity, 1), ("prices", 0)],
        page: 10,
        batch: 20,
        ahead_s: 0,
        rounds,
    }
}
