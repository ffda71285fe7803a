//! What a process allows itself while Redis is away: its share of each limit, as if so many processes were at work.
//!
//! It counts what it sends all the time, so that what was sent a moment before Redis went away still counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account::{Account, Limit, PIECES};
use super::percent;
use crate::domain::Priority;

/// Accounts that are remembered before those that nothing counts for are forgotten.
const REMEMBERED: usize = 1_024;
/// Until it is looked again whether one of those on their way has come back.
const LOOK_AGAIN_MS: u64 = 50;

pub(super) struct Shares {
    processes: u32,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    windows: HashMap<String, Window>,
    flying: HashMap<String, u32>,
    held_until: HashMap<String, u64>,
}

/// As the scripts count: whole pieces, and two more than a window has.
#[derive(Default)]
struct Window {
    pieces: VecDeque<(u64, u32)>,
    piece_ms: u64,
}

impl Window {
    fn used(&mut self, now_ms: u64) -> u32 {
        let current = now_ms / self.piece_ms.max(1);
        while let Some((piece, _)) = self.pieces.front()
            && piece + PIECES + 1 < current
        {
            self.pieces.pop_front();
        }
        self.pieces.iter().map(|(_, count)| count).sum()
    }

    fn frees_at_ms(&self, mut over: u32) -> u64 {
        for (piece, count) in &self.pieces {
            over = over.saturating_sub(*count);
            if over == 0 {
                return (piece + PIECES + 2) * self.piece_ms;
            }
        }
        0
    }

    fn count(&mut self, now_ms: u64, more: u32) {
        let current = now_ms / self.piece_ms.max(1);
        match self.pieces.back_mut() {
            Some((piece, count)) if *piece >= current => *count += more,
            _ => self.pieces.push_back((current, more)),
        }
    }
}

impl Kept {
    fn count(&mut self, limits: &[(usize, &Limit)], now_ms: u64, requests: u32) {
        if self.windows.len() > REMEMBERED {
            self.windows.retain(|_, window| window.used(now_ms) > 0);
        }
        for (_, limit) in limits {
            let window = self.windows.entry(limit.key()).or_default();
            window.piece_ms = limit.piece_ms();
            window.used(now_ms);
            window.count(now_ms, requests);
        }
    }

    fn sets_out(&mut self, account: &Account) {
        if let Some(at_once) = &account.at_once {
            *self.flying.entry(at_once.key()).or_default() += 1;
        }
    }
}

impl Shares {
    pub(super) fn new(processes: u32) -> Self {
        Self {
            processes: processes.max(1),
            kept: Mutex::default(),
        }
    }

    /// Until when the vendor asked everybody of the account to wait, as far as this process knows.
    pub(super) fn held_for_ms(&self, account: &Account, now_ms: u64) -> Option<u64> {
        let kept = self.kept();
        let until = *kept.held_until.get(&account.held_key())?;
        until.checked_sub(now_ms).filter(|wait| *wait > 0)
    }

    pub(super) fn hold(&self, account: &Account, now_ms: u64, ms: u64) {
        let mut kept = self.kept();
        kept.held_until.retain(|_, until| *until > now_ms);
        let until = kept.held_until.entry(account.held_key()).or_default();
        *until = (*until).max(now_ms + ms);
    }

    /// Notes what was taken, here or in Redis.
    pub(super) fn count(&self, limits: &[(usize, &Limit)], now_ms: u64, requests: u32) {
        self.kept().count(limits, now_ms, requests);
    }

