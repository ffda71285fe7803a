//! Taking a request out of a budget, and making a budget smaller.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use super::account::{Account, Limit};
use super::ahead::{Purpose, good_for_ms};
use super::line::Script;
use super::pass::{Flying, Left, Pass, lease_ms};
use super::{Budgets, PATIENCE, percent};
use crate::domain::{Failure, Priority};

/// However long a vendor asks to wait: it may be mistaken.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);
/// Work that is put off is so for at least this long.
const SHORTEST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_SPREAD: Duration = Duration::from_secs(10);
/// So that those who wait for the same do not come back in step.
const JITTER_MS: u64 = 20;

/// A request that may not be sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    /// For how long.
    pub wait: Duration,
    /// What is used up.
    pub because: Because,
}

impl Delay {
    /// When to come back: somewhat later, so that not all that were put off for the same return together.
    #[must_use]
    pub fn spread(&self) -> Duration {
        let most = (self.wait / 4).min(LONGEST_SPREAD);
        self.wait + most.mul_f64(rand::rng().random_range(0.0..=1.0))
    }

    /// What it is for work that has to ask this vendor.
    #[must_use]
    pub fn failure(&self, vendor: &str) -> Failure {
        let used_up = match &self.because {
            Because::Limit(name) => format!("{vendor}'s rate budget ({name}) is used up"),
            Because::AtOnce => {
                format!(
                    "{vendor}'s rate budget is used up: as many requests as may be are on their way"
                )
            }
            Because::Held => format!("{vendor}'s rate budget is held: it asked to wait"),
        };
        let seconds = self.wait.as_millis().div_ceil(1_000);
        Failure::used_up(
            format!("{used_up}; there is room again in {seconds} s."),
            self.spread(),
        )
    }
}

/// What is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The limit of this name.
    Limit(String),
    /// There are as many on their way as may be.
    AtOnce,
    /// The vendor asked to wait.
    Held,
}

/// What an answer of the vendor's says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Which limit: its place in the account's.
    pub place: usize,
    /// How many requests are left.
    pub remaining: Option<u32>,
    /// How many there are in all.
    pub limit: Option<u32>,
    /// How long until the vendor counts anew.
    pub resets_in: Option<Duration>,
}

/// Somebody who asks, perhaps again and again.
struct Waiter {
    name: String,
    has_waited: bool,
}

impl Budgets {
    /// Returns once a request for this path may be sent; waits up to [`PATIENCE`] for that.
    ///
    /// # Errors
    /// [`Delay`], when it would take longer.
    pub async fn enter(
        &self,
        account: &Account,
        path: &str,
        priority: Priority,
    ) -> Result<Pass, Delay> {
        let began = Instant::now();
        let mut waiter = Waiter::new(priority);
        loop {
            let delay = match self.ask_as(&waiter, account, path, priority).await {
                Ok(pass) => return Ok(pass),
                Err(delay) => delay,
            };
            let jitter = rand::rng().random_range(0..=JITTER_MS);
            let wait = delay.wait + Duration::from_millis(jitter);
            if began.elapsed() + wait > PATIENCE {
                return Err(Delay {
                    wait: delay.wait.max(SHORTEST_DELAY),
                    ..delay
                });
            }
            waiter.has_waited = true;
            tokio::time::sleep(wait).await;
        }
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`Delay`], when it may not be sent now.
    pub async fn ask(
        &self,
        account: &Account,
        path: &str,
        priority: Priority,
    ) -> Result<Pass, Delay> {
        self.ask_as(&Waiter::new(priority), account, path, priority)
            .await
    }

    async fn ask_as(
        &self,
        waiter: &Waiter,
        account: &Account,
        path: &str,
        priority: Priority,
    ) -> Result<Pass, Delay> {
        let limits = account.counting(path);
        let now_ms = self.inner.ticks.now_ms();
        // One that is on its way is taken when it sets out.
        let good_for_ms = match account.at_once {
            Some(_) => 0,
            None => good_for_ms(&limits),
        };
        let purpose = Purpose::new(account, &limits, priority);
        let mut want = 1;
        if good_for_ms > 0 {
            match self.inner.ahead.one_or_want(&purpose, now_ms, good_for_ms) {
                Ok(left) => {
                    self.inner.shares.sets_out(account);
                    return Ok(self.pass(account, None, left));
                }
                Err(needed) => want = needed,
            }
        }
        let lease = name();
        let asked = self.take(waiter, account, &limits, priority, want, &lease);
        let Some(answer) = asked.await else {
            return self.take_from_share(account, &limits, priority, now_ms);
        };
        let [wait_ms, what, rest @ ..] = &answer[..] else {
            return self.take_from_share(account, &limits, priority, now_ms);
        };
        if *wait_ms > 0 {
            return Err(Delay {
                wait: Duration::from_millis(u64::try_from(*wait_ms).unwrap_or_default()),
                because: match usize::try_from(*what) {
                    Ok(0) => Because::Held,
                    Ok(nth) => because(limits.get(nth - 1).map(|(_, limit)| *limit)),
                    Err(_) => Because::AtOnce,
                },
            });
        }
        let taken = u32::try_from(*what).unwrap_or(1);
        let left: Vec<Left> = limits
            .iter()
            .zip(rest.chunks_exact(2))
            .map(|((place, _), told)| Left {
                place: *place,
                left: told[0],
                of: told[1],
            })
            .collect();
        self.inner.shares.count(&limits, now_ms, taken);
        let more = taken.saturating_sub(1);
        let good = (now_ms, good_for_ms);
        self.inner.ahead.keep(&purpose, more, &left, good);
        self.inner.shares.sets_out(account);
        Ok(self.pass(account, Some(lease), left))
    }

