//! Misbehaviour on request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// One way for an answer to go wrong.
///
/// The first group is about HTTP and the same for every vendor; the second spoils a page of a list and does nothing to
/// an answer that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// 429 in the vendor's shape, with `Retry-After` in seconds when one is given.
    RateLimited {
        /// The header's value.
        retry_after_s: Option<u32>,
    },
    /// Any other refusal in the vendor's shape, such as 500, 502, 503, 401 or 409.
    Status {
        /// The status.
        status: u16,
    },
    /// The same refusal under status 200, as some vendors do.
    RefusalInOk {
        /// The status it should have had.
        status: u16,
    },
    /// A proxy's HTML page in place of the vendor's answer; with status 200 it looks like success.
    HtmlPage {
        /// The status.
        status: u16,
    },
    /// The right answer, late.
    Slow {
        /// How late.
        delay_ms: u64,
    },
    /// The right answer, kept back until [`Faults::release`] or [`Faults::clear`].
    Held,
    /// The right answer in twenty pieces.
    SlowBody {
        /// Before each piece.
        pause_ms: u64,
    },
    /// A list of one record with a string of this length, made while it is sent.
    HugeBody {
        /// Of the string.
        bytes: u64,
    },
    /// Headers and half of the body, then silence until the caller hangs up.
    StalledBody,
    /// The connection is reset instead of answering.
    ResetBeforeAnswer,
    /// The connection is reset after half of the body.
    ResetMidBody,
    /// A complete HTTP answer whose JSON ends half-way.
    TruncatedJson,
    /// The right JSON, called `text/plain`.
    WrongContentType,
    /// JSON of another shape: `{}`.
    EmptyObject,

    /// The first page again, whatever the cursor, with more to come: a walk that never ends.
    RepeatedCursor,
    /// The first page again, whatever the cursor, unless it is the first page's: a walk in a circle of two pages.
    CircleOfPages,
    /// No records, but more to come.
    EmptyPageWithMore,
    /// The page begins with the record the one before ended with.
    DuplicateAcrossPages,
    /// The page's first record stands in it twice.
    DuplicateWithinPage,
    /// The page's records in another order (the last stays last).
    ReorderedPage,
    /// One record has no id.
    RecordWithoutId,
    /// One record has a string with `\u0000`, which JSON allows and Postgres does not.
    NulInString,
    /// One record has a string with half a surrogate pair, `\ud800`.
    LoneSurrogate,
    /// After the page was sent, records are created at the newest end.
    InsertWhilePaging {
        /// How many.
        records: u64,
    },
    /// After the page was sent, the records that would come next are deleted.
    DeleteWhilePaging {
        /// How many.
        records: u64,
    },
    /// After the page was sent, its last record, the cursor, is deleted.
    DeleteCursor,
}

/// When a fault happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The paths it is for: one path, or the beginning of several followed by `*`.
    #[serde(default = "any_path")]
    path: String,
    /// How many requests to such a path pass unharmed first.
    #[serde(default)]
    after: u64,
    /// How many requests it then harms; without a number, all.
    #[serde(default = "once")]
    times: Option<u64>,
    fault: Fault,
}

fn any_path() -> String {
    "*".to_owned()
}

fn once() -> Option<u64> {
    Some(1)
}

impl Rule {
    /// The next request, whatever its path, and no other.
    pub fn new(fault: Fault) -> Self {
        Self {
            path: any_path(),
            after: 0,
            times: once(),
            fault,
        }
    }

    /// Only requests to this path (`/v1/customers`), or to paths that begin so (`/v1/*`).
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Lets this many pass first.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Harms this many.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(requests);
        self
    }

    /// Harms all that follow, until the faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    fn is_for(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => self.path == path,
        }
    }

    fn is_spent(&self) -> bool {
        self.times == Some(0)
    }

    /// Whether this request is one it harms; counts it either way.
    fn takes(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        true
    }
}

/// The faults to come. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    rules: Vec<Rule>,
    /// What held answers wait for; each release has one of its own.
    gate: CancellationToken,
}

/// What a request meets.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) fault: Fault,
    /// Cancelled when answers that are held now may go.
    pub(super) gate: CancellationToken,
}

impl Faults {
    /// Harms the next `requests` requests, whatever their paths.
    pub fn next(&self, requests: u64, fault: Fault) {
        self.add(Rule::new(fault).times(requests));
    }

