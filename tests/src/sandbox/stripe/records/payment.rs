//! Payment intents and charges. Payment intent i and charge i are two views of one payment.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::after_payment::{is_disputed, refunds_of};
use super::customer::Customer;
use super::{amount, currency, metadata, unknown};
use crate::draw::Draw;

/// How a payment went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
    GivenUp,
}

/// What a payment intent and its charge agree on.
pub(super) struct Payment<'w> {
    world: &'w World,
    pub(super) index: u64,
    created: i64,
    customer_index: u64,
    customer: Customer<'w>,
    pub(super) currency: &'static str,
    pub(super) amount: i64,
    pub(super) brand: &'static str,
    /// What each refund of the start took back, and how many there are.
    pub(super) refunds: (i64, i64),
    outcome: Outcome,
    rest: Draw,
}

impl<'w> Payment<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = Draw::new(world.seed, 3, index);
        let customer_index = world.some(Entity::Customers, &mut draw);
        let (currency, digits) = currency(&mut draw);
        let amount = amount(&mut draw, digits);
        let refunds = refunds_of(world, index) as i64;
        let each = if draw.chance(40) { amount / 2 } else { amount } / refunds.max(1);
        let (drawn, brand) = (
            draw.below(100),
            draw.pick(&["visa", "visa", "mastercard", "amex"]),
        );
        // What was refunded or disputed must have been paid.
        let outcome = match drawn {
            _ if refunds > 0 || is_disputed(world, index) => Outcome::Succeeded,
            0..90 => Outcome::Succeeded,
            90..96 => Outcome::Failed,
            _ => Outcome::GivenUp,
        };
        Self {
            world,
            index,
            created,
            customer_index,
            customer: Customer::known(world, customer_index),
            currency,
            amount,
            brand,
            refunds: (each.max(1), refunds),
            outcome,
            rest: draw,
        }
    }

    /// The payment behind a charge of the start.
    pub(super) fn known(world: &'w World, index: u64) -> Self {
        Self::new(world, index, world.created(Entity::Charges, index))
    }

    pub(super) fn succeeded(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }

    pub(super) fn customer(&self) -> &Customer<'w> {
        &self.customer
    }

    pub(super) fn customer_id(&self) -> String {
        self.world.id(Entity::Customers, self.customer_index)
    }

    pub(super) fn charge_id(&self) -> String {
        self.world.id(Entity::Charges, self.index)
    }

    /// Absent where the sandbox holds fewer payment intents: a charge without one is an old one.
    pub(super) fn intent_id(&self) -> Option<String> {
        (self.index < self.world.count(Entity::PaymentIntents))
            .then(|| self.world.id(Entity::PaymentIntents, self.index))
    }

    pub(super) fn payment_method(&self) -> String {
        self.world.loose_id("pm_", self.customer_index)
    }

    fn shared(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        match hole {
            "amount" => out.integer(self.amount),
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "customer" => out.string(&self.customer_id()),
            "description" => {
                let text = draw.pick(&[
                    "Subscription creation",
                    "Order #4711, \"express\"",
                    "Überweisung für März",
                ]);
                out.optional_string(draw.chance(70).then_some(text));
            }
            "metadata" => metadata(&mut draw, out),
            "receipt_email" => {
                out.optional_string(self.customer.email.as_deref().filter(|_| draw.chance(50)));
            }
            other => unknown("payment", other),
        }
    }
}

/// A payment seen as a payment intent.
pub(super) struct PaymentIntent<'w>(pub(super) Payment<'w>);

