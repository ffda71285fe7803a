//! What the vendor has, and had: every version of every record, in the order in which they came to be.

use std::collections::{BTreeMap, BTreeSet};

use rail_tests::sandbox::stripe::Stripe;
use serde_json::{Value, json};

use super::history::Change;

/// A record as it was from one moment on.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its place in the order of all versions; of one that was read, as of which place the vendor vouched for it.
    pub no: u64,
    /// When it came to be.
    pub at_s: i64,
    /// `None` where it is gone.
    pub value: Option<Value>,
    /// Whether the feed tells of it.
    pub told: bool,
    /// Whether Postgres cannot store it. A feed tells of a deletion by the last version, which may be such a one: then the
    /// deletion is an error like others, until the record is asked for by its id.
    pub bad: bool,
}

impl Version {
    /// Whether Postgres cannot store it.
    pub fn is_bad(&self) -> bool {
        self.bad
    }
}

fn is_bad(record: &Value) -> bool {
    record["metadata"]["note"]
        .as_str()
        .is_some_and(|note| note.contains('\0'))
}

/// What a sync is shown, the newest first.
#[derive(Debug, Default)]
pub struct Shown {
    pub versions: Vec<(String, Version)>,
    /// Records that were asked for, do not exist and never were stored.
    pub absent: Vec<String>,
    /// How many records are fetched with it.
    pub fetched: i64,
}

/// One entity.
pub struct Truth {
    stripe: Stripe,
    pub entity: &'static str,
    /// Oldest first.
    versions: BTreeMap<String, Vec<Version>>,
    lost: BTreeSet<String>,
    next: u64,
}

impl Truth {
    /// Of what the sandbox holds now.
    pub fn new(stripe: &Stripe, entity: &'static str) -> Self {
        let mut truth = Self {
            stripe: stripe.clone(),
            entity,
            versions: BTreeMap::new(),
            lost: BTreeSet::new(),
            next: 0,
        };
        for id in stripe.ids(entity) {
            truth.note(&id, false);
        }
        truth
    }

    /// Whether the feed tells of its changes.
    pub fn is_told(&self) -> bool {
        self.entity != "balance_transactions"
    }

    /// How many versions there were so far.
    pub fn now(&self) -> u64 {
        self.next
    }

    /// What exists.
    pub fn live(&self) -> impl Iterator<Item = (&String, &Version)> {
        let last = self
            .versions
            .iter()
            .filter_map(|(id, versions)| Some((id, versions.last()?)));
        last.filter(|(_, version)| version.value.is_some())
    }

    /// A record as it is now.
    fn of(&self, id: &str) -> Option<&Version> {
        self.versions.get(id)?.last()
    }

    /// The latest version of a record that is the same as this one.
    pub fn version_of(&self, id: &str, value: &Value) -> Option<&Version> {
        self.versions
            .get(id)?
            .iter()
            .rev()
            .find(|version| version.value.as_ref() == Some(value))
    }

    /// What a list shows that was created at such times.
    pub fn list(&self, inside: impl Fn(i64) -> bool) -> Shown {
        let created = |version: &Version| {
            version
                .value
                .as_ref()
                .and_then(|value| value["created"].as_i64())
                .unwrap_or_default()
        };
        let shown = self.live().filter(|(_, version)| inside(created(version)));
        let versions: Vec<_> = shown
            .map(|(id, version)| (id.clone(), self.as_of_now(version)))
            .collect();
        Shown {
            fetched: versions.len() as i64,
            versions,
            absent: Vec::new(),
        }
    }

    /// What the vendor says of one record when it is asked for it.
    pub fn one(&self, id: &str) -> Option<Version> {
        self.versions
            .get(id)?
            .last()
            .map(|version| self.as_of_now(version))
    }

    /// A version that the vendor vouches for now.
    fn as_of_now(&self, version: &Version) -> Version {
        Version {
            no: self.next,
            bad: version.bad && version.value.is_some(),
            ..version.clone()
        }
    }

