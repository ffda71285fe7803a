//! The values of records: each hole of a template draws from a stream of its own, so that one more hole changes no other.

use serde_json::{Value, json};

use super::company::Company;
use super::entity::Entity;
use super::times::pacific_date;
use crate::draw::Draw;
use crate::sandbox::kit::names::{Called, address, called};
use crate::sandbox::kit::{cents, money, some_money};

/// The chart of accounts: name, type, subtype, classification.
pub(super) const CHART: [(&str, &str, &str, &str); 9] = [
    ("Checking", "Bank", "Checking", "Asset"),
    (
        "Accounts Receivable (A/R)",
        "Accounts Receivable",
        "AccountsReceivable",
        "Asset",
    ),
    (
        "Accounts Payable (A/P)",
        "Accounts Payable",
        "AccountsPayable",
        "Liability",
    ),
    (
        "Opening Balance Equity",
        "Equity",
        "OpeningBalanceEquity",
        "Equity",
    ),
    (
        "Sales of Product Income",
        "Income",
        "SalesOfProductIncome",
        "Revenue",
    ),
    (
        "Rent or Lease",
        "Expense",
        "RentOrLeaseOfBuildings",
        "Expense",
    ),
    ("Travel", "Expense", "Travel", "Expense"),
    (
        "Legal & Professional Fees",
        "Expense",
        "LegalProfessionalFees",
        "Expense",
    ),
    ("Visa Card", "Credit Card", "CreditCard", "Liability"),
];

/// A record being made.
pub(super) struct Draft<'c> {
    company: &'c Company,
    entity: Entity,
    id: &'c str,
    index: u64,
    created_s: i64,
    draw: Draw,
}

impl<'c> Draft<'c> {
    pub(super) fn new(company: &'c Company, entity: Entity, id: &'c str, created_s: i64) -> Self {
        let index = company.shelf(entity).len() as u64;
        Self {
            company,
            entity,
            id,
            index,
            created_s,
            draw: Draw::new(company.seed, 200 + entity as u64, index),
        }
    }

    pub(super) fn body(&self) -> Value {
        self.company
            .template(self.entity)
            .fill(&|hole| self.hole(hole))
    }

    fn hole(&self, hole: &str) -> Option<Value> {
        let mut draw = self.draw.aside(hole);
        let who = called(&mut self.draw.aside("called"));
        Some(match hole {
            "id" => self.id.into(),
            "name" => self.name(&who).into(),
            "company" => draw.chance(40).then(|| self.name(&who))?.into(),
            "address" => self.address(),
            "email" => {
                let address = format!("{}.{}@example.com", who.mailbox, self.id);
                draw.chance(90).then(|| json!({ "Address": address }))?
            }
            "phone" => {
                let number = format!("({}) 555-{:04}", draw.between(201, 989), draw.below(10_000));
                draw.chance(60)
                    .then(|| json!({ "FreeFormNumber": number }))?
            }
            "notes" | "note" | "memo" => self.note(hole, &mut draw)?,
            "taxable" => draw.chance(30).into(),
            "account_number" => format!("{:08}", draw.below(100_000_000)).into(),
            "type" => self.chart().1.into(),
            "subtype" => self.chart().2.into(),
            "classification" => self.chart().3.into(),
            "description" => self.note("notes", &mut draw)?["value"].take(),
            "income_account" => self.account("Sales of Product Income"),
            "payable" => self.account("Accounts Payable (A/P)"),
            "receivable" => self.account("Accounts Receivable (A/R)"),
            "bank" => self.account("Checking"),
            "expense_account" => self.account(draw.pick(&CHART[5..8]).0),
            "price" | "cost" => money(some_money(&mut draw)),
            "number" => format!("{:05}", 1_000 + self.index).into(),
            "date" => pacific_date(self.created_s).into(),
            "due" => pacific_date(self.created_s + 30 * 86_400).into(),
            "customer" => self.customer(),
            "vendor" => self.some(Entity::Vendor, &mut draw),
            "payee" => {
                let mut payee = self.some(Entity::Vendor, &mut draw);
                payee["type"] = "Vendor".into();
                payee
            }
            "payment_type" => draw.pick(&["Cash", "Check", "CreditCard"]).into(),
            "nothing" => money(0),
            "total" => money(self.total()),
            "balance" if self.entity.is_name_list() => money(some_money(&mut draw)),
            "balance" => money(if draw.chance(60) { 0 } else { self.total() }),
            "sale_lines" => self.sale_lines(),
            "cost_lines" => self.cost_lines(),
            "payment_lines" => self.payment_lines(),
            other => panic!("a template has a hole '{other}' that nothing fills"),
        })
    }

