//! What happens to money after a payment: refunds, disputes, payouts and the balance transactions that book them.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::payment::Payment;
use super::{currency, metadata, unknown};
use crate::draw::Draw;

const DAY_S: i64 = 86_400;

/// The charge a refund takes back. Refunds spread evenly over the charges; with more refunds than charges a charge has
/// several.
fn refunded_charge(world: &World, refund: u64) -> Option<u64> {
    let (charges, refunds) = (world.count(Entity::Charges), world.count(Entity::Refunds));
    let charge = (charges > 0).then(|| refund * (charges / refunds.max(1)).max(1) % charges)?;
    Some(if refund < refunds {
        charge
    } else {
        next_paid(world, charge)
    })
}

/// The first charge from this one on that was paid: what comes after the start cannot change how a payment went.
fn next_paid(world: &World, charge: u64) -> u64 {
    let charges = world.count(Entity::Charges).max(1);
    let mut from_here = (0..charges.min(50)).map(|step| (charge + step) % charges);
    from_here
        .find(|charge| Payment::known(world, *charge).succeeded())
        .unwrap_or(charge)
}

/// How many refunds of the start a charge has.
pub(super) fn refunds_of(world: &World, charge: u64) -> u64 {
    let (charges, refunds) = (world.count(Entity::Charges), world.count(Entity::Refunds));
    if charges == 0 || refunds == 0 || charge >= charges {
        0
    } else if refunds > charges {
        refunds / charges + u64::from(charge < refunds % charges)
    } else {
        let stride = charges / refunds;
        u64::from(charge.is_multiple_of(stride) && charge / stride < refunds)
    }
}

/// The charge a dispute is about: like refunds, from the middle of each stride so that few charges have both.
fn disputed_charge(world: &World, dispute: u64) -> u64 {
    let charges = world.count(Entity::Charges).max(1);
    let disputes = world.count(Entity::Disputes);
    let stride = (charges / disputes.max(1)).max(1);
    let charge = (dispute * stride + stride / 2) % charges;
    if dispute < disputes {
        charge
    } else {
        next_paid(world, charge)
    }
}

/// Whether a dispute of the start is about this charge.
pub(super) fn is_disputed(world: &World, charge: u64) -> bool {
    let (charges, disputes) = (world.count(Entity::Charges), world.count(Entity::Disputes));
    if charge >= charges || disputes == 0 {
        return false;
    }
    let stride = (charges / disputes).max(1);
    disputes > charges
        || charge
            .checked_sub(stride / 2)
            .is_some_and(|rest| rest.is_multiple_of(stride) && rest / stride < disputes)
}

/// What a refund made after the start takes back of a charge: little, so that many fit.
pub(in super::super) fn later_refund_amount(charged: i64) -> i64 {
    (charged / 100).max(1)
}

/// A refund's values.
pub(super) struct Refund<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    payment: Option<Payment<'w>>,
    amount: i64,
    currency: &'static str,
    rest: Draw,
}

impl<'w> Refund<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let payment = refunded_charge(world, index).map(|charge| Payment::known(world, charge));
        let amount = match &payment {
            Some(payment) if index < world.count(Entity::Refunds) => payment.refunds.0,
            Some(payment) => later_refund_amount(payment.amount),
            None => 100,
        };
        let currency = payment.as_ref().map_or("usd", |payment| payment.currency);
        Self {
            world,
            index,
            created,
            payment,
            amount,
            currency,
            rest: world.draw(Entity::Refunds, index),
        }
    }
}

impl Fill for Refund<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        let payment = self.payment.as_ref();
        match hole {
            "id" => out.string(&self.world.id(Entity::Refunds, self.index)),
            "amount" => out.integer(self.amount),
            "balance_transaction" => {
                let booking = self.world.count(Entity::Charges) + self.index;
                let booked = self.index < self.world.count(Entity::Refunds)
                    && booking < self.world.count(Entity::BalanceTransactions);
                out.optional_string(
                    booked
                        .then(|| self.world.id(Entity::BalanceTransactions, booking))
                        .as_deref(),
                );
            }
            "charge" => out.optional_string(payment.map(Payment::charge_id).as_deref()),
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "customer" => out.optional_string(payment.map(Payment::customer_id).as_deref()),
            "metadata" => metadata(&mut draw, out),
            "payment_intent" => {
                out.optional_string(payment.and_then(Payment::intent_id).as_deref());
            }
            "payment_method" => {
                out.optional_string(payment.map(Payment::payment_method).as_deref());
            }
            "reason" => {
                let reason = draw.pick(&["duplicate", "fraudulent", "requested_by_customer"]);
                out.optional_string(draw.chance(60).then_some(reason));
            }
            "status" => out.string("succeeded"),
            other => unknown("refund", other),
        }
    }
}

/// A dispute's values.
pub(super) struct Dispute<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    payment: Payment<'w>,
    status: &'static str,
    reason: (&'static str, &'static str),
    ip: u64,
}

impl<'w> Dispute<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Disputes, index);
        Self {
            world,
            index,
            created,
            payment: Payment::known(world, disputed_charge(world, index)),
            status: draw.pick(&["needs_response", "under_review", "won", "lost"]),
            reason: draw.pick(&[
                ("fraudulent", "10.4"),
                ("duplicate", "12.6"),
                ("product_not_received", "13.1"),
            ]),
            ip: draw.below(255),
        }
    }
}

