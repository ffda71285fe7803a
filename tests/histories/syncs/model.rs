//! What must be stored of an entity, by what its syncs were shown: the whole of it in the lines of [`Model::take`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::truth::{Shown, Version};

/// What is stored of one entity.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The newest version that was shown and can be stored.
    pub rows: BTreeMap<String, Version>,
    /// The records of which a newer one cannot be: that one's place.
    pub open: BTreeMap<String, u64>,
}

/// What a sync counts; what it fetches stands in [`Shown`].
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    /// Records that were met and cannot be stored.
    pub bad: BTreeSet<String>,
    /// Of the deleted: those that were not shown any more.
    pub vanished: i64,
    /// Whether more would vanish than may.
    pub refused: bool,
}

/// What may be deleted because it was not shown.
#[derive(Debug, Clone, Copy)]
pub enum Unshown {
    /// It stays: only a part was shown.
    Stays,
    /// All was shown that there is: up to this part may go, as of this version.
    Goes { at_most: f64, as_of: u64 },
}

impl Model {
    /// A sync takes what it is shown.
    pub fn take(&mut self, shown: &Shown, unshown: Unshown) -> Counts {
        let before = self.rows.clone();
        let (mut met, mut bad) = (BTreeSet::new(), BTreeSet::new());
        for (id, version) in &shown.versions {
            met.insert(id);
            let newer = self.rows.get(id).is_none_or(|row| row.no <= version.no);
            if newer && version.is_bad() {
                bad.insert(id.clone());
                let open = self.open.entry(id.clone()).or_default();
                *open = version.no.max(*open);
            } else if !version.is_bad() {
                self.open.retain(|one, no| one != id || *no > version.no);
                if newer {
                    self.rows.insert(id.clone(), version.clone());
                }
            }
        }
        self.open.retain(|id, _| !shown.absent.contains(id));
        let mut counts = differences(&before, &self.rows);
        counts.bad = bad;
        if let Unshown::Goes { at_most, as_of } = unshown {
            let here = self.rows.values().filter(|row| row.value.is_some()).count();
            let missing = self
                .rows
                .iter_mut()
                .filter(|(id, row)| row.value.is_some() && !met.contains(id));
            let missing: Vec<_> = missing.map(|(_, row)| row).collect();
            counts.refused = missing.len() as f64 > at_most * here as f64;
            if !counts.refused {
                counts.vanished = missing.len() as i64;
                missing
                    .into_iter()
                    .for_each(|row| (row.no, row.value) = (as_of, None));
                self.open.retain(|id, _| met.contains(id));
            }
        }
        counts.deleted += counts.vanished;
        counts
    }
}

fn differences(before: &BTreeMap<String, Version>, after: &BTreeMap<String, Version>) -> Counts {
    let mut counts = Counts::default();
    for (id, row) in after {
        let was: Option<&Value> = before.get(id).and_then(|row| row.value.as_ref());
        match (was, &row.value) {
            (None, Some(_)) => counts.created += 1,
            (Some(_), None) => counts.deleted += 1,
            (Some(was), Some(is)) if was != is => counts.updated += 1,
            _ => {}
        }
    }
    counts
}

/// How far an entity has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub through_s: Option<i64>,
    /// Times of creation, half open.
    pub covered: Vec<(i64, i64)>,
}

impl Known {
    /// Whether what was created then has been read.
    pub fn covers(&self, created_s: i64) -> bool {
        self.covered
            .iter()
            .any(|(from, until)| (*from..*until).contains(&created_s))
    }

    /// The same in one form: in rising order, without gaps or overlaps.
    pub fn normal(&self) -> Self {
        let mut covered = self.covered.clone();
        covered.retain(|(from, until)| from < until);
        covered.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (from, until) in covered {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => merged.push((from, until)),
            }
        }
        Self {
            covered: merged,
            ..*self
        }
    }

    /// Everything was read that was before.
    pub fn all_before(through_s: i64) -> Self {
        Self {
            through_s: Some(through_s),
            covered: vec![(i64::MIN, through_s)],
        }
    }
}
