//! Tink's records, made from templates and a seed.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::draw::Draw;
use crate::sandbox::kit::{Template, names, seeded, times};

static ACCOUNT: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/account.json")));
static TRANSACTION: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/transaction.json")));

/// Name and type of each account of the user.
const ACCOUNTS: [(&str, &str); 3] = [
    ("Löpande konto", "CHECKING"),
    ("Sparkonto", "SAVINGS"),
    ("Kort", "CREDIT_CARD"),
];

/// Category with its code, what is paid, and the kind of payment with the bank's code for it.
const SPENDING: [(&str, &str, &str, &str, &str); 4] = [
    (
        "expenses:food.coffee",
        "Coffee & Snacks",
        "Platform Coffee",
        "DEFAULT",
        "PURCHASE",
    ),
    (
        "expenses:transport.publictransport",
        "Public transport",
        "Norrbanan",
        "DEFAULT",
        "CARD",
    ),
    (
        "expenses:home.utilities",
        "Utilities",
        "Stadens Kraft AB",
        "PAYMENT",
        "AUTOGIRO",
    ),
    ("income:salary", "Salary", "Lön", "TRANSFER", "LB"),
];

/// Fills every hole; what is null is left out with its key.
fn filled(template: &Template, values: &Value) -> Value {
    template.fill(&|hole| values.get(hole).filter(|value| !value.is_null()).cloned())
}

/// An amount: `-12.30 EUR` is -1230 with scale 2.
fn amount(unscaled: i64, scale: u32, currency: &str) -> Value {
    json!({
        "value": { "unscaledValue": unscaled.to_string(), "scale": scale.to_string() },
        "currencyCode": currency,
    })
}

/// 32 hexadecimal digits.
pub(super) fn hex_id(draw: &mut Draw) -> String {
    format!("{:016x}{:016x}", draw.bits(), draw.bits())
}

/// Makes the records of the user.
#[derive(Debug)]
pub(super) struct Maker {
    seed: u64,
    size: u64,
}

impl Maker {
    pub(super) fn new(seed: u64, size: u64) -> Self {
        Self { seed, size }
    }

    fn account_id(&self, index: u64) -> String {
        hex_id(&mut Draw::new(self.seed, 0x7141, index))
    }

    /// Every account with its id.
    pub(super) fn accounts(&self, refreshed_s: i64) -> Vec<(String, Value)> {
        let accounts = ACCOUNTS.iter().enumerate();
        accounts
            .map(|(index, (name, kind))| {
                let mut draw = Draw::new(self.seed, 0x7142, index as u64);
                let id = self.account_id(index as u64);
                let booked = draw.between(-100_000, 9_000_000);
                let number = format!("{:017}", draw.below(100_000_000_000_000_000));
                let values = json!({
                    "id": id,
                    "name": name,
                    "type": kind,
                    "balances": {
                        "booked": { "amount": amount(booked, 2, "EUR") },
                        "available": { "amount": amount(booked - draw.between(0, 999), 2, "EUR") },
                    },
                    "iban": format!("SE45{number}123"),
                    "bban": number,
                    "refreshed": times::zulu(refreshed_s),
                    "bank": hex_id(&mut draw),
                });
                (id, filled(&ACCOUNT, &values))
            })
            .collect()
    }

    /// Who holds an account.
    pub(super) fn parties(&self, account_id: &str) -> Value {
        let mut draw = Draw::new(self.seed, 0x7143, 0).aside(account_id);
        let called = names::called(&mut draw);
        json!([{
            "identity": { "name": called.name, "identifiers": {} },
            "role": "HOLDER",
        }])
    }

    /// The id of the transaction at this place after so many refreshes.
    pub(super) fn transaction_id(&self, index: u64, refreshes: u64) -> String {
        hex_id(&mut Draw::new(self.seed, 0x7144 + (refreshes << 16), index))
    }

    /// Whether the transaction at this place is pending at the start: the newest are.
    pub(super) fn starts_pending(&self, index: u64) -> bool {
        index < self.size && index >= self.size - self.size.div_ceil(20)
    }

    /// The transaction at this place.
    pub(super) fn transaction(&self, index: u64, at_s: i64) -> Value {
        let mut draw = Draw::new(self.seed, 0x7145, index);
        let (category, category_name, who, kind, code) = draw.pick(&SPENDING);
        let pending = self.starts_pending(index);
        let income = category.starts_with("income");
        let unscaled = draw.between(1, 400_000) * if income { 1 } else { -1 };
        let (scale, currency) = draw.pick(&[
            (2, "EUR"),
            (2, "EUR"),
            (2, "SEK"),
            (0, "JPY"),
            (3, "TND"),
            (1, "EUR"),
        ]);
        let original = format!("{} {:05}", who.to_uppercase(), draw.below(100_000));
        let date = times::date(at_s);
        let values = json!({
            "id": self.transaction_id(index, 0),
            "account": self.account_id(draw.below(ACCOUNTS.len() as u64)),
            "amount": amount(unscaled, scale, currency),
            "date": date,
            "value_date": draw.chance(70).then_some(&date),
            "booked": (!pending && draw.chance(80)).then(|| times::zulu(at_s)),
            "original": original,
            "display": who,
            "status": if pending { "PENDING" } else { "BOOKED" },
            "type": kind,
            "type_code": code,
            "category": category,
            "category_name": category_name,
            // What the bank has not booked has no number there yet.
            "provider_id": (!pending).then(|| seeded::letters(&mut draw, 24)),
            "merchant": (!income).then(|| json!({
                "merchantName": who, "merchantCategoryCode": format!("{}", 5_000 + draw.below(999)),
            })),
            "mutability": if pending { "MUTABILITY_UNDEFINED" } else { "IMMUTABLE" },
            "reference": draw.chance(30).then(|| format!("RF{:08}", draw.below(100_000_000))),
        });
        filled(&TRANSACTION, &values)
    }
}
