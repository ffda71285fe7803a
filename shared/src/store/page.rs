//! Lists by cursor: newest first, by id.

use uuid::Uuid;

/// What part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageAsk {
    /// At most so many.
    pub limit: u16,
    /// Only what comes after this id in the order of the list.
    pub after: Option<Uuid>,
}

impl PageAsk {
    /// One more than asked for: whether it is there tells whether there is a next page.
    pub(super) fn probe(self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

impl<T> Listed<T> {
    pub(super) fn of(mut rows: Vec<T>, ask: PageAsk) -> Self {
        let more = rows.len() > usize::from(ask.limit);
        rows.truncate(usize::from(ask.limit));
        Self { rows, more }
    }
}
