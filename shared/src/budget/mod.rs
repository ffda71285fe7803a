//! Rate budgets: how many requests a vendor bears from one of its accounts, counted together by all processes.
//!
//! Before each request whoever wants to send it [enters](Budgets::enter): one script in Redis takes from every limit of
//! the account at once, or says how long to wait. What the vendor's answers [tell](Budgets::tell) of its limits only ever
//! makes a budget smaller, and when it [asks to wait](Budgets::hold) everybody does. Lower [priorities](Priority) leave a
//! part of each limit to higher ones.
//!
//! Redis holds nothing that is needed: where it is away each process keeps to a [share] of the limits by itself, and
//! counts together with the others again once Redis is back. Its keys are digests, and expire.

mod account;
mod ahead;
mod asking;
mod line;
mod pass;
mod setting;
mod share;
mod standing;
mod ticks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use account::{Account, AtOnce, Digest, Limit};
pub use asking::{Because, Delay, Told};
pub use pass::Pass;
pub use setting::{NoRate, PROCESSES, RateSetting, RateSettings};
pub use standing::{LimitStanding, Standing};

use crate::domain::{Clock, Priority};
use ahead::Ahead;
use line::{ANSWER_WITHIN, Line};
use share::Shares;
use ticks::Ticks;

/// How long a request waits here before the work it belongs to is put off.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The budgets of this process. Cheap to clone; made without connecting.
#[derive(Clone)]
pub struct Budgets {
    inner: Arc<Inner>,
}

struct Inner {
    line: Line,
    shares: Shares,
    ahead: Ahead,
    ticks: Ticks,
    settings: RateSettings,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

/// The address of Redis cannot be used. It may hold a password, so it is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis is not usable")]
pub struct BadAddress(#[source] redis::RedisError);

impl Budgets {
    /// Budgets that are kept in this Redis, set as the operator says.
    ///
    /// # Errors
    /// [`BadAddress`]; whether Redis is there is found out later.
    pub fn new(redis_url: &str, settings: RateSettings) -> Result<Self, BadAddress> {
        let line = Line::new(redis_url, ANSWER_WITHIN)?;
        Ok(Self::made(line, settings, Ticks::machine()))
    }

    /// The same by a clock of one's own in place of Redis' and the machine's, waiting this long for an answer of Redis.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn by_clock(
        redis_url: &str,
        settings: RateSettings,
        clock: Clock,
        answer_within: Duration,
    ) -> Result<Self, BadAddress> {
        let line = Line::new(redis_url, answer_within)?;
        Ok(Self::made(line, settings, Ticks::Of(clock)))
    }

    fn made(line: Line, settings: RateSettings, ticks: Ticks) -> Self {
        Self {
            inner: Arc::new(Inner {
                line,
                shares: Shares::new(settings.processes),
                ahead: Ahead::default(),
                ticks,
                settings,
            }),
        }
    }

    /// How the operator set the rate of a connector, where they did.
    #[must_use]
    pub fn setting(&self, connector: &str) -> Option<&RateSetting> {
        self.inner.settings.of(connector)
    }
}

/// What of `n` requests one of a priority may use up, in percent: the rest is there for higher ones.
fn percent(priority: Priority) -> u32 {
    match priority {
        Priority::Interactive => 100,
        Priority::Manual => 95,
        Priority::Scheduled => 90,
        Priority::Backfill => 80,
    }
}
