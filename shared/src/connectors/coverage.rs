//! Sets of instants: the times of creation whose records were read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::Window;

/// A half-open span of time: `from` is inside, `until` is not. An end that is missing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first instant inside; `None`: since ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// The first instant after; `None`: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Span {
    /// All of time.
    pub(super) const ALL: Self = Self {
        from: None,
        until: None,
    };

    fn is_empty(self) -> bool {
        matches!((self.from, self.until), (Some(from), Some(until)) if from >= until)
    }

    /// Whether a span that begins at `from` or later, but not before this one, leaves no gap to it.
    fn reaches(self, from: Option<DateTime<Utc>>) -> bool {
        match (self.until, from) {
            (Some(until), Some(from)) => from <= until,
            _ => true,
        }
    }

    fn within(self, other: Self) -> Self {
        Self {
            // No beginning is less than any, as `Option` orders it.
            from: self.from.max(other.from),
            until: match (self.until, other.until) {
                (Some(one), Some(another)) => Some(one.min(another)),
                (one, another) => one.or(another),
            },
        }
    }
}

impl From<Window> for Span {
    fn from(window: Window) -> Self {
        Self {
            from: Some(window.from),
            until: Some(window.until),
        }
    }
}

/// A set of instants: spans that hold something, in rising order, with a gap between any two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Span>", into = "Vec<Span>")]
pub struct Covered {
    spans: Vec<Span>,
}

impl Covered {
    /// Every instant before this one.
    #[must_use]
    pub fn up_to(end: DateTime<Utc>) -> Self {
        Self::from(Span {
            from: None,
            until: Some(end),
        })
    }

    /// Its spans, in rising order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether it holds no instant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// What is in either.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.spans.iter().chain(&other.spans).copied().collect()
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.within(&other.gaps())
    }

    /// What is in this one and before `end`.
    #[must_use]
    pub fn before(&self, end: DateTime<Utc>) -> Self {
        self.within(&Self::up_to(end))
    }

    /// Up to where it holds every instant since ever; `None` when it does not begin so, or never ends.
    #[must_use]
    pub fn unbroken_until(&self) -> Option<DateTime<Utc>> {
        self.spans
            .first()
            .filter(|first| first.from.is_none())
            .and_then(|first| first.until)
    }

    fn within(&self, other: &Self) -> Self {
        let pairs = self
            .spans
            .iter()
            .flat_map(|one| other.spans.iter().map(|another| one.within(*another)));
        pairs.collect()
    }

    /// Every instant that is not in it.
    fn gaps(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.spans.len() + 1);
        let mut from = None;
        for span in &self.spans {
            if span.from.is_some() {
                gaps.push(Span {
                    from,
                    until: span.from,
                });
            }
            if span.until.is_none() {
                return Self { spans: gaps };
            }
            from = span.until;
        }
        gaps.push(Span { from, until: None });
        Self { spans: gaps }
    }
}

impl FromIterator<Span> for Covered {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().filter(|span| !span.is_empty()).collect();
        spans.sort_by_key(|span| span.from);
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if last.reaches(span.from) => {
                    last.until = last
                        .until
                        .zip(span.until)
                        .map(|(one, other)| one.max(other));
                }
                _ => merged.push(span),
            }
        }
        Self { spans: merged }
    }
}

impl From<Span> for Covered {
    fn from(span: Span) -> Self {
        Self::from_iter([span])
    }
}

impl From<Vec<Span>> for Covered {
    fn from(spans: Vec<Span>) -> Self {
        Self::from_iter(spans)
    }
}

impl From<Covered> for Vec<Span> {
    fn from(covered: Covered) -> Self {
        covered.spans
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Instants at which spans of these tests begin and end; one before and one after them stand for the open ends.
    const MARKS: i64 = 12;

    fn at(mark: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(mark, 0).unwrap()
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let end = || prop::option::weighted(0.8, (0..MARKS).prop_map(at));
        let span = (end(), end()).prop_map(|(from, until)| Span { from, until });
        prop::collection::vec(span, 0..6)
    }

    fn holds(spans: &[Span], mark: i64) -> bool {
        spans.iter().any(|span| {
            span.from.is_none_or(|from| from <= at(mark))
                && span.until.is_none_or(|until| at(mark) < until)
        })
    }

    /// Spans that hold something, in rising order, none touching the next.
    fn is_in_order(covered: &Covered) -> bool {
        let spans = covered.spans();
        spans.iter().all(|span| !span.is_empty())
            && spans
                .windows(2)
                .all(|two| two[0].until.is_some() && two[0].until < two[1].from)
    }

    proptest! {
        #[test]
        fn sets_of_spans_are_sets_of_instants(a in spans(), b in spans(), end in 0..MARKS) {
            let (one, other) = (Covered::from(a.clone()), Covered::from(b.clone()));
            let (both, rest) = (one.and(&other), one.without(&other));
            let early = one.before(at(end));
            for set in [&one, &both, &rest, &early] {
                prop_assert!(is_in_order(set), "{set:?}");
            }
            for mark in -1..=MARKS {
                let (in_a, in_b) = (holds(&a, mark), holds(&b, mark));
                prop_assert_eq!(holds(one.spans(), mark), in_a);
                prop_assert_eq!(holds(both.spans(), mark), in_a || in_b);
                prop_assert_eq!(holds(rest.spans(), mark), in_a && !in_b);
                prop_assert_eq!(holds(early.spans(), mark), in_a && mark < end);
            }
            let unbroken = (-1..=MARKS).take_while(|mark| holds(one.spans(), *mark)).count();
            let until = usize::try_from(MARKS + 2).is_ok_and(|all| unbroken < all) && unbroken > 0;
            prop_assert_eq!(one.unbroken_until().is_some(), until);
        }

        #[test]
        fn a_stored_set_is_read_as_it_was(a in spans()) {
            let covered = Covered::from(a);
            let stored = serde_json::to_value(&covered).unwrap();
            prop_assert_eq!(serde_json::from_value::<Covered>(stored).unwrap(), covered);
        }
    }

    #[test]
    fn spans_that_touch_become_one_and_nothing_is_kept_of_those_that_hold_nothing() {
        let span = |from, until| Span {
            from: Some(at(from)),
            until: Some(at(until)),
        };
        let covered: Covered = [span(5, 7), span(1, 5), span(9, 9), span(8, 3)]
            .into_iter()
            .collect();
        assert_eq!(covered.spans(), [span(1, 7)]);
        assert_eq!(
            Covered::from(Span::ALL).without(&Covered::from(Span::ALL)),
            Covered::default()
        );
        assert_eq!(Covered::from(span(1, 3)).unbroken_until(), None);
        assert_eq!(Covered::up_to(at(4)).unbroken_until(), Some(at(4)));
    }
}
