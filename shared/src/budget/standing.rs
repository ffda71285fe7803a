//! How a budget stands, for whoever wants to see it.

use chrono::{DateTime, Utc};

use super::Budgets;
use super::account::Account;
use super::line::Script;
use crate::domain::{Counting, Priority};

/// How an account's budget stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether all processes are counted; else nothing is known of what they sent.
    pub counting: Counting,
    /// Until when the vendor asked everybody to wait.
    pub held_until: Option<DateTime<Utc>>,
    /// Of each limit, in the order of the account's.
    pub limits: Vec<LimitStanding>,
    /// Requests on their way, where they are counted and known.
    pub in_flight: Option<u32>,
    /// Who waits, by priority.
    pub waiting: Vec<(Priority, u32)>,
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStanding {
    /// How many requests it allows: as declared, or less where the vendor told so.
    pub requests: u32,
    /// How many of them are left, where that is known.
    pub remaining: Option<u32>,
    /// When all of them are there again if none is sent; `None` when they are.
    pub resets_at: Option<DateTime<Utc>>,
}

impl Budgets {
    /// How it stands now. Changes nothing.
    pub async fn standing(&self, account: &Account) -> Standing {
        self.seen(account).await.unwrap_or_else(|| Standing {
            counting: Counting::Apart,
            held_until: None,
            limits: account
                .limits
                .iter()
                .map(|limit| LimitStanding {
                    requests: limit.requests,
                    remaining: None,
                    resets_at: None,
                })
                .collect(),
            in_flight: None,
            waiting: Vec::new(),
        })
    }

    async fn seen(&self, account: &Account) -> Option<Standing> {
        let mut keys = vec![
            account.held_key(),
            account.waiting_key(),
            account.flying_key(),
        ];
        let mut arguments = vec![self.inner.ticks.told_ms().to_string()];
        for limit in &account.limits {
            keys.push(limit.key());
            arguments.push(limit.requests.to_string());
            arguments.push(limit.piece_ms().to_string());
        }
        let seen = self.inner.line.run(Script::Look, &keys, &arguments).await?;
        let [_, held_until, in_flight, rest @ ..] = &seen[..] else {
            return None;
        };
        let (waiting, limits) = rest.split_at_checked(Priority::ALL.len())?;
        let waiting = Priority::ALL.iter().zip(waiting);
        Some(Standing {
            counting: Counting::Together,
            held_until: instant(*held_until),
            limits: limits.chunks_exact(3).map(limit_standing).collect(),
            in_flight: account.at_once.is_some().then(|| number(*in_flight)),
            waiting: waiting
                .filter(|(_, count)| **count > 0)
                .map(|(priority, count)| (*priority, number(*count)))
                .collect(),
        })
    }
}

fn limit_standing(seen: &[i64]) -> LimitStanding {
    LimitStanding {
        requests: number(seen[0]),
        remaining: Some(number(seen[1])),
        resets_at: instant(seen[2]),
    }
}

fn number(seen: i64) -> u32 {
    u32::try_from(seen).unwrap_or_default()
}

fn instant(ms: i64) -> Option<DateTime<Utc>> {
    (ms > 0)
        .then(|| DateTime::from_timestamp_millis(ms))
        .flatten()
}