impl Fill for PaymentIntent<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let payment = &self.0;
        let id = || payment.world.id(Entity::PaymentIntents, payment.index);
        let given_up = payment.outcome == Outcome::GivenUp;
        match hole {
            "id" => out.string(&id()),
            "amount_received" => out.integer(if payment.succeeded() {
                payment.amount
            } else {
                0
            }),
            "canceled_at" => out.optional_integer(given_up.then_some(payment.created + 86_400)),
            "cancellation_reason" => out.optional_string(given_up.then_some("abandoned")),
            "client_secret" => out.string(&format!("{}_secret_sandbox", id())),
            "last_payment_error" if payment.outcome == Outcome::Failed => {
                out.raw(r#"{"code":"card_declined","decline_code":"insufficient_funds","#);
                out.raw(r#""message":"The card has too little money on it.","type":"card_error"}"#);
            }
            "last_payment_error" => out.null(),
            "latest_charge" => {
                let charged = payment.index < payment.world.count(Entity::Charges);
                out.optional_string(charged.then(|| payment.charge_id()).as_deref());
            }
            "payment_method" => out.optional_string(
                payment
                    .succeeded()
                    .then(|| payment.payment_method())
                    .as_deref(),
            ),
            "status" => out.string(match payment.outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "requires_payment_method",
                Outcome::GivenUp => "canceled",
            }),
            other => payment.shared(other, out),
        }
    }
}

/// A payment seen as a charge.
pub(super) struct Charge<'w>(pub(super) Payment<'w>);

impl Fill for Charge<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let payment = &self.0;
        let (paid, world) = (payment.succeeded(), payment.world);
        let mut draw = payment.rest.aside(hole);
        let if_failed = |text: &'static str| (!paid).then_some(text);
        let refunded = payment.refunds.0 * payment.refunds.1;
        match hole {
            "id" => out.string(&payment.charge_id()),
            "amount_captured" => out.integer(if paid { payment.amount } else { 0 }),
            "amount_refunded" => out.integer(refunded),
            "refunded" => out.boolean(refunded == payment.amount),
            "balance_transaction" => {
                let booked = paid && payment.index < world.count(Entity::BalanceTransactions);
                out.optional_string(
                    booked
                        .then(|| world.id(Entity::BalanceTransactions, payment.index))
                        .as_deref(),
                );
            }
            "address" => payment.customer.address_or_nulls(out),
            "email" => out.optional_string(payment.customer.email.as_deref()),
            "name" => out.optional_string(payment.customer.name.as_deref()),
            "phone" => out.optional_string(payment.customer.phone.as_deref()),
            "captured" => out.boolean(paid),
            "disputed" => out.boolean(is_disputed(world, payment.index)),
            "failure_code" => out.optional_string(if_failed("card_declined")),
            "failure_message" => {
                out.optional_string(if_failed("The card has too little money on it."));
            }
            "network_status" => out.string(if paid {
                "approved_by_network"
            } else {
                "declined_by_network"
            }),
            "outcome_reason" => out.optional_string(if_failed("insufficient_funds")),
            "seller_message" => out.string(if paid {
                "Payment complete."
            } else {
                "The bank declined the payment."
            }),
            "outcome_type" => out.string(if paid {
                "authorized"
            } else {
                "issuer_declined"
            }),
            "payment_intent" => out.optional_string(payment.intent_id().as_deref()),
            "payment_method" => out.string(&payment.payment_method()),
            "authorization_code" => out.string(&format!("{:06}", draw.below(1_000_000))),
            "brand" => out.string(payment.brand),
            "card_country" => out.string(payment.customer.country),
            "exp_month" => out.integer(draw.between(1, 12)),
            "exp_year" => out.integer(draw.between(2027, 2033)),
            "fingerprint" => out.string(&world.loose_id("", payment.customer_index)[..16]),
            "funding" => out.string(draw.pick(&["credit", "debit", "prepaid"])),
            "last4" => out.string(&format!("{:04}", draw.below(10_000))),
            "network_transaction" => {
                out.string(&format!("{:015}", draw.below(1_000_000_000_000_000)));
            }
            "receipt_url" => out.string(&format!(
                "https://pay.example.com/receipts/{}",
                payment.charge_id()
            )),
            "status" => out.string(if paid { "succeeded" } else { "failed" }),
            other => payment.shared(other, out),
        }
    }
}
