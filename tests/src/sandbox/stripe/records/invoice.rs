//! Invoices and their lines.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::catalogue::{Price, Product};
use super::customer::Customer;
use super::subscription::Subscription;
use super::{metadata, unknown};
use crate::draw::Draw;

const DAY_S: i64 = 86_400;

/// The subscription an invoice of the start bills: two of three invoices bill one, in turn.
fn subscription_of(world: &World, invoice: u64) -> Option<u64> {
    let subscriptions = world.count(Entity::Subscriptions);
    (subscriptions > 0 && invoice % 3 != 2).then(|| invoice % subscriptions)
}

/// The newest invoice of the start that bills this subscription.
pub(super) fn latest_invoice_of(world: &World, subscription: u64) -> Option<u64> {
    let (invoices, subscriptions) = (
        world.count(Entity::Invoices),
        world.count(Entity::Subscriptions),
    );
    if subscription >= subscriptions.min(invoices) {
        return None;
    }
    let newest = subscription + (invoices - 1 - subscription) / subscriptions * subscriptions;
    // Every third invoice stands alone, so one of three steps back finds one, unless the turn is a multiple of three.
    (0..3)
        .map_while(|step| newest.checked_sub(step * subscriptions))
        .find(|invoice| subscription_of(world, *invoice) == Some(subscription))
}

/// An invoice's values.
pub(super) struct Invoice<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    customer: Customer<'w>,
    customer_id: String,
    subscription: Option<Subscription<'w>>,
    lines: Vec<(Price<'w>, i64)>,
    currency: &'static str,
    total: i64,
    status: &'static str,
    by_mail: bool,
    rest: Draw,
}

impl<'w> Invoice<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Invoices, index);
        let subscription =
            subscription_of(world, index).map(|index| Subscription::known(world, index));
        let customer = match &subscription {
            Some(subscription) => subscription.customer,
            None => world.some(Entity::Customers, &mut draw),
        };
        let lines: Vec<_> = match &subscription {
            Some(subscription) => vec![(subscription.price.clone(), subscription.quantity)],
            None => {
                // All lines of an invoice share a currency, so they share a price.
                let price = world.some(Entity::Prices, &mut draw);
                let at = world.created(Entity::Prices, price);
                let price = Price::new(world, price, at);
                (0..draw.between(1, 3))
                    .map(|_| (price.clone(), draw.between(1, 5)))
                    .collect()
            }
        };
        let status = match draw.below(100) {
            0..78 => "paid",
            78..88 => "open",
            88..93 => "draft",
            93..97 => "void",
            _ => "uncollectible",
        };
        Self {
            world,
            index,
            created,
            customer: Customer::known(world, customer),
            customer_id: world.id(Entity::Customers, customer),
            subscription,
            currency: lines.first().map_or("usd", |(price, _)| price.currency),
            total: lines
                .iter()
                .map(|(price, quantity)| price.total(*quantity))
                .sum(),
            lines,
            status,
            by_mail: draw.chance(20),
            rest: draw,
        }
    }

    fn id(&self) -> String {
        self.world.id(Entity::Invoices, self.index)
    }

    fn finalized_at(&self) -> Option<i64> {
        (self.status != "draft").then_some(self.created + 3_600)
    }

    /// When the invoice got this status, if it did.
    fn became(&self, status: &str) -> Option<i64> {
        (self.status == status).then_some(self.created + 2 * DAY_S)
    }
}

