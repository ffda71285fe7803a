//! Requests that were taken from Redis before they are needed, so that a process that sends many does not ask for each.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account::{Account, Limit};
use super::pass::Left;
use crate::domain::Priority;

/// At most so many are taken together.
const AT_MOST: u32 = 16;
/// However long the windows are: by then the others are to know what this process does not use.
const LONGEST_MS: u64 = 1_000;
/// Accounts that are remembered before those whose time is over are forgotten.
const REMEMBERED: usize = 1_024;

/// Who asks for what: what is taken ahead for one is not used for another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Purpose {
    account: String,
    limits: Vec<String>,
    priority: Priority,
}

impl Purpose {
    pub(super) fn new(account: &Account, limits: &[(usize, &Limit)], priority: Priority) -> Self {
        Self {
            account: account.held_key(),
            limits: limits.iter().map(|(_, limit)| limit.key()).collect(),
            priority,
        }
    }
}

#[derive(Default)]
pub(super) struct Ahead {
    kept: Mutex<HashMap<Purpose, Taken>>,
}

#[derive(Default)]
struct Taken {
    requests: u32,
    until_ms: u64,
    left: Vec<Left>,
    /// Sent since `since_ms`, and in such a time before: so many are needed soon again.
    sent: u32,
    before: u32,
    since_ms: u64,
}

/// How long what is taken may be used: up to the shortest piece of a window, which the scripts leave room for.
pub(super) fn good_for_ms(limits: &[(usize, &Limit)]) -> u64 {
    let pieces = limits.iter().map(|(_, limit)| limit.piece_ms());
    pieces.min().unwrap_or(0).min(LONGEST_MS)
}

impl Ahead {
    /// One of those that were taken, or how many to take.
    pub(super) fn one_or_want(
        &self,
        purpose: &Purpose,
        now_ms: u64,
        good_for_ms: u64,
    ) -> Result<Vec<Left>, u32> {
        let mut kept = self.kept();
        if kept.len() > REMEMBERED {
            kept.retain(|_, taken| taken.since_ms + 2 * LONGEST_MS > now_ms);
        }
        let taken = kept.entry(purpose.clone()).or_default();
        let passed_ms = now_ms.saturating_sub(taken.since_ms);
        if passed_ms > good_for_ms {
            taken.before = if passed_ms > 2 * good_for_ms {
                0
            } else {
                taken.sent
            };
            (taken.sent, taken.since_ms) = (0, now_ms);
        }
        taken.sent += 1;
        if taken.requests > 0 && now_ms < taken.until_ms {
            taken.requests -= 1;
            return Ok(taken.left.clone());
        }
        taken.requests = 0;
        Err(taken.sent.max(taken.before).min(AT_MOST))
    }

    /// Keeps what was taken beyond the first, asked for at `now_ms`, beside what others took meanwhile.
    pub(super) fn keep(
        &self,
        purpose: &Purpose,
        more: u32,
        left: &[Left],
        (now_ms, good_for_ms): (u64, u64),
    ) {
        if more == 0 {
            return;
        }
        let until_ms = now_ms + good_for_ms;
        let mut kept = self.kept();
        let taken = kept.entry(purpose.clone()).or_default();
        if taken.requests > 0 && now_ms < taken.until_ms {
            taken.requests += more;
            taken.until_ms = taken.until_ms.min(until_ms);
        } else {
            (taken.requests, taken.until_ms) = (more, until_ms);
        }
        taken.left = left.to_vec();
    }

    /// Nothing that was taken for the account is used any more.
    pub(super) fn forget(&self, account: &Account) {
        let account = account.held_key();
        let mut kept = self.kept();
        for (purpose, taken) in kept.iter_mut() {
            if purpose.account == account {
                taken.requests = 0;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Purpose, Taken>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(account: &str) -> Purpose {
        Purpose {
            account: account.to_owned(),
            limits: vec!["minute".to_owned()],
            priority: Priority::Manual,
        }
    }

    #[test]
    fn who_sends_many_in_a_short_time_takes_many_and_who_does_not_takes_one() {
        let (ahead, one) = (Ahead::default(), purpose("one"));
        for ms in [1_000, 2_000, 3_000] {
            assert_eq!(ahead.one_or_want(&one, ms, 25), Err(1), "at {ms}");
        }
        for sent in 2..=20 {
            assert_eq!(ahead.one_or_want(&one, 3_001, 25), Err(sent.min(AT_MOST)));
        }
        assert_eq!(ahead.one_or_want(&one, 3_030, 25), Err(16), "and goes on");
        assert_eq!(ahead.one_or_want(&one, 4_000, 25), Err(1), "long after");
    }

    #[test]
    fn what_was_taken_is_not_used_after_its_time_nor_for_others_nor_once_it_is_forgotten() {
        let (ahead, one) = (Ahead::default(), purpose("one"));
        ahead.keep(&one, 3, &[], (1_000, 1_000));
        assert!(ahead.one_or_want(&purpose("two"), 1_999, 25).is_err());
        assert!(ahead.one_or_want(&one, 1_999, 25).is_ok());
        assert!(ahead.one_or_want(&one, 2_000, 25).is_err());
    }

    #[test]
    fn what_several_took_at_the_same_time_is_all_there() {
        let (ahead, one) = (Ahead::default(), purpose("one"));
        ahead.keep(&one, 3, &[], (1_000, 25));
        ahead.keep(&one, 2, &[], (1_010, 25));
        for _ in 0..5 {
            assert!(ahead.one_or_want(&one, 1_024, 25).is_ok());
        }
        assert!(ahead.one_or_want(&one, 1_024, 25).is_err());
        ahead.keep(&one, 3, &[], (1_024, 25));
        ahead.keep(&one, 1, &[], (1_100, 25));
        assert!(ahead.one_or_want(&one, 1_101, 25).is_ok());
        assert!(
            ahead.one_or_want(&one, 1_101, 25).is_err(),
            "only what is good"
        );
    }
}