    /// A name nobody else has. QuickBooks allows neither colons nor tabs nor line breaks in names.
    fn name(&self, who: &Called) -> String {
        let name = match self.entity {
            Entity::Account => return self.chart().0,
            Entity::Item => format!("Consulting, package {}", self.index + 1),
            _ => format!("{} ({})", who.name, self.id),
        };
        name.replace([':', '\t', '\n', '\r'], " ")
    }

    /// The line of the chart; accounts made later are further banks.
    fn chart(&self) -> (String, &'static str, &'static str, &'static str) {
        match CHART.get(self.index as usize) {
            Some((name, kind, subtype, class)) => ((*name).to_owned(), *kind, *subtype, *class),
            None => (
                format!("Savings {}", self.index),
                "Bank",
                "Savings",
                "Asset",
            ),
        }
    }

    fn note(&self, hole: &str, draw: &mut Draw) -> Option<Value> {
        if draw.chance(60) {
            return None;
        }
        let text = draw.pick(&[
            "said \"call back\"",
            "line one\nline two",
            "=1+1",
            "Größe & Menge, 日本",
            "O'Neil's <order>",
        ]);
        Some(match hole {
            "note" => text.into(),
            "notes" if self.entity == Entity::Customer => text.into(),
            _ => json!({ "value": text }),
        })
    }

    fn address(&self) -> Value {
        let at = address(&mut self.draw.aside("place"));
        json!({
            "Id": self.id, "Line1": at.line, "City": at.city, "Country": at.country,
            "CountrySubDivisionCode": at.region, "PostalCode": at.postal_code,
        })
    }

    fn account(&self, name: &str) -> Value {
        let accounts = self.company.shelf(Entity::Account);
        let found = accounts.all().find(|account| account.body["Name"] == name);
        json!({ "value": found.map(|account| account.id.as_str()), "name": name })
    }

    /// A reference to any record of an entity.
    fn some(&self, entity: Entity, draw: &mut Draw) -> Value {
        self.company.reference(entity, draw.below(u64::MAX))
    }

    /// Who pays: for a payment, whoever the invoice is for.
    fn customer(&self) -> Value {
        match self.paid_invoice() {
            Some(invoice) => invoice["CustomerRef"].clone(),
            None => self.some(Entity::Customer, &mut self.draw.aside("customer")),
        }
    }

    fn paid_invoice(&self) -> Option<&'c Value> {
        let place = self.draw.aside("invoice").below(u64::MAX);
        (self.entity == Entity::Payment)
            .then(|| self.company.any(Entity::Invoice, place))
            .flatten()
            .map(|record| &record.body)
    }

    /// Quantity and price of each line.
    fn lines(&self) -> Vec<(i64, i64)> {
        let mut draw = self.draw.aside("lines");
        (0..draw.between(1, 3))
            .map(|_| (draw.between(1, 4), some_money(&mut draw)))
            .collect()
    }

    fn total(&self) -> i64 {
        match self.paid_invoice() {
            Some(invoice) => cents(&invoice["TotalAmt"]).unwrap_or_default(),
            None => self
                .lines()
                .iter()
                .map(|(quantity, price)| quantity * price)
                .sum(),
        }
    }

    fn sale_lines(&self) -> Value {
        let mut draw = self.draw.aside("items");
        let mut lines: Vec<Value> = (1..)
            .zip(self.lines())
            .map(|(number, (quantity, price))| {
                json!({
                    "Id": number.to_string(), "LineNum": number, "Amount": money(quantity * price),
                    "DetailType": "SalesItemLineDetail",
                    "SalesItemLineDetail": {
                        "ItemRef": self.some(Entity::Item, &mut draw), "Qty": quantity,
                        "TaxCodeRef": { "value": "NON" }, "UnitPrice": money(price),
                    },
                })
            })
            .collect();
        lines.push(json!({
            "Amount": money(self.total()), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {},
        }));
        lines.into()
    }

    fn cost_lines(&self) -> Value {
        let mut draw = self.draw.aside("costs");
        (1..)
            .zip(self.lines())
            .map(|(number, (quantity, price))| {
                json!({
                    "Id": number.to_string(), "Amount": money(quantity * price),
                    "DetailType": "AccountBasedExpenseLineDetail",
                    "AccountBasedExpenseLineDetail": {
                        "AccountRef": self.account(draw.pick(&CHART[5..8]).0),
                        "BillableStatus": "NotBillable", "TaxCodeRef": { "value": "NON" },
                    },
                })
            })
            .collect()
    }

    fn payment_lines(&self) -> Value {
        let line = |invoice: &Value| {
            let linked = json!([{ "TxnId": invoice["Id"], "TxnType": "Invoice" }]);
            json!({ "Amount": invoice["TotalAmt"], "LinkedTxn": linked })
        };
        self.paid_invoice().map(line).into_iter().collect()
    }
}