    /// Harms the next `requests` requests to the path; it may end in `*`.
    pub fn on(&self, path: &str, requests: u64, fault: Fault) {
        self.add(Rule::new(fault).on(path).times(requests));
    }

    /// Adds a rule. Of several that are for a request, the one added first harms it; the others do not count it.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Forgets all rules, and lets held answers go.
    pub fn clear(&self) {
        self.forget(|_| true);
    }

    /// Lets the answers go that [`Fault::Held`] keeps back, and forgets the rules that would keep back more.
    pub fn release(&self) {
        self.forget(|rule| rule.fault == Fault::Held);
    }

    fn forget(&self, which: impl Fn(&Rule) -> bool) {
        let mut standing = self.lock();
        standing.rules.retain(|rule| !which(rule));
        std::mem::take(&mut standing.gate).cancel();
    }

    /// The rules that are not spent: empty when everything a test asked for has happened.
    pub fn pending(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    /// What a request to this path meets.
    pub(super) fn take(&self, path: &str) -> Option<Met> {
        let mut standing = self.lock();
        let rules = &mut standing.rules;
        let fault = rules
            .iter_mut()
            .filter(|rule| rule.is_for(path))
            .find_map(|rule| rule.takes().then(|| rule.fault.clone()));
        rules.retain(|rule| !rule.is_spent());
        let gate = standing.gate.clone();
        fault.map(|fault| Met { fault, gate })
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn met(faults: &Faults, path: &str) -> Option<Fault> {
        faults.take(path).map(|met| met.fault)
    }

    #[test]
    fn a_rule_waits_for_its_path_and_its_turn_and_is_spent_after_its_times() {
        let faults = Faults::default();
        faults.add(
            Rule::new(Fault::StalledBody)
                .on("/v1/customers")
                .after(1)
                .times(2),
        );
        let asked: Vec<bool> = [
            "/v1/customers",
            "/v1/invoices",
            "/v1/customers",
            "/v1/customers",
            "/v1/customers",
        ]
        .map(|path| met(&faults, path).is_some())
        .into();
        assert_eq!(asked, [false, false, true, true, false]);
        assert_eq!(faults.pending(), []);
    }

    #[test]
    fn the_first_rule_for_a_path_wins_and_a_standing_one_stays() {
        let faults = Faults::default();
        faults.add(Rule::new(Fault::EmptyObject).on("/v1/*").always());
        faults.next(1, Fault::TruncatedJson);
        assert_eq!(met(&faults, "/v1/a"), Some(Fault::EmptyObject));
        assert_eq!(met(&faults, "/v1/b"), Some(Fault::EmptyObject));
        assert_eq!(met(&faults, "/other"), Some(Fault::TruncatedJson));
        assert_eq!(faults.pending().len(), 1);
    }

    #[test]
    fn a_release_lets_go_what_is_held_and_nothing_that_is_held_later() {
        let faults = Faults::default();
        faults.add(Rule::new(Fault::Held).always());
        faults.add(Rule::new(Fault::EmptyObject).on("/other"));
        let earlier = faults.take("/v1/a").unwrap().gate;
        assert!(!earlier.is_cancelled());
        faults.release();
        assert!(earlier.is_cancelled());
        assert_eq!(met(&faults, "/v1/a"), None);
        faults.next(1, Fault::Held);
        let later = faults.take("/v1/a").unwrap().gate;
        assert!(!later.is_cancelled());
        assert_eq!(met(&faults, "/other"), Some(Fault::EmptyObject));
        faults.clear();
        assert!(later.is_cancelled());
    }

    #[test]
    fn a_rule_reads_from_json_with_its_defaults() {
        let rule: Rule =
            serde_json::from_str(r#"{"fault":{"kind":"rateLimited","retryAfterS":2}}"#).unwrap();
        assert_eq!(
            rule,
            Rule::new(Fault::RateLimited {
                retry_after_s: Some(2)
            })
        );
        let rule: Rule =
            serde_json::from_str(r#"{"path":"/v1/*","times":null,"fault":{"kind":"emptyObject"}}"#)
                .unwrap();
        assert_eq!(rule, Rule::new(Fault::EmptyObject).on("/v1/*").always());
    }
}