    /// Takes one request from this process' share, and it is on its way; else how long to wait, and for which limit: `None` is for too many at
    /// once.
    pub(super) fn take(
        &self,
        account: &Account,
        limits: &[(usize, &Limit)],
        priority: Priority,
        now_ms: u64,
    ) -> Result<(), (u64, Option<usize>)> {
        let mut kept = self.kept();
        let mut in_the_way = None;
        for (place, limit) in limits {
            let may = self.part(limit.requests, priority);
            let Some(window) = kept.windows.get_mut(&limit.key()) else {
                continue;
            };
            let used = window.used(now_ms);
            if used >= may {
                let wait = window.frees_at_ms(used + 1 - may).saturating_sub(now_ms);
                in_the_way = in_the_way.max(Some((wait.max(1), Some(*place))));
            }
        }
        if let Some(at_once) = &account.at_once {
            let flying = kept.flying.get(&at_once.key()).copied().unwrap_or(0);
            if flying >= self.part(at_once.requests, priority) {
                in_the_way = in_the_way.max(Some((LOOK_AGAIN_MS, None)));
            }
        }
        if let Some(wait) = in_the_way {
            return Err(wait);
        }
        kept.count(limits, now_ms, 1);
        kept.sets_out(account);
        Ok(())
    }

    /// Notes that one is on its way that was taken in Redis.
    pub(super) fn sets_out(&self, account: &Account) {
        self.kept().sets_out(account);
    }

    /// Notes that one is back.
    pub(super) fn is_back(&self, flying_key: &str) {
        let mut kept = self.kept();
        if let Some(flying) = kept.flying.get_mut(flying_key) {
            *flying = flying.saturating_sub(1);
            if *flying == 0 {
                kept.flying.remove(flying_key);
            }
        }
    }

    fn part(&self, requests: u32, priority: Priority) -> u32 {
        let share = u64::from((requests / self.processes).max(1));
        let part = share * u64::from(percent(priority)) / 100;
        u32::try_from(part).unwrap_or(u32::MAX).max(1)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::budget::{AtOnce, Digest};
    use crate::domain::CountedFor;

    fn account(requests: u32, at_once: Option<u32>) -> Account {
        let digest = Digest::of(&["account".into()]);
        Account {
            limits: vec![Limit {
                name: "minute".to_owned(),
                requests,
                per: Duration::from_secs(60),
                counted: CountedFor::Account,
                of: digest.clone(),
                paths: Vec::new(),
            }],
            at_once: at_once.map(|requests| AtOnce {
                requests,
                counted: CountedFor::Account,
                of: digest.clone(),
            }),
            digest,
        }
    }

    fn taken(shares: &Shares, account: &Account, priority: Priority, now_ms: u64) -> u32 {
        let limits = account.counting("/any");
        (0..)
            .take_while(|_| shares.take(account, &limits, priority, now_ms).is_ok())
            .count() as u32
    }

    #[test]
    fn a_process_takes_its_share_in_a_window_and_less_for_a_backfill() {
        let (shares, account) = (Shares::new(4), account(60, None));
        assert_eq!(taken(&shares, &account, Priority::Backfill, 0), 12);
        assert_eq!(taken(&shares, &account, Priority::Interactive, 0), 3);
        let limits = account.counting("/any");
        let (wait, limit) = shares
            .take(&account, &limits, Priority::Interactive, 0)
            .unwrap_err();
        assert_eq!((wait, limit), (63_000, Some(0)));
        assert_eq!(taken(&shares, &account, Priority::Interactive, wait - 1), 0);
        assert_eq!(taken(&shares, &account, Priority::Interactive, wait), 15);
    }

    #[test]
    fn what_was_sent_before_redis_went_away_counts() {
        let (shares, account) = (Shares::new(1), account(60, None));
        shares.count(&account.counting("/any"), 0, 50);
        assert_eq!(taken(&shares, &account, Priority::Interactive, 0), 10);
    }

    #[test]
    fn no_more_are_on_their_way_at_once_than_the_share() {
        let (shares, account) = (Shares::new(2), account(60, Some(5)));
        let limits = account.counting("/any");
        let ask = || shares.take(&account, &limits, Priority::Interactive, 0);
        for _ in 0..2 {
            ask().unwrap();
        }
        assert_eq!(ask().unwrap_err(), (LOOK_AGAIN_MS, None));
        shares.is_back(&account.flying_key());
        ask().unwrap();
    }
}
