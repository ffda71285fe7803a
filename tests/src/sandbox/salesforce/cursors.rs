//! Query locators: what a query found is noted once, and read page by page.

use std::collections::HashMap;

use super::entity::Entity;
use super::ids;

/// How long an unused cursor is kept.
const LIFE_S: i64 = 2 * 86_400;

/// A query that was not read to its end.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    pub(super) entity: Entity,
    pub(super) names: Vec<String>,
    /// What was found when the query was asked: nothing is added later.
    pub(super) found: Vec<String>,
    pub(super) rows: usize,
    /// Whether records from the bin belong to it.
    pub(super) with_deleted: bool,
    until_s: i64,
}

impl Cursor {
    pub(super) fn new(
        entity: Entity,
        names: Vec<String>,
        found: Vec<String>,
        rows: usize,
        with_deleted: bool,
    ) -> Self {
        Self {
            entity,
            names,
            found,
            rows,
            with_deleted,
            until_s: 0,
        }
    }
}

/// Every cursor of an org.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    known: HashMap<String, Cursor>,
    given: u64,
}

impl Cursors {
    /// Keeps a cursor; answers its name.
    pub(super) fn keep(&mut self, cursor: Cursor, now_s: i64) -> String {
        self.known.retain(|_, cursor| cursor.until_s > now_s);
        self.given += 1;
        let name = ids::id("0r8", self.given);
        let until_s = now_s + LIFE_S;
        self.known
            .insert(name.clone(), Cursor { until_s, ..cursor });
        name
    }

    /// The cursor and the position that a locator leads to. Its use makes it live on.
    pub(super) fn find(
        &mut self,
        locator: &str,
        now_s: i64,
    ) -> Option<(String, usize, &mut Cursor)> {
        let (name, position) = locator.rsplit_once('-')?;
        let position = position.parse().ok()?;
        let cursor = self.known.get_mut(name).filter(|it| it.until_s > now_s)?;
        cursor.until_s = now_s + LIFE_S;
        Some((name.to_owned(), position, cursor))
    }

    /// Ends one, which has nothing more to give.
    pub(super) fn end(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Ends all of them.
    pub(super) fn drop_all(&mut self) {
        self.known.clear();
    }
}