    async fn take(
        &self,
        waiter: &Waiter,
        account: &Account,
        limits: &[(usize, &Limit)],
        priority: Priority,
        want: u32,
        lease: &str,
    ) -> Option<Vec<i64>> {
        let mut keys = vec![
            account.held_key(),
            account.waiting_key(),
            account.flying_key(),
        ];
        let at_once = account.at_once.as_ref();
        let mut arguments = vec![
            self.inner.ticks.told_ms().to_string(),
            percent(priority).to_string(),
            want.to_string(),
            waiter.name.clone(),
            u8::from(waiter.has_waited).to_string(),
            at_once.map_or(0, |at_once| at_once.requests).to_string(),
            lease.to_owned(),
            lease_ms().to_string(),
        ];
        for (_, limit) in limits {
            keys.push(limit.key());
            arguments.push(limit.requests.to_string());
            arguments.push(limit.piece_ms().to_string());
        }
        self.inner.line.run(Script::Take, &keys, &arguments).await
    }

    fn take_from_share(
        &self,
        account: &Account,
        limits: &[(usize, &Limit)],
        priority: Priority,
        now_ms: u64,
    ) -> Result<Pass, Delay> {
        let shares = &self.inner.shares;
        if let Some(ms) = shares.held_for_ms(account, now_ms) {
            return Err(Delay {
                wait: Duration::from_millis(ms),
                because: Because::Held,
            });
        }
        match shares.take(account, limits, priority, now_ms) {
            Ok(()) => Ok(self.pass(account, None, Vec::new())),
            Err((ms, place)) => Err(Delay {
                wait: Duration::from_millis(ms),
                because: match place {
                    Some(place) => because(account.limits.get(place)),
                    None => Because::AtOnce,
                },
            }),
        }
    }

    fn pass(&self, account: &Account, lease: Option<String>, left: Vec<Left>) -> Pass {
        Pass {
            budgets: self.clone(),
            left,
            flying: account.at_once.as_ref().map(|at_once| Flying {
                key: at_once.key(),
                lease,
            }),
        }
    }

    /// Takes in what the answer to a request told of the limits. Redis is asked only where that is less than was thought.
    pub async fn tell(&self, account: &Account, pass: &Pass, told: &[Told]) {
        let mut keys = Vec::new();
        let mut arguments = vec![self.inner.ticks.told_ms().to_string()];
        for told in told {
            let Some(limit) = account.limits.get(told.place) else {
                continue;
            };
            let thought = pass.left.iter().find(|left| left.place == told.place);
            if thought.is_some_and(|thought| !told.differs_from(thought, limit)) {
                continue;
            }
            keys.push(limit.key());
            let resets_ms = told
                .resets_in
                .map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            arguments.extend([
                limit.requests.to_string(),
                limit.piece_ms().to_string(),
                told.remaining.map_or(-1, i64::from).to_string(),
                told.limit.map_or(-1, i64::from).to_string(),
                resets_ms.unwrap_or(-1).to_string(),
            ]);
        }
        if keys.is_empty() {
            return;
        }
        self.inner.ahead.forget(account);
        self.inner.line.run(Script::Tell, &keys, &arguments).await;
    }

    /// Has everybody of the account wait: the vendor asked for it.
    pub async fn hold(&self, account: &Account, wait: Duration) {
        let ms = u64::try_from(wait.min(LONGEST_HOLD).as_millis()).unwrap_or(u64::MAX);
        if ms == 0 {
            return;
        }
        self.inner.ahead.forget(account);
        let now_ms = self.inner.ticks.now_ms();
        self.inner.shares.hold(account, now_ms, ms);
        let arguments = [self.inner.ticks.told_ms().to_string(), ms.to_string()];
        let keys = [account.held_key()];
        self.inner.line.run(Script::Hold, &keys, &arguments).await;
    }
}

impl Waiter {
    fn new(priority: Priority) -> Self {
        let rank = Priority::ALL.iter().position(|of| *of == priority);
        Self {
            name: format!("{}:{}", rank.unwrap_or_default(), name()),
            has_waited: false,
        }
    }
}

impl Told {
    /// Whether it says less than was thought, or another limit that may be believed.
    fn differs_from(&self, thought: &Left, limit: &Limit) -> bool {
        let less = self.remaining.is_some_and(|n| i64::from(n) < thought.left);
        let another = self
            .limit
            .is_some_and(|told| i64::from(told.min(limit.requests)) != thought.of);
        less || another
    }
}

fn because(limit: Option<&Limit>) -> Because {
    Because::Limit(limit.map(|limit| limit.name.clone()).unwrap_or_default())
}

fn name() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}