impl Fill for Invoice<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        let (finalized, paid) = (self.finalized_at().is_some(), self.status == "paid");
        match hole {
            "id" => out.string(&self.id()),
            "total" => out.integer(self.total),
            "amount_paid" => out.integer(if paid { self.total } else { 0 }),
            "amount_remaining" => out.integer(if paid { 0 } else { self.total }),
            "attempt_count" => out.integer(i64::from(finalized)),
            "attempted" => out.boolean(finalized),
            "auto_advance" => out.boolean(self.status == "open"),
            "billing_reason" if self.subscription.is_some() => out.string("subscription_cycle"),
            "billing_reason" => out.string("manual"),
            "collection_method" => out.string(if self.by_mail {
                "send_invoice"
            } else {
                "charge_automatically"
            }),
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "customer" => out.string(&self.customer_id),
            "customer_address" => self.customer.address(out),
            "customer_email" => out.optional_string(self.customer.email.as_deref()),
            "customer_name" => out.optional_string(self.customer.name.as_deref()),
            "customer_phone" => out.optional_string(self.customer.phone.as_deref()),
            "customer_tax_exempt" => out.string(self.customer.tax_exempt),
            "description" => out.optional_string(
                draw.chance(25)
                    .then_some("Thank you, \"and\" see you soon,\nHarbour & Vine"),
            ),
            "due_date" => out.optional_integer(self.by_mail.then_some(self.created + 30 * DAY_S)),
            "finalized_at" => out.optional_integer(self.finalized_at()),
            "ending_balance" => out.optional_integer(finalized.then_some(0)),
            "hosted_url" | "pdf_url" => {
                let page = if hole == "pdf_url" { "pdf" } else { "view" };
                let url = format!("https://invoice.example.com/i/{}/{page}?s=ap", self.id());
                out.optional_string(finalized.then_some(url.as_str()));
            }
            "lines" => {
                out.raw("[");
                for position in 0..self.lines.len() {
                    if position > 0 {
                        out.raw(",");
                    }
                    self.world.templates.invoice_line.render(
                        &Line {
                            invoice: self,
                            position,
                        },
                        out,
                    );
                }
                out.raw("]");
            }
            "lines_url" => out.string(&format!("/v1/invoices/{}/lines", self.id())),
            "metadata" => metadata(&mut draw, out),
            "number" => {
                let number = format!("{:08X}-{:04}", self.world.seed as u32, self.index + 1);
                out.optional_string(finalized.then_some(number.as_str()));
            }
            "parent" => match &self.subscription {
                Some(subscription) => {
                    out.raw(r#"{"quote_details":null,"subscription_details":{"metadata":{},"subscription":"#);
                    out.string(&subscription.id());
                    out.raw(r#"},"type":"subscription_details"}"#);
                }
                None => out.null(),
            },
            "period_end" => out.integer(self.created + 30 * DAY_S),
            "status" => out.string(self.status),
            "uncollectible_at" => out.optional_integer(self.became("uncollectible")),
            "paid_at" => out.optional_integer(self.became("paid")),
            "voided_at" => out.optional_integer(self.became("void")),
            other => unknown("invoice", other),
        }
    }
}

struct Line<'a> {
    invoice: &'a Invoice<'a>,
    position: usize,
}

impl Fill for Line<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let invoice = self.invoice;
        let (price, quantity) = &invoice.lines[self.position];
        let serial = invoice.index * 4 + self.position as u64;
        match hole {
            "id" => out.string(&invoice.world.loose_id("il_", serial)),
            "amount" => out.integer(price.total(*quantity)),
            "currency" => out.string(price.currency),
            "description" => {
                let product = Product::new(invoice.world, price.product_index(), 0);
                out.string(&format!("{quantity} × {}", product.name));
            }
            "invoice" => out.string(&invoice.id()),
            "parent" => match &invoice.subscription {
                Some(subscription) => {
                    out.raw(r#"{"invoice_item_details":null,"subscription_item_details":{"invoice_item":null,"#);
                    out.raw(r#""proration":false,"proration_details":{"credited_items":null},"subscription":"#);
                    out.string(&subscription.id());
                    out.raw(r#","subscription_item":"#);
                    out.string(&subscription.item_id());
                    out.raw(r#"},"type":"subscription_item_details"}"#);
                }
                None => {
                    out.raw(r#"{"invoice_item_details":{"invoice_item":"#);
                    out.string(&invoice.world.loose_id("ii_", serial));
                    out.raw(r#","proration":false,"proration_details":{"credited_items":null},"subscription":null},"#);
                    out.raw(r#""subscription_item_details":null,"type":"invoice_item_details"}"#);
                }
            },
            "period_start" => out.integer(invoice.created),
            "period_end" => out.integer(invoice.created + 30 * DAY_S),
            "price" => out.string(&price.id()),
            "product" => out.string(&price.product_id()),
            "unit_amount_decimal" => out.string(&price.decimal()),
            "quantity" => out.integer(*quantity),
            "quantity_decimal" => out.string(&quantity.to_string()),
            "subscription" => out.optional_string(
                invoice
                    .subscription
                    .as_ref()
                    .map(Subscription::id)
                    .as_deref(),
            ),
            other => unknown("invoice line", other),
        }
    }
}
