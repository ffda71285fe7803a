//! Plaid's records, made from templates and a seed.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::draw::Draw;
use crate::sandbox::kit::{Template, exact, money, names, seeded};

static TRANSACTION: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/transaction.json")));
static ACCOUNT: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/account.json")));
static OWNER: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/owner.json")));

/// Name, official name, type and subtype of each account of an item.
const ACCOUNTS: [(&str, Option<&str>, &str, &str); 4] = [
    (
        "Everyday",
        Some("Everyday Current Account"),
        "depository",
        "checking",
    ),
    (
        "Rainy Day",
        Some("Rainy Day Saver"),
        "depository",
        "savings",
    ),
    ("Card", None, "credit", "credit card"),
    ("House", Some("Thirty Years of House"), "loan", "mortgage"),
];

/// Primary and detailed category with what pays for it: name, channel, and the deprecated kind.
const SPENDING: [(&str, &str, &str, &str, &str); 5] = [
    (
        "FOOD_AND_DRINK",
        "FOOD_AND_DRINK_COFFEE",
        "Platform Coffee",
        "in store",
        "place",
    ),
    (
        "TRANSPORTATION",
        "TRANSPORTATION_PUBLIC_TRANSIT",
        "Northern Railways",
        "online",
        "digital",
    ),
    (
        "GENERAL_MERCHANDISE",
        "GENERAL_MERCHANDISE_BOOKSTORES_AND_NEWSSTANDS",
        "Kiosk No. 4",
        "in store",
        "place",
    ),
    (
        "RENT_AND_UTILITIES",
        "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY",
        "City Power",
        "other",
        "special",
    ),
    ("INCOME", "INCOME_WAGES", "Payroll", "other", "special"),
];

/// Fills every hole; what is null is said to be null.
fn filled(template: &Template, values: &Value) -> Value {
    template.fill(&|hole| values.get(hole).cloned())
}

/// Makes the records of an item.
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
        seeded::letters(&mut Draw::new(self.seed, 0x91ad1, index), 37)
    }

    /// Every account with its id.
    pub(super) fn accounts(&self) -> Vec<(String, Value)> {
        let accounts = ACCOUNTS.iter().enumerate();
        accounts
            .map(|(index, (name, official, kind, subtype))| {
                let mut draw = Draw::new(self.seed, 0x91ad2, index as u64);
                let current = draw.between(100, 9_000_000);
                let credit = *kind == "credit";
                let id = self.account_id(index as u64);
                let values = json!({
                    "id": id,
                    "available": match *kind {
                        "depository" => money(current - draw.between(0, 99)),
                        _ => Value::Null,
                    },
                    "current": money(current),
                    "limit": if credit { money(1_000_000) } else { Value::Null },
                    "mask": format!("{:04}", draw.below(10_000)),
                    "name": name,
                    "official": official,
                    "persistent": seeded::letters(&mut draw, 64).to_lowercase(),
                    "type": kind,
                    "subtype": subtype,
                });
                (id, filled(&ACCOUNT, &values))
            })
            .collect()
    }

    /// Who owns an account.
    pub(super) fn owners(&self, account_id: &str) -> Value {
        let mut draw = Draw::new(self.seed, 0x91ad3, 0).aside(account_id);
        let called = names::called(&mut draw);
        let address = names::address(&mut draw);
        // Some names have no letter that fits into an address.
        let mailbox = Some(called.mailbox).filter(|mailbox| !mailbox.is_empty());
        let mailbox = mailbox.unwrap_or_else(|| "customer".to_owned());
        let values = json!({
            "name": called.name,
            "email": format!("{mailbox}@home.example"),
            "second_email": format!("{mailbox}@work.example"),
            "phone": format!("{}{:07}", address.dialling, draw.below(10_000_000)),
            "street": address.line,
            "city": address.city,
            "region": address.region,
            "postal_code": address.postal_code,
            "country": address.country,
        });
        json!([filled(&OWNER, &values)])
    }

    fn transaction_id(&self, index: u64) -> String {
        seeded::letters(&mut Draw::new(self.seed, 0x91ad4, index), 37)
    }

    /// The transaction at this place, with its id. The newest of the start are pending.
    pub(super) fn transaction(&self, index: u64, date: &str) -> (String, Value) {
        let mut draw = Draw::new(self.seed, 0x91ad5, index);
        let id = self.transaction_id(index);
        let (primary, detailed, who, channel, kind) = draw.pick(&SPENDING);
        // Money in is negative.
        let amount = draw.between(1, 30_000) * if primary == "INCOME" { -10 } else { 1 };
        let coin = draw.chance(4);
        let place = (channel == "in store").then(|| names::address(&mut draw));
        let pending = index < self.size && index >= self.size - self.size.div_ceil(20);
        let merchant = (primary != "INCOME").then_some(who);
        let values = json!({
            "id": id,
            "account": self.account_id(draw.below(3)),
            "amount": match coin {
                // Twenty digits: more than a float holds.
                true => exact(&format!("0.{:020}", draw.bits())),
                false => money(amount),
            },
            "currency": (!coin).then_some("USD"),
            "unofficial": coin.then_some("BTC"),
            "date": date,
            "datetime": draw.chance(30).then(|| format!("{date}T{:02}:30:00Z", draw.below(24))),
            "authorized": draw.chance(60).then_some(date),
            "name": format!("{} {:05}", who.to_uppercase(), draw.below(100_000)),
            "merchant": merchant,
            "merchant_id": merchant.map(|_| seeded::letters(&mut draw.aside("merchant"), 37)),
            "website": merchant.map(|_| "rail-sandbox.example"),
            "kind": kind,
            "channel": channel,
            "pending": pending,
            "pending_id": null,
            "city": place.as_ref().map(|place| place.city),
            "region": place.as_ref().and_then(|place| place.region),
            "country": place.as_ref().map(|place| place.country),
            "lat": place.as_ref().map(|_| exact("40.740352")),
            "lon": place.as_ref().map(|_| exact("-74.001761")),
            "primary": primary,
            "detailed": detailed,
            "counterparties": match merchant {
                Some(name) => json!([{
                    "name": name, "type": "merchant", "website": "rail-sandbox.example", "logo_url": null,
                    "entity_id": null, "confidence_level": "VERY_HIGH",
                }]),
                None => json!([]),
            },
        });
        (id, filled(&TRANSACTION, &values))
    }

    /// The posted form of a pending transaction: another one, which names it.
    pub(super) fn posted(&self, index: u64, pending: &Value, date: &str) -> (String, Value) {
        let id = self.transaction_id(index);
        let mut body = pending.clone();
        body["pending_transaction_id"] = pending["transaction_id"].clone();
        body["transaction_id"] = id.as_str().into();
        body["pending"] = false.into();
        body["date"] = date.into();
        (id, body)
    }
}
