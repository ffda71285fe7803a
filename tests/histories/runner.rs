//! Plays the histories of many seeds, and makes one that fails as small as it can.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::FutureExt;
use futures::future::join_all;
use rail_shared::domain::JobId;
use rail_tests::environment::variable;

/// Histories that are played at the same time.
const LANES: u64 = 6;
/// Histories that are tried to find a smaller one that fails too.
const TRIES: usize = 300;

/// Something that can be drawn from a seed, and played, round by round.
pub trait Story: Debug + Clone + Send + Sync + 'static {
    /// Where it is played, one after the other.
    type Lane: Send + Sync;
    type Round: Clone;

    /// That of a seed.
    fn of(seed: u64) -> Self;

    fn rounds(&mut self) -> &mut Vec<Self::Round>;

    /// A round with one thing less, for every one thing there is.
    fn smaller(round: &Self::Round) -> Vec<Self::Round>;

    fn lane() -> impl Future<Output = Self::Lane> + Send;

    /// Says what is not as it must be.
    fn play(&self, lane: &Self::Lane) -> impl Future<Output = Result<(), String>> + Send;
}

/// Plays so many, always the same ones, so that a change is not blamed for what it did not do; of the whole form ten times as
/// many, other ones each time.
pub async fn run<S: Story>(seeds: u64) {
    let number = |name: &str| variable(name).map(|value| value.parse::<u64>().expect("a number"));
    let (first, count) = match number("RAIL_TEST_SEED") {
        Some(seed) => (seed, 1),
        None if variable("RAIL_TEST_FULL").is_some_and(|value| value == "1") => {
            (any_seed(), seeds * 10)
        }
        None => (1, seeds),
    };
    let count = number("RAIL_TEST_SEEDS").unwrap_or(count);
    println!("{count} histories, from seed {first}");
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(first));
    let lanes = (0..LANES.min(count))
        .map(|_| tokio::spawn(play_some::<S>(Arc::clone(&next), first + count)));
    let failed: Vec<String> = join_all(lanes)
        .await
        .into_iter()
        .flat_map(|lane| lane.expect("a lane"))
        .collect();
    println!(
        "{count} histories in {:.1} s, {} failed",
        begun.elapsed().as_secs_f64(),
        failed.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

fn any_seed() -> u64 {
    JobId::new().uuid().as_u64_pair().1 % 1_000_000_000
}

/// Plays seeds until there are no more, or one fails; returns what failed.
async fn play_some<S: Story>(next: Arc<AtomicU64>, end: u64) -> Option<String> {
    let lane = S::lane().await;
    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= end {
            return None;
        }
        let story = S::of(seed);
        if let Err(wrong) = try_one(&lane, &story).await {
            // The others need not go on.
            next.store(end, Ordering::SeqCst);
            let (smallest, why) = shrink(&lane, story, wrong.clone()).await;
            return Some(format!(
                "seed {seed} (RAIL_TEST_SEED={seed} ./dev test histories): {wrong}\n\nthe smallest that fails: {why}\n{smallest:#?}"
            ));
        }
    }
}

async fn try_one<S: Story>(lane: &S::Lane, story: &S) -> Result<(), String> {
    let played = AssertUnwindSafe(story.play(lane)).catch_unwind().await;
    played.unwrap_or_else(|cause| {
        let said = cause.downcast_ref::<String>().cloned();
        Err(format!("a panic: {}", said.unwrap_or_default()))
    })
}

/// The same without one of them, for each.
pub fn less_one<T: Clone>(things: &[T]) -> impl Iterator<Item = Vec<T>> {
    (0..things.len()).map(|at| [&things[..at], &things[at + 1..]].concat())
}

/// The same story with one round less, or with one thing less in one.
fn smaller<S: Story>(story: &S) -> Vec<S> {
    let with = |rounds| {
        let mut other = story.clone();
        *other.rounds() = rounds;
        other
    };
    let rounds = story.clone().rounds().clone();
    let mut smaller: Vec<S> = less_one(&rounds).map(with).collect();
    for (at, round) in rounds.iter().enumerate() {
        for less in S::smaller(round) {
            let mut rounds = rounds.clone();
            rounds[at] = less;
            smaller.push(with(rounds));
        }
    }
    smaller
}

/// Leaves out whatever can be left out while it still fails.
async fn shrink<S: Story>(lane: &S::Lane, mut story: S, mut why: String) -> (S, String) {
    let mut tries = 0;
    'smaller: loop {
        for less in smaller(&story) {
            tries += 1;
            if tries > TRIES {
                return (story, why);
            }
            if let Err(wrong) = try_one(lane, &less).await {
                (story, why) = (less, wrong);
                continue 'smaller;
            }
        }
        return (story, why);
    }
}
