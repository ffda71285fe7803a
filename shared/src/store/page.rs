//! Lists by cursor.

use uuid::Uuid;

/// What part of a list by id is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageAsk {
    /// At most so many.
    pub limit: u16,
    /// Only what comes after this id in the order of the list.
    pub after: Option<Uuid>,
}

impl PageAsk {
    /// See [`probe`].
    pub(super) fn probe(self) -> i64 {
        probe(self.limit)
    }
}

/// One more than asked for: whether it is there tells whether there is a next page.
pub(super) fn probe(limit: u16) -> i64 {
    i64::from(limit) + 1
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
    /// Rows of which one more was [asked for](probe) than is shown.
    pub(super) fn of(mut rows: Vec<T>, limit: u16) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        Self { rows, more }
    }
}
