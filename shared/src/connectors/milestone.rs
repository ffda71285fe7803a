//! Notices a walk that goes round in a circle, whatever the circle's length, by remembering one page.

use serde::{Deserialize, Serialize};

/// A page that was passed, remembered until as many pages followed as `span` says; then the page at hand takes its place
/// for twice as long. A walk in a circle comes by a remembered page again once `span` is longer than the circle and the
/// circle was entered (Brent's way), after a few rounds at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Milestone {
    /// A digest of the page.
    page: String,
    /// Pages since.
    since: u64,
    span: u64,
}

/// The page at hand is the remembered one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Circle;

impl Milestone {
    /// What is remembered after a page that is not the walk's last.
    pub(super) fn after(before: Option<&Self>, page: &str) -> Result<Self, Circle> {
        let here = |span| Self {
            page: page.to_owned(),
            since: 0,
            span,
        };
        match before {
            None => Ok(here(1)),
            Some(before) if before.page == page => Err(Circle),
            Some(before) if before.since + 1 >= before.span => {
                Ok(here(before.span.saturating_mul(2)))
            }
            Some(before) => Ok(Self {
                since: before.since + 1,
                ..before.clone()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many pages a walk through these numbers is stopped.
    fn stopped_after(mut pages: impl Iterator<Item = u64>) -> Option<u64> {
        let mut milestone = None;
        (1..).find_map(|read| {
            let Some(page) = pages.next() else {
                return Some(None);
            };
            match Milestone::after(milestone.as_ref(), &page.to_string()) {
                Ok(next) => {
                    milestone = Some(next);
                    None
                }
                Err(Circle) => Some(Some(read)),
            }
        })?
    }

    #[test]
    fn a_walk_that_goes_on_is_never_stopped() {
        assert_eq!(stopped_after(0..100_000), None);
    }

    #[test]
    fn a_circle_of_any_length_is_found_wherever_it_begins() {
        for straight in [0, 1, 2, 7, 100, 1_000] {
            for length in [1, 2, 3, 10, 64, 100, 777] {
                let circle = (0..straight).chain((straight..straight + length).cycle());
                let read = stopped_after(circle).unwrap();
                assert!(
                    read <= 3 * (straight + length) + 3,
                    "{straight} and {length}: {read}"
                );
            }
        }
    }
}
