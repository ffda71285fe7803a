//! Exports: what a run leaves visible is whole and of one moment, whoever died on the way, and the runs of an export of changes
//! bring each change once.

mod files;
mod history;
mod model;
mod play;

use self::history::{History, Round};
use self::play::Lane;
use crate::runner::{Story, run};

const SEEDS: u64 = 300;

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
async fn whatever_happens_what_is_exported_is_what_there_was_at_one_moment() {
    run::<History>(SEEDS).await;
}
