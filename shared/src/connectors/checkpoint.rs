//! What is known of an entity, and what a complete walk adds to that.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::coverage::Covered;

/// How far an entity has been read. The store keeps it as JSON and knows nothing of what is inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Checkpoint {
    /// Every change before has been read; `None` until a walk of everything is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<DateTime<Utc>>,
    /// The times of creation whose records have been read. All before `through` is among them.
    pub coverage: Covered,
    /// The vendor's own cursor, where its changes are read by one: where the last complete walk ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What may be stored: the first checkpoints had no coverage.
#[derive(Deserialize)]
struct Stored {
    through: Option<DateTime<Utc>>,
    coverage: Option<Covered>,
    token: Option<String>,
}

impl From<Stored> for Checkpoint {
    fn from(stored: Stored) -> Self {
        let Stored {
            through,
            coverage,
            token,
        } = stored;
        let before = through.map(Covered::up_to).unwrap_or_default();
        Self {
            through,
            coverage: coverage.unwrap_or_default().and(&before),
            token,
        }
    }
}

/// What a complete walk has read. It says only what that walk saw to itself, so that it is true on top of whatever
/// checkpoint is stored by then: an older one, or none, when a job that failed goes on after others have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gain {
    /// Records of these times of creation, and nothing about changes: a backfill.
    Part(Covered),
    /// Records of these times of creation, as they were at `through` or later.
    Listed {
        /// The times of creation.
        coverage: Covered,
        /// As of when.
        through: DateTime<Utc>,
    },
    /// What was created, changed or removed between the two.
    Changed {
        /// From here.
        since: DateTime<Utc>,
        /// Up to here.
        through: DateTime<Utc>,
    },
    /// What the vendor told up to this cursor of its own.
    Told {
        /// From this one on; `None`: everything.
        from: Option<String>,
        /// The cursor.
        token: String,
        /// As of when.
        through: DateTime<Utc>,
    },
}

impl Checkpoint {
    /// The checkpoint once this was gained.
    #[must_use]
    pub fn with(&self, gain: &Gain) -> Self {
        match gain {
            Gain::Part(part) => Self {
                through: self.through,
                coverage: self.coverage.and(part),
                token: self.token.clone(),
            },
            Gain::Listed { coverage, through } => {
                // What was known beyond came of a clock that ran ahead, or is read again.
                let coverage = self.coverage.and(coverage).before(*through);
                Self {
                    through: coverage.unbroken_until(),
                    coverage,
                    token: None,
                }
            }
            Gain::Changed { since, through } => {
                if self.through.is_none_or(|known| known < *since) {
                    return self.clone();
                }
                let before = Covered::up_to(*through);
                Self {
                    through: Some(*through),
                    coverage: before,
                    token: None,
                }
            }
            Gain::Told { from, .. } if from.is_some() && *from != self.token => self.clone(),
            Gain::Told { token, through, .. } => Self {
                through: Some(*through),
                coverage: Covered::up_to(*through),
                token: Some(token.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::coverage::Span;
    use super::*;

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-06-01T{hour:02}:00:00Z").parse().unwrap()
    }

    fn span(from: u32, until: u32) -> Covered {
        Covered::from(Span {
            from: Some(at(from)),
            until: Some(at(until)),
        })
    }

    fn read_up_to(hour: u32) -> Checkpoint {
        Checkpoint {
            through: Some(at(hour)),
            coverage: Covered::up_to(at(hour)),
            token: None,
        }
    }

    #[test]
    fn a_checkpoint_from_before_there_was_coverage_covers_all_it_went_through() {
        let old = json!({ "through": "2026-06-01T09:00:00Z" });
        assert_eq!(
            serde_json::from_value::<Checkpoint>(old).unwrap(),
            read_up_to(9)
        );
    }

    #[test]
    fn a_stored_checkpoint_is_read_as_it_was() {
        for checkpoint in [
            Checkpoint::default(),
            read_up_to(9),
            read_up_to(9).with(&Gain::Part(span(11, 12))),
            Checkpoint::default().with(&Gain::Part(span(11, 12))),
        ] {
            let stored = serde_json::to_value(&checkpoint).unwrap();
            assert_eq!(
                serde_json::from_value::<Checkpoint>(stored).unwrap(),
                checkpoint
            );
        }
    }

    #[test]
    fn a_backfill_adds_its_part_and_never_moves_the_cursor() {
        let known = read_up_to(9).with(&Gain::Part(span(8, 11)));
        assert_eq!(known.through, Some(at(9)));
        assert_eq!(known.coverage, Covered::up_to(at(11)));
        let unread = Checkpoint::default().with(&Gain::Part(span(8, 11)));
        assert_eq!((unread.through, unread.coverage), (None, span(8, 11)));
    }

    #[test]
    fn a_list_moves_the_cursor_as_far_as_there_is_no_hole() {
        let listed = |coverage: Covered, through| Gain::Listed {
            coverage,
            through: at(through),
        };
        let everything = listed(Covered::from(Span::ALL), 9);
        assert_eq!(Checkpoint::default().with(&everything), read_up_to(9));
        // Forgotten while the walk stood still: what it left out because it was known is not known any more.
        let rest = listed(span(5, 9), 9);
        let after = Checkpoint::default().with(&rest);
        assert_eq!((after.through, after.coverage), (None, span(5, 9)));
        assert_eq!(read_up_to(5).with(&rest), read_up_to(9));
    }

    #[test]
    fn a_clock_that_ran_ahead_is_forgotten_by_the_next_list() {
        let everything = Gain::Listed {
            coverage: Covered::from(Span::ALL),
            through: at(9),
        };
        assert_eq!(read_up_to(20).with(&everything), read_up_to(9));
    }

    #[test]
    fn changes_count_only_on_top_of_what_they_followed() {
        let changed = Gain::Changed {
            since: at(5),
            through: at(9),
        };
        assert_eq!(read_up_to(5).with(&changed), read_up_to(9));
        assert_eq!(read_up_to(6).with(&changed), read_up_to(9));
        assert_eq!(read_up_to(4).with(&changed), read_up_to(4));
        assert_eq!(Checkpoint::default().with(&changed), Checkpoint::default());
    }
}
