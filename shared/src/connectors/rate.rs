//! The pace of requests: what the file says of a vendor's limits, for one connection.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::file::{Rate, ResetFormat, ToldBy, Whose};
use super::session::Session;
use crate::blobs::Turns;
use crate::budget::{Account, AtOnce, Budgets, Digest, Limit, Pass, RateSetting, Told};
use crate::domain::{CountedFor, Failure, Priority};
use crate::http::Answer;

/// Whose turn it is among those who ask a vendor.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    pub budgets: Budgets,
    pub priority: Priority,
}

/// Where a connection's requests are counted.
pub(super) struct Counted<'a> {
    pace: &'a Pace,
    rate: &'a Rate,
    account: Account,
    /// Of the account's limits, in their order: what tells of them.
    told_by: Vec<Option<&'a ToldBy>>,
}

impl Pace {
    /// `None` where nothing is limited: then nobody is asked.
    pub(super) fn counted<'a>(
        &'a self,
        rate: &'a Rate,
        connector: &str,
        base_url: &str,
        session: &Session,
    ) -> Option<Counted<'a>> {
        let setting = self.budgets.setting(connector);
        let (account, told_by) = account_of(rate, setting, connector, base_url, session)?;
        Some(Counted {
            pace: self,
            rate,
            account,
            told_by,
        })
    }

    /// The turns of requests to a store, whose answers tell nothing of its limits; `None` where nothing is limited.
    pub(super) fn turns(
        &self,
        rate: &Rate,
        connector: &str,
        base_url: &str,
        session: &Session,
    ) -> Option<Turns> {
        let counted = self.counted(rate, connector, base_url, session)?;
        Some(Turns {
            budgets: self.budgets.clone(),
            account: counted.account,
            priority: self.priority,
            pause: rate.pause(),
        })
    }
}

/// The account that a connection's requests are counted for, and what tells of its limits.
pub(super) fn account_of<'a>(
    rate: &'a Rate,
    setting: Option<&RateSetting>,
    connector: &str,
    base_url: &str,
    session: &Session,
) -> Option<(Account, Vec<Option<&'a ToldBy>>)> {
    if setting == Some(&RateSetting::Off) {
        return None;
    }
    let digest = |whose: Whose| {
        let (account, app) = match whose {
            Whose::Account => (&rate.account[..], &[][..]),
            Whose::App => (&[][..], &rate.app[..]),
            Whose::AppOnAccount => (&rate.account[..], &rate.app[..]),
        };
        let named = account.iter().chain(app);
        let parts: Vec<SecretString> = [connector, base_url, counted_for(whose).as_str()]
            .into_iter()
            .map(SecretString::from)
            // What a connection lacks distinguishes it from none that lacks it too.
            .chain(named.map(|name| session.text(name).unwrap_or_default().into()))
            .collect();
        Digest::of(&parts)
    };
    let applies = |only: &super::file::OnlyFor| {
        let credential = session.credential(&only.credential);
        credential.is_some_and(|secret| {
            let secret = secret.expose_secret();
            only.starts_with
                .iter()
                .any(|beginning| secret.starts_with(beginning))
        })
    };
    let of_this = rate
        .limits
        .iter()
        .filter(|(_, limit)| limit.only.as_ref().is_none_or(applies));
    let (limits, told_by) = of_this
        .map(|(name, limit)| {
            let declared = limit.requests.get();
            let counted = Limit {
                name: name.clone(),
                requests: setting.map_or(declared, |set| set.requests(name, declared)),
                per: Duration::from_secs(limit.per_seconds.get().into()),
                counted: counted_for(limit.of),
                of: digest(limit.of),
                paths: limit.paths.clone(),
            };
            (counted, limit.told.as_ref())
        })
        .unzip();
    let at_once = rate.at_once.map(|at_once| {
        let declared = at_once.requests.get();
        AtOnce {
            requests: setting.map_or(declared, |set| set.requests("at_once", declared)),
            counted: counted_for(at_once.of),
            of: digest(at_once.of),
        }
    });
    let account = Account {
        digest: digest(Whose::Account),
        limits,
        at_once,
    };
    Some((account, told_by))
}

impl Counted<'_> {
    /// Returns when a request for this path, below the base URL, may be sent.
    pub(super) async fn enter(&self, vendor: &str, path: &str) -> Result<Pass, Failure> {
        let Pace { budgets, priority } = self.pace;
        let entered = budgets.enter(&self.account, path, *priority).await;
        entered.map_err(|delay| delay.failure(vendor))
    }

    /// Takes in what an answer tells of the limits; `limited` when it asks for fewer requests.
    pub(super) async fn heard(&self, pass: &Pass, answer: &Answer, limited: bool) {
        let budgets = &self.pace.budgets;
        let told: Vec<Told> = (self.told_by.iter().enumerate())
            .filter_map(|(place, by)| told(place, (*by)?, answer))
            .collect();
        if !told.is_empty() {
            budgets.tell(&self.account, pass, &told).await;
        }
        let wait = answer.retry_after().or(self.rate.pause());
        if let (true, Some(wait)) = (limited, wait) {
            budgets.hold(&self.account, wait).await;
        }
    }
}

fn counted_for(whose: Whose) -> CountedFor {
    match whose {
        Whose::Account => CountedFor::Account,
        Whose::App => CountedFor::App,
        Whose::AppOnAccount => CountedFor::AppOnAccount,
    }
}

/// What an answer tells of a limit; `None` where it tells nothing that can be read.
pub(super) fn told(place: usize, by: &ToldBy, answer: &Answer) -> Option<Told> {
    let number = |header: &Option<String>| -> Option<u32> {
        let text = answer.header(header.as_ref()?)?;
        text.trim().parse().ok()
    };
    let (mut remaining, mut limit) = (number(&by.remaining), number(&by.limit));
    let used_of = by.used_of_limit.as_ref().and_then(|used_of| {
        let text = answer.header(&used_of.header)?;
        let (_, numbers) = text.split_once(used_of.after.as_str())?;
        let numbers = numbers.split([',', ';', ' ']).next()?;
        let (used, of) = numbers.split_once('/')?;
        Some((used.parse::<u32>().ok()?, of.parse::<u32>().ok()?))
    });
    if let Some((used, of)) = used_of {
        (remaining, limit) = (Some(of.saturating_sub(used)), Some(of));
    }
    // A limit of none would never let anybody find out that there is one again.
    limit = limit.filter(|limit| *limit > 0);
    if remaining.is_none() && limit.is_none() {
        return None;
    }
    let resets_in = by.resets.as_ref().and_then(|resets| {
        let seconds: i64 = answer.header(&resets.header)?.trim().parse().ok()?;
        match resets.format {
            ResetFormat::Seconds => Some(Duration::from_secs(u64::try_from(seconds).ok()?)),
            ResetFormat::UnixSeconds => {
                let at: DateTime<Utc> = DateTime::from_timestamp(seconds, 0)?;
                // By the vendor's clock where it gives it.
                let now = answer.date().unwrap_or(answer.received_at);
                Some((at - now).to_std().unwrap_or_default())
            }
        }
    });
    Some(Told {
        place,
        remaining,
        limit,
        resets_in,
    })
}
