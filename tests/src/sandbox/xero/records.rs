//! The values of records: each hole of a template draws from a stream of its own, so that one more hole changes no other.

use serde_json::{Value, json};

use super::entity::Entity;
use super::ledger::Ledger;
use super::times::day;
use crate::draw::Draw;
use crate::sandbox::kit::names::{address, called};
use crate::sandbox::kit::{exact, money, seeded, some_money};

/// The chart of accounts: code, name, type, class.
pub(super) const CHART: [(&str, &str, &str, &str); 8] = [
    ("090", "Business Bank Account", "BANK", "ASSET"),
    ("200", "Sales", "REVENUE", "REVENUE"),
    ("300", "Purchases", "DIRECTCOSTS", "EXPENSE"),
    ("404", "Bank Fees", "EXPENSE", "EXPENSE"),
    ("461", "Printing & Stationery", "OVERHEADS", "EXPENSE"),
    ("610", "Accounts Receivable", "CURRENT", "ASSET"),
    ("800", "Accounts Payable", "CURRLIAB", "LIABILITY"),
    ("970", "Owner \"A\" Funds Introduced", "EQUITY", "EQUITY"),
];

/// A record being made.
pub(super) struct Draft<'l> {
    ledger: &'l Ledger,
    entity: Entity,
    id: &'l str,
    index: u64,
    created_s: i64,
    draw: Draw,
}

impl<'l> Draft<'l> {
    pub(super) fn new(ledger: &'l Ledger, entity: Entity, id: &'l str, created_s: i64) -> Self {
        let index = ledger.shelf(entity).len() as u64;
        Self {
            ledger,
            entity,
            id,
            index,
            created_s,
            draw: Draw::new(ledger.seed, 300 + entity as u64, index),
        }
    }

    pub(super) fn body(&self) -> Value {
        self.ledger
            .template(self.entity)
            .fill(&|hole| self.hole(hole))
    }

    fn hole(&self, hole: &str) -> Option<Value> {
        let mut draw = self.draw.aside(hole);
        let who = called(&mut self.draw.aside("called"));
        let number = self.index + 1;
        Some(match hole {
            "id" => self.id.into(),
            "name" => format!("{} {number}", who.name.trim()).into(),
            "first_name" => who.name.split_whitespace().next()?.into(),
            "last_name" => who.name.split_whitespace().nth(1)?.into(),
            "email" => format!("{}.{number}@example.com", who.mailbox).into(),
            "currency" => draw.chance(70).then_some("USD")?.into(),
            "addresses" => self.addresses(),
            "phones" => json!([{
                "PhoneType": "DEFAULT", "PhoneNumber": format!("{:07}", draw.below(10_000_000)),
                "PhoneAreaCode": format!("{}", draw.between(200, 989)), "PhoneCountryCode": "1",
            }]),
            "yes_or_no" => draw.chance(50).into(),
            "no_or_yes" => (!self.draw.aside("yes_or_no").chance(50)).into(),
            "account_code" => self.account().0.into(),
            "account_name" => self.account().1.into(),
            "type" => self.account().2.into(),
            "class" => self.account().3.into(),
            "bank_number" => self
                .bank_only(format!("{:012}", draw.below(1_000_000_000_000)))?
                .into(),
            "bank_type" => self.bank_only("BANK")?.into(),
            "bank_currency" => self.bank_only("USD")?.into(),
            "reporting_code" => self.account().3.get(..3)?.into(),
            "description" | "reference" | "narration" => self.remark(hole, &mut draw)?,
            "item_code" => format!("ITEM-{number:04}").into(),
            "item_name" => format!("Consulting, package {number}").into(),
            "price" | "cost" => four_digits(some_money(&mut draw)),
            "number" => match self.entity {
                Entity::CreditNotes => format!("CN-{number:05}").into(),
                _ => format!("INV-{number:05}").into(),
            },
            "date" => day(self.created_s).0.into(),
            "date_string" => day(self.created_s).1.into(),
            "due" => day(self.created_s + 30 * 86_400).0.into(),
            "due_string" => day(self.created_s + 30 * 86_400).1.into(),
            "rate" => exact("1.000000"),
            "contact" => self.contact(&mut draw),
            "bank" => self.bank(),
            "nothing" => money(0),
            "total" => money(self.total()),
            "paid_amount" => money(if self.status() == "PAID" {
                self.total()
            } else {
                0
            }),
            "due_amount" => money(if self.status() == "PAID" {
                0
            } else {
                self.total()
            }),
            "invoice_status" => self.status().into(),
            "invoice_type" => draw.pick(&["ACCREC", "ACCREC", "ACCPAY"]).into(),
            "bank_transaction_type" => draw.pick(&["RECEIVE", "SPEND"]).into(),
            "lines" => self.lines(),
            "journal_lines" => self.journal_lines(),
            "paid_invoice" => self.paid_invoice()?,
            "paid_total" => match self.invoice() {
                Some(invoice) => invoice["Total"].clone(),
                None => money(self.total()),
            },
            other => panic!("a template has a hole '{other}' that nothing fills"),
        })
    }

