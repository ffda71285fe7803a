//! An item: one login at one bank, with its accounts, its transactions, and the log of what happened to them.

use std::collections::HashMap;

use serde_json::Value;

use super::records::Maker;
use crate::draw::Draw;
use crate::sandbox::kit::times::{self, FIRST_YEAR};
use crate::sandbox::kit::{Shelf, ShelfError, seeded};

/// How long a new item has no transactions yet.
const READY_AFTER_S: i64 = 30;

/// What happened to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Modified,
    Removed,
}

/// What an update tells of each transaction, oldest change first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) added: Vec<String>,
    pub(super) modified: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Update {
    pub(super) fn len(&self) -> usize {
        self.added.len() + self.modified.len() + self.removed.len()
    }
}

/// One login at one bank.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) access_token: String,
    pub(super) institution: String,
    pub(super) created_s: i64,
    pub(super) ready_s: i64,
    pub(super) login_required: bool,
    pub(super) webhook: Option<String>,
    pub(super) accounts: Shelf,
    pub(super) owners: HashMap<String, Value>,
    pub(super) transactions: Shelf,
    pub(super) log: Vec<(Change, String)>,
    maker: Maker,
}

impl Item {
    /// The item of this number. The first one is as old as its transactions, the others are new.
    pub(super) fn new(seed: u64, number: u64, size: u64, now_s: i64) -> Self {
        let mut draw = Draw::new(seed, 0x17e3, number);
        let id = seeded::letters(&mut draw, 37);
        let access_token = format!("access-sandbox-{}", seeded::guid(&mut draw));
        let maker = Maker::new(seed ^ (number << 48), size);
        let accounts = maker.accounts();
        let (created_s, ready_s) = match number {
            0 => (FIRST_YEAR.0, 0),
            _ => (now_s, now_s + READY_AFTER_S),
        };
        let mut item = Self {
            id,
            access_token,
            institution: format!("ins_{}", 1 + number % 40),
            created_s,
            ready_s,
            login_required: false,
            webhook: None,
            owners: accounts
                .iter()
                .map(|(id, _)| (id.clone(), maker.owners(id)))
                .collect(),
            accounts: Shelf::new(|_| {}),
            transactions: Shelf::new(|_| {}),
            log: Vec::new(),
            maker,
        };
        for (id, body) in accounts {
            item.accounts.put(&id, body, created_s);
        }
        for index in 0..size {
            let at_s = seeded::created_s(seed, index, size, FIRST_YEAR);
            item.put(index, at_s, None);
        }
        item
    }

    /// Whether transactions can be read.
    pub(super) fn is_ready(&self, now_s: i64) -> bool {
        now_s >= self.ready_s
    }

    /// Adds transactions; answers their ids.
    pub(super) fn add(&mut self, transactions: u64, now_s: i64) -> Vec<String> {
        (0..transactions)
            .map(|_| self.put(self.transactions.len() as u64, now_s, None))
            .collect()
    }

    fn put(&mut self, index: u64, at_s: i64, posts: Option<&Value>) -> String {
        let (id, body) = match posts {
            None => self.maker.transaction(index, &times::date(at_s)),
            Some(pending) => self.maker.posted(index, pending, &times::date(at_s)),
        };
        self.transactions.put(&id, body, at_s);
        self.log.push((Change::Added, id.clone()));
        id
    }

    /// Posts a pending transaction.
    pub(super) fn post(&mut self, pending_id: &str, now_s: i64) -> Option<String> {
        let pending = self.transactions.get(pending_id)?.body.clone();
        if pending["pending"] != true {
            return None;
        }
        self.remove(pending_id, now_s).ok()?;
        Some(self.put(self.transactions.len() as u64, now_s, Some(&pending)))
    }

    /// Changes a transaction.
    pub(super) fn modify(
        &mut self,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        self.transactions.update(id, now_s, change)?;
        self.log.push((Change::Modified, id.to_owned()));
        Ok(())
    }

    /// Removes a transaction.
    pub(super) fn remove(&mut self, id: &str, now_s: i64) -> Result<(), ShelfError> {
        self.transactions.remove(id, now_s)?;
        self.log.push((Change::Removed, id.to_owned()));
        Ok(())
    }

    /// What happened between two positions of the log, told once for each transaction: a reader who had all up to
    /// `from` and applies it has all up to `until`.
    pub(super) fn update(&self, from: usize, until: usize) -> Update {
        let mut first: HashMap<&str, Change> = HashMap::new();
        let mut last: HashMap<&str, Change> = HashMap::new();
        let mut order: Vec<&str> = Vec::new();
        for (change, id) in self.log.get(from..until).unwrap_or_default() {
            first.entry(id).or_insert_with(|| {
                order.push(id);
                *change
            });
            last.insert(id, *change);
        }
        let mut update = Update::default();
        for id in order {
            match (first[id], last[id]) {
                // It came and went unseen.
                (Change::Added, Change::Removed) => {}
                (_, Change::Removed) => update.removed.push(id.to_owned()),
                (Change::Added, _) => update.added.push(id.to_owned()),
                _ => update.modified.push(id.to_owned()),
            }
        }
        update
    }
}
