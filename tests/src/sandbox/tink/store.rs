//! What the fake Tink holds.

use serde_json::{Value, json};

use super::records::{Maker, hex_id};
use super::{EXTERNAL_USER_ID, TinkError};
use crate::draw::Draw;
use crate::sandbox::kit::pages::Aftermath;
use crate::sandbox::kit::times::{FIRST_YEAR, date, zulu};
use crate::sandbox::kit::{Shelf, exact, seeded};

/// How the parts of an amount are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amounts {
    /// `"unscaledValue": "1230"`, as the reference types them.
    #[default]
    Texts,
    /// `"unscaledValue": 1230`, as its examples show them.
    Numbers,
}

/// How the end of a list is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// `"nextPageToken": ""`
    #[default]
    EmptyToken,
    /// No `nextPageToken`.
    NoToken,
}

/// A permanent user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) external_id: Option<String>,
}

/// The users, and the first one's accounts and transactions.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) users: Vec<User>,
    pub(super) accounts: Shelf,
    pub(super) transactions: Shelf,
    pub(super) amounts: Amounts,
    pub(super) end: End,
    /// The number of each transaction on the shelf among all there ever were, by the place on the shelf: a pending one
    /// keeps its number when its id changes.
    numbers: Vec<u64>,
    made: u64,
    refreshes: u64,
    seed: u64,
    maker: Maker,
}

impl Store {
    pub(super) fn new(seed: u64, size: u64) -> Self {
        let maker = Maker::new(seed, size);
        let mut accounts = Shelf::new(|_| {});
        for (id, body) in maker.accounts(FIRST_YEAR.1) {
            accounts.put(&id, body, FIRST_YEAR.0);
        }
        let mut store = Self {
            users: Vec::new(),
            accounts,
            transactions: Shelf::new(|record| record.body["id"] = record.id.as_str().into()),
            amounts: Amounts::default(),
            end: End::default(),
            numbers: Vec::new(),
            made: 0,
            refreshes: 0,
            seed,
            maker,
        };
        store
            .users
            .push(store.new_user(Some(EXTERNAL_USER_ID.to_owned())));
        for index in 0..size {
            store.add(seeded::created_s(seed, index, size, FIRST_YEAR));
        }
        store
    }

    fn new_user(&self, external_id: Option<String>) -> User {
        let mut draw = Draw::new(self.seed, 0x7140, self.users.len() as u64);
        User {
            id: hex_id(&mut draw),
            external_id,
        }
    }

    /// Makes a user, unless there is one whom the platform calls so.
    pub(super) fn create_user(&mut self, external_id: Option<String>) -> Result<User, TinkError> {
        let taken = external_id.is_some()
            && self
                .users
                .iter()
                .any(|user| user.external_id == external_id);
        if taken {
            return Err(TinkError::user_exists());
        }
        let user = self.new_user(external_id);
        self.users.push(user.clone());
        Ok(user)
    }

    fn add(&mut self, at_s: i64) -> String {
        let number = self.made;
        self.made += 1;
        let id = self.maker.transaction_id(number, 0);
        let body = self.maker.transaction(number, at_s);
        self.put(&id, body, at_s, number);
        id
    }

    fn put(&mut self, id: &str, body: Value, at_s: i64, number: u64) {
        self.transactions.put(id, body, at_s);
        self.numbers.push(number);
    }

    /// Adds booked transactions and gives every pending one another id.
    pub(super) fn refresh(&mut self, transactions: u64, now_s: i64) -> Vec<String> {
        self.refreshes += 1;
        let pending: Vec<String> = self
            .transactions
            .live()
            .filter(|record| record.body["status"] == "PENDING")
            .map(|record| record.id.clone())
            .collect();
        for id in pending {
            self.replace(&id, now_s, None, |_| {});
        }
        for account in self
            .accounts
            .live()
            .map(|account| account.id.clone())
            .collect::<Vec<_>>()
        {
            let refreshed = zulu(now_s);
            // It is live: it was just listed.
            let _ = self.accounts.update(&account, now_s, |body| {
                body["dates"]["lastRefreshed"] = refreshed.into();
            });
        }
        (0..transactions).map(|_| self.add(now_s)).collect()
    }

    /// Puts a transaction under another id in place of the one it has, perhaps at another time.
    fn replace(
        &mut self,
        id: &str,
        now_s: i64,
        at_s: Option<i64>,
        change: impl FnOnce(&mut Value),
    ) -> Option<String> {
        let place = self.transactions.all().position(|record| record.id == id)?;
        let record = self.transactions.get(id)?;
        let (mut body, number) = (record.body.clone(), self.numbers[place]);
        let at_s = at_s.unwrap_or(record.created_s);
        change(&mut body);
        self.transactions.remove(id, now_s).ok()?;
        let refreshes = self.refreshes;
        let new_id = self.maker.transaction_id(number, refreshes);
        self.put(&new_id, body, at_s, number);
        Some(new_id)
    }

    /// Books a pending transaction.
    pub(super) fn book(&mut self, pending_id: &str, now_s: i64) -> Option<String> {
        if self.transactions.get(pending_id)?.body["status"] != "PENDING" {
            return None;
        }
        self.refreshes += 1;
        let provider_id = seeded::letters(&mut Draw::new(self.seed, 0x7146, self.refreshes), 24);
        self.replace(pending_id, now_s, Some(now_s), |body| {
            body["status"] = "BOOKED".into();
            body["dates"]["booked"] = date(now_s).into();
            body["bookedDateTime"] = zulu(now_s).into();
            body["identifiers"]["providerTransactionId"] = provider_id.into();
            body["providerMutability"] = "IMMUTABLE".into();
        })
    }

    /// Who holds an account.
    pub(super) fn parties(&self, account_id: &str) -> Value {
        self.maker.parties(account_id)
    }

    /// The balances of an account, as their own call tells them.
    pub(super) fn balances(&self, account: &Value) -> Value {
        json!({
            "accountId": account["id"],
            "refreshed": account["dates"]["lastRefreshed"],
            "balances": account["balances"],
        })
    }

    /// A record with its amounts written as they are to be written.
    pub(super) fn written(&self, body: &Value) -> Value {
        match self.amounts {
            Amounts::Texts => body.clone(),
            Amounts::Numbers => with_numbers(body),
        }
    }

    /// Carries out what a fault does between two pages.
    pub(super) fn settle(&mut self, aftermath: &Aftermath, now_s: i64) {
        match aftermath {
            Aftermath::Nothing => {}
            Aftermath::Create(records) => {
                for _ in 0..*records {
                    self.add(now_s);
                }
            }
            Aftermath::Delete(ids) => {
                for id in ids {
                    // One that is gone already is gone.
                    let _ = self.transactions.remove(id, now_s);
                }
            }
        }
    }
}

/// Turns the parts of amounts into numbers, at any depth.
fn with_numbers(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| {
                    let number = matches!(key.as_str(), "unscaledValue" | "scale");
                    let value = match value.as_str() {
                        Some(digits) if number => exact(digits),
                        _ => with_numbers(value),
                    };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Array(values) => values.iter().map(with_numbers).collect(),
        scalar => scalar.clone(),
    }
}