    /// The line of the chart; accounts made later are further banks.
    fn account(&self) -> (String, String, &'static str, &'static str) {
        match CHART.get(self.index as usize) {
            Some((code, name, kind, class)) => {
                ((*code).to_owned(), (*name).to_owned(), *kind, *class)
            }
            None => {
                let code = format!("09{}", self.index);
                (code, format!("Savings {}", self.index), "BANK", "ASSET")
            }
        }
    }

    fn bank_only<T>(&self, value: T) -> Option<T> {
        (self.account().2 == "BANK").then_some(value)
    }

    fn status(&self) -> &'static str {
        let mut draw = self.draw.aside("status");
        draw.pick(&[
            "PAID",
            "PAID",
            "AUTHORISED",
            "AUTHORISED",
            "SUBMITTED",
            "DRAFT",
        ])
    }

    fn remark(&self, hole: &str, draw: &mut Draw) -> Option<Value> {
        if hole != "narration" && draw.chance(40) {
            return None;
        }
        let remarks = [
            "said \"call back\"",
            "line one\nline two",
            "=1+1",
            "Größe, 日本",
            "O'Neil <b>",
        ];
        Some(draw.pick(&remarks).into())
    }

    fn addresses(&self) -> Value {
        let at = address(&mut self.draw.aside("place"));
        json!([
            { "AddressType": "STREET", "City": "", "Region": "", "PostalCode": "", "Country": "" },
            {
                "AddressType": "POBOX", "AddressLine1": at.line, "City": at.city,
                "Region": at.region.unwrap_or_default(), "PostalCode": at.postal_code, "Country": at.country,
            },
        ])
    }

    /// A contact as it stands inside other records.
    fn contact(&self, draw: &mut Draw) -> Value {
        let contact = self.ledger.any(Entity::Contacts, draw.below(u64::MAX));
        contact.map_or(Value::Null, |contact| {
            json!({
                "ContactID": contact.id, "Name": contact.body["Name"], "Addresses": [], "Phones": [],
                "ContactGroups": [], "ContactPersons": [], "HasValidationErrors": false,
            })
        })
    }

    fn bank(&self) -> Value {
        let bank = self.ledger.shelf(Entity::Accounts).all().next();
        bank.map_or(Value::Null, |bank| {
            let mut account = json!({ "AccountID": bank.id, "Code": bank.body["Code"] });
            if self.entity == Entity::BankTransactions {
                account["Name"] = bank.body["Name"].clone();
            }
            account
        })
    }

    /// Quantity and price of each line.
    fn amounts(&self) -> Vec<(i64, i64)> {
        let mut draw = self.draw.aside("amounts");
        (0..draw.between(1, 3))
            .map(|_| (draw.between(1, 4), some_money(&mut draw)))
            .collect()
    }

    fn total(&self) -> i64 {
        self.amounts()
            .iter()
            .map(|(quantity, price)| quantity * price)
            .sum()
    }

    fn lines(&self) -> Value {
        let mut draw = self.draw.aside("lines");
        self.amounts()
            .into_iter()
            .map(|(quantity, price)| {
                json!({
                    "LineItemID": seeded::guid(&mut draw), "Description": "Consulting, as agreed",
                    "Quantity": exact(&format!("{quantity}.0000")), "UnitAmount": four_digits(price),
                    "LineAmount": money(quantity * price), "TaxAmount": money(0), "TaxType": "NONE",
                    "AccountCode": "200", "Tracking": [],
                })
            })
            .collect()
    }

    fn journal_lines(&self) -> Value {
        let line = |amount: i64, code: &str| {
            json!({
                "LineAmount": money(amount), "AccountCode": code, "Description": "Correction",
                "TaxType": "NONE", "Tracking": [], "IsBlank": false,
            })
        };
        json!([line(self.total(), "461"), line(-self.total(), "090")])
    }

    /// The invoice that a payment pays.
    fn invoice(&self) -> Option<&'l Value> {
        let place = self.draw.aside("invoice").below(u64::MAX);
        let invoice = self.ledger.any(Entity::Invoices, place)?;
        Some(&invoice.body)
    }

    /// That invoice as it stands inside the payment.
    fn paid_invoice(&self) -> Option<Value> {
        let invoice = self.invoice()?;
        Some(json!({
            "Type": invoice["Type"], "InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"],
            "Contact": invoice["Contact"], "Payments": [], "CreditNotes": [], "Prepayments": [],
            "Overpayments": [], "IsDiscounted": false, "HasErrors": false, "LineItems": [],
            "CurrencyCode": invoice["CurrencyCode"],
        }))
    }
}

/// A price with the four digits Xero may send.
fn four_digits(cents: i64) -> Value {
    exact(&format!("{}.{:02}00", cents / 100, cents % 100))
}