    /// What the feed shows since then, in pages of so many: of several changes of a record in one second the last; and in one
    /// page each record once.
    pub fn feed(&self, since_s: i64, page: usize) -> Shown {
        let mut told: Vec<(&String, &Version)> = self
            .versions
            .iter()
            .flat_map(|(id, versions)| versions.iter().map(move |version| (id, version)))
            .filter(|(_, version)| version.told && version.at_s >= since_s)
            .collect();
        told.sort_by_key(|(_, version)| std::cmp::Reverse(version.no));
        let (mut shown, mut seconds) = (Shown::default(), BTreeSet::new());
        for page in told.chunks(page) {
            let mut good = BTreeSet::new();
            for (id, version) in page {
                if !seconds.insert((*id, version.at_s)) {
                    continue;
                }
                shown.fetched += i64::from(version.is_bad() || good.insert(*id));
                shown.versions.push(((*id).clone(), (*version).clone()));
            }
        }
        shown
    }

    /// Whether a record changed twice in one second since then: their order is told only by their places.
    pub fn has_ties(&self, since_s: i64) -> bool {
        self.versions.values().any(|versions| {
            versions
                .windows(2)
                .any(|two| two[1].told && two[1].at_s >= since_s && two[0].at_s == two[1].at_s)
        })
    }

    /// Lets something happen; a change of a record that is not there does nothing.
    pub fn change(&mut self, change: Change) {
        let entity = self.entity;
        match change {
            Change::Create(_, count) => {
                for id in self.stripe.create(entity, count) {
                    self.note(&id, self.is_told());
                }
            }
            Change::Update(_, which) => {
                let name = format!("Name {}", self.next);
                self.update(which, |record| record["metadata"]["name"] = json!(name));
            }
            Change::Same(_, which) => self.update(which, |_| {}),
            Change::Spoil(_, which) => {
                let note = format!("{}\0", self.next);
                self.update(which, |record| record["metadata"]["note"] = json!(note));
            }
            Change::Mend(_, which) => {
                let bad = self.live().position(|(_, version)| version.is_bad());
                let which = bad.map_or(which, |bad| bad as u64);
                self.update(which, |record| record["metadata"]["note"] = json!("fine"));
            }
            Change::Respell(_, which) => {
                if let Some(id) = self.pick(which) {
                    self.stripe.respell(entity, &id);
                }
            }
            Change::Delete(_, which) if self.is_told() => {
                if let Some(id) = self.pick(which) {
                    self.stripe.delete(entity, &id);
                    self.note(&id, true);
                }
            }
            Change::Lose(_, which) => {
                if let Some(id) = self.pick(which) {
                    self.stripe.lose(entity, &id);
                    self.note(&id, false);
                    self.lost.insert(id);
                }
            }
            Change::FindAgain(_) => {
                if let Some(id) = self.lost.pop_first() {
                    self.stripe.find_again(entity, &id);
                    self.note(&id, false);
                }
            }
            Change::Delete(..) | Change::Wait(_) => {}
        }
    }

    /// Notes what changed behind its back.
    pub fn catch_up(&mut self) {
        // The newest first; on which page of the feed one is told hangs on what came before it.
        let here = self.stripe.ids(self.entity);
        let gone: Vec<String> = self
            .live()
            .map(|(id, _)| id.clone())
            .filter(|id| !here.contains(id))
            .collect();
        let new: Vec<String> = here
            .into_iter()
            .rev()
            .filter(|id| !self.versions.contains_key(id))
            .collect();
        for id in gone.iter().chain(&new) {
            self.note(id, self.is_told());
        }
    }

    fn update(&mut self, which: u64, change: impl FnOnce(&mut Value)) {
        let Some(id) = self.pick(which) else {
            return;
        };
        self.stripe.update(self.entity, &id, change);
        let is_another = self.of(&id).and_then(|version| version.value.clone())
            != self.stripe.record(self.entity, &id);
        if is_another {
            self.note(&id, self.is_told());
        }
    }

    fn pick(&self, which: u64) -> Option<String> {
        let count = self.live().count() as u64;
        let at = which.checked_rem(count)?;
        self.live().nth(at as usize).map(|(id, _)| id.clone())
    }

    fn note(&mut self, id: &str, told: bool) {
        let value = self.stripe.record(self.entity, id);
        let bad = match &value {
            Some(record) => is_bad(record),
            None => self.of(id).is_some_and(Version::is_bad),
        };
        let version = Version {
            no: self.next,
            at_s: self.stripe.clock().now(),
            value,
            told,
            bad,
        };
        self.next += 1;
        self.versions
            .entry(id.to_owned())
            .or_default()
            .push(version);
    }
}
