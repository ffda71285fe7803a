//! Rate limits, counted in fixed windows of the sandbox's clock.

use std::sync::{Arc, Mutex, PoisonError};

use crate::sandbox::clock::Clock;

/// A limit of so many requests per window. It counts always and refuses only once a limit is set. Clones share it.
#[derive(Debug, Clone)]
pub struct Limit {
    clock: Clock,
    window_s: i64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    enforced: Option<u64>,
    window: i64,
    used: u64,
}

/// What is left of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request passes.
    Passes {
        /// How many more may follow; `None` while nothing is enforced.
        remaining: Option<u64>,
    },
    /// The request is one too many.
    Refused {
        /// How long until the next window.
        retry_after_s: i64,
    },
}

impl Limit {
    /// A limit that is not enforced yet.
    pub fn new(clock: Clock, window_s: i64) -> Self {
        Self {
            clock,
            window_s,
            state: Arc::default(),
        }
    }

    /// Refuses what exceeds so many requests per window from now on.
    pub fn enforce(&self, requests: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            enforced: Some(requests),
            ..State::default()
        };
    }

    /// Counts a request.
    pub fn take(&self) -> Verdict {
        let now_s = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = now_s.div_euclid(self.window_s);
        if state.window != window {
            state.window = window;
            state.used = 0;
        }
        state.used += 1;
        match state.enforced {
            Some(limit) if state.used > limit => Verdict::Refused {
                retry_after_s: self.window_s - now_s.rem_euclid(self.window_s),
            },
            limit => Verdict::Passes {
                remaining: limit.map(|limit| limit - state.used),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_refuses_what_exceeds_it_until_the_next_window() {
        let clock = Clock::default();
        clock.set(620);
        let limit = Limit::new(clock.clone(), 60);
        assert_eq!(limit.take(), Verdict::Passes { remaining: None });
        limit.enforce(1);
        assert_eq!(limit.take(), Verdict::Passes { remaining: Some(0) });
        assert_eq!(limit.take(), Verdict::Refused { retry_after_s: 40 });
        clock.advance(40);
        assert_eq!(limit.take(), Verdict::Passes { remaining: Some(0) });
    }
}
