//! The records themselves, one file for what belongs together. Each record is a struct made from the world and an index
//! (its values drawn once, so that they agree with one another) and a template that shows its shape.

mod after_payment;
mod catalogue;
mod customer;
mod invoice;
mod payment;
mod subscription;

use super::entity::Entity;
use super::template::{Fill, Json, Template};
use super::world::World;
use crate::draw::Draw;

pub(super) use after_payment::later_refund_amount;

/// The parsed shape of every record.
#[derive(Debug)]
pub(super) struct Templates {
    customer: Template,
    product: Template,
    price: Template,
    subscription: Template,
    invoice: Template,
    invoice_line: Template,
    payment_intent: Template,
    charge: Template,
    refund: Template,
    dispute: Template,
    payout: Template,
    balance_transaction: Template,
    account: Template,
    balance: Template,
}

impl Templates {
    /// Parses them all, once per sandbox.
    pub(super) fn new() -> Self {
        Self {
            customer: Template::parse(include_str!("../templates/customer.json")),
            product: Template::parse(include_str!("../templates/product.json")),
            price: Template::parse(include_str!("../templates/price.json")),
            subscription: Template::parse(include_str!("../templates/subscription.json")),
            invoice: Template::parse(include_str!("../templates/invoice.json")),
            invoice_line: Template::parse(include_str!("../templates/invoice_line.json")),
            payment_intent: Template::parse(include_str!("../templates/payment_intent.json")),
            charge: Template::parse(include_str!("../templates/charge.json")),
            refund: Template::parse(include_str!("../templates/refund.json")),
            dispute: Template::parse(include_str!("../templates/dispute.json")),
            payout: Template::parse(include_str!("../templates/payout.json")),
            balance_transaction: Template::parse(include_str!(
                "../templates/balance_transaction.json"
            )),
            account: Template::parse(include_str!("../templates/account.json")),
            balance: Template::parse(include_str!("../templates/balance.json")),
        }
    }
}

impl World {
    /// The JSON of the record at this index, created at this Unix second: a function of the seed.
    pub(super) fn render(&self, entity: Entity, index: u64, created: i64) -> String {
        let mut out = Json::new();
        let shapes = &self.templates;
        match entity {
            Entity::Customers => shapes
                .customer
                .render(&customer::Customer::new(self, index, created), &mut out),
            Entity::Products => shapes
                .product
                .render(&catalogue::Product::new(self, index, created), &mut out),
            Entity::Prices => shapes
                .price
                .render(&catalogue::Price::new(self, index, created), &mut out),
            Entity::Subscriptions => {
                shapes.subscription.render(
                    &subscription::Subscription::new(self, index, created),
                    &mut out,
                );
            }
            Entity::Invoices => shapes
                .invoice
                .render(&invoice::Invoice::new(self, index, created), &mut out),
            Entity::PaymentIntents => {
                shapes.payment_intent.render(
                    &payment::PaymentIntent(payment::Payment::new(self, index, created)),
                    &mut out,
                );
            }
            Entity::Charges => {
                shapes.charge.render(
                    &payment::Charge(payment::Payment::new(self, index, created)),
                    &mut out,
                );
            }
            Entity::Refunds => shapes
                .refund
                .render(&after_payment::Refund::new(self, index, created), &mut out),
            Entity::Disputes => shapes
                .dispute
                .render(&after_payment::Dispute::new(self, index, created), &mut out),
            Entity::Payouts => shapes
                .payout
                .render(&after_payment::Payout::new(self, index, created), &mut out),
            Entity::BalanceTransactions => shapes.balance_transaction.render(
                &after_payment::BalanceTransaction::new(self, index, created),
                &mut out,
            ),
        }
        out.into_text()
    }

    /// The account that owns everything, `GET /v1/account`.
    pub(super) fn render_account(&self) -> String {
        let mut out = Json::new();
        self.templates.account.render(&Account(self), &mut out);
        out.into_text()
    }

    /// Its balance, `GET /v1/balance`.
    pub(super) fn render_balance(&self) -> String {
        let mut out = Json::new();
        self.templates.balance.render(&Account(self), &mut out);
        out.into_text()
    }

    /// The account's id.
    pub(super) fn account_id(&self) -> String {
        super::ids::id(self.seed, "acct_", 16, 0)
    }
}

struct Account<'w>(&'w World);

impl Fill for Account<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = Draw::new(self.0.seed, 2, 0);
        match hole {
            "id" => out.string(&self.0.account_id()),
            "created" => out.integer(self.0.created_between.0 - 86_400),
            "external_accounts_url" => {
                out.string(&format!(
                    "/v1/accounts/{}/external_accounts",
                    self.0.account_id()
                ));
            }
            "available" => out.integer(draw.between(100_000, 9_000_000)),
            "pending" => out.integer(draw.between(10_000, 99_999)),
            other => unknown("account", other),
        }
    }
}

/// Reports a hole nobody fills.
fn unknown(template: &str, hole: &str) -> ! {
    panic!("the {template} template has a hole '{hole}' that nothing fills")
}

/// Metadata as Stripe keeps it: string to string, keys in order; three of four records have some.
fn metadata(draw: &mut Draw, out: &mut Json) {
    if draw.chance(25) {
        out.raw("{}");
        return;
    }
    out.raw(r#"{"account_owner":"#);
    out.string(draw.pick(&[
        "maria.keller@example.com",
        "team-emea@example.com",
        "søren@example.org",
    ]));
    out.raw(r#","crm_id":"#);
    out.string(&format!("CRM-{:06}", draw.below(1_000_000)));
    if draw.chance(30) {
        out.raw(r#","note":"#);
        out.string(draw.pick(&[
            "said \"call back\"",
            "VIP, handle with care",
            "línea 1\nlínea 2",
            "=1+1",
            "",
        ]));
    }
    out.raw(r#","segment":"#);
    out.string(draw.pick(&["enterprise", "smb", "self-serve", "partner"]));
    out.raw(r#","signup_campaign":"#);
    out.string(draw.pick(&[
        "spring-2024/search/brand",
        "trade fair, hall 7",
        "word of mouth",
        "newsletter #31",
    ]));
    out.raw("}");
}

/// A currency and how many digits follow its decimal point; common ones more often.
fn currency(draw: &mut Draw) -> (&'static str, u32) {
    draw.pick(&[
        ("usd", 2),
        ("usd", 2),
        ("usd", 2),
        ("usd", 2),
        ("eur", 2),
        ("eur", 2),
        ("gbp", 2),
        ("cad", 2),
        ("chf", 2),
        ("jpy", 0),
        ("krw", 0),
        ("kwd", 3),
    ])
}

/// An amount in the currency's minor units. Three-digit currencies are charged in steps of ten, as Stripe asks.
fn amount(draw: &mut Draw, digits: u32) -> i64 {
    match digits {
        0 => draw.between(100, 90_000),
        3 => draw.between(50, 90_000) * 10,
        _ => draw.between(50, 90_000),
    }
}