impl Fill for Dispute<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let customer = self.payment.customer();
        match hole {
            "id" => out.string(&self.world.id(Entity::Disputes, self.index)),
            "amount" => out.integer(self.payment.amount),
            "charge" => out.string(&self.payment.charge_id()),
            "created" => out.integer(self.created),
            "currency" => out.string(self.payment.currency),
            "billing_address" => out.optional_string(customer.address_line().as_deref()),
            "customer_email" => out.optional_string(customer.email.as_deref()),
            "customer_name" => out.optional_string(customer.name.as_deref()),
            "purchase_ip" => out.string(&format!("203.0.113.{}", self.ip)),
            "due_by" => out.integer(self.created + 10 * DAY_S),
            "past_due" => out.boolean(false),
            "payment_intent" => out.optional_string(self.payment.intent_id().as_deref()),
            "brand" => out.string(self.payment.brand),
            "reason" => out.string(self.reason.0),
            "reason_code" => out.string(self.reason.1),
            "status" => out.string(self.status),
            other => unknown("dispute", other),
        }
    }
}

/// A payout's values.
pub(super) struct Payout<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    amount: i64,
    currency: &'static str,
    failed: bool,
}

impl<'w> Payout<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Payouts, index);
        let (currency, _) = currency(&mut draw);
        Self {
            world,
            index,
            created,
            amount: draw.between(1_000, 900_000) * 10,
            currency,
            failed: draw.chance(4),
        }
    }
}

impl Fill for Payout<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        match hole {
            "id" => out.string(&self.world.id(Entity::Payouts, self.index)),
            "amount" => out.integer(self.amount),
            "arrival_date" => out.integer((self.created / DAY_S + 2) * DAY_S),
            "balance_transaction" => {
                let booking = self.world.count(Entity::Charges)
                    + self.world.count(Entity::Refunds)
                    + self.index;
                let booked = self.index < self.world.count(Entity::Payouts)
                    && booking < self.world.count(Entity::BalanceTransactions);
                out.optional_string(
                    booked
                        .then(|| self.world.id(Entity::BalanceTransactions, booking))
                        .as_deref(),
                );
            }
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "destination" => out.string(&self.world.loose_id("ba_", 0)),
            "failure_code" => out.optional_string(self.failed.then_some("account_closed")),
            "failure_message" => {
                out.optional_string(self.failed.then_some("The bank account is closed."));
            }
            "status" => out.string(if self.failed { "failed" } else { "paid" }),
            "trace_id" if self.failed => out.null(),
            "trace_id" => {
                out.raw(r#"{"status":"supported","value":"#);
                out.string(&format!("0210000{:08}", self.index));
                out.raw("}");
            }
            other => unknown("payout", other),
        }
    }
}

/// A balance transaction's values: the charges' first, then the refunds', then the payouts'.
pub(super) struct BalanceTransaction<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    kind: &'static str,
    source: Option<String>,
    amount: i64,
    fee: i64,
    currency: &'static str,
}

impl<'w> BalanceTransaction<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let (charges, refunds) = (world.count(Entity::Charges), world.count(Entity::Refunds));
        let adjustment = || ("adjustment", None, 100, 0, "usd");
        let (kind, source, amount, fee, currency) = if index < charges {
            let payment = Payment::known(world, index);
            if payment.succeeded() {
                let fee = payment.amount * 29 / 1_000 + 30;
                (
                    "charge",
                    Some(payment.charge_id()),
                    payment.amount,
                    fee,
                    payment.currency,
                )
            } else {
                adjustment()
            }
        } else if index - charges < refunds {
            let refund = Refund::new(world, index - charges, created);
            (
                "refund",
                Some(world.id(Entity::Refunds, refund.index)),
                -refund.amount,
                0,
                refund.currency,
            )
        } else if index - charges - refunds < world.count(Entity::Payouts) {
            let payout = Payout::new(world, index - charges - refunds, created);
            (
                "payout",
                Some(world.id(Entity::Payouts, payout.index)),
                -payout.amount,
                0,
                payout.currency,
            )
        } else {
            adjustment()
        };
        Self {
            world,
            index,
            created,
            kind,
            source,
            amount,
            fee,
            currency,
        }
    }
}

impl Fill for BalanceTransaction<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        match hole {
            "id" => out.string(&self.world.id(Entity::BalanceTransactions, self.index)),
            "amount" => out.integer(self.amount),
            "available_on" => out.integer((self.created / DAY_S + 2) * DAY_S),
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "description" => {
                out.optional_string((self.kind == "payout").then_some("STRIPE PAYOUT"));
            }
            "fee" => out.integer(self.fee),
            "fee_details" if self.fee > 0 => {
                out.raw(r#"[{"amount":"#);
                out.integer(self.fee);
                out.raw(r#","application":null,"currency":"#);
                out.string(self.currency);
                out.raw(r#","description":"Processing","type":"stripe_fee"}]"#);
            }
            "fee_details" => out.raw("[]"),
            "net" => out.integer(self.amount - self.fee),
            "source" => out.optional_string(self.source.as_deref()),
            "type" => out.string(self.kind),
            other => unknown("balance transaction", other),
        }
    }
}
