//! Subscriptions.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::catalogue::Price;
use super::invoice::latest_invoice_of;
use super::{metadata, unknown};
use crate::draw::Draw;

const DAY_S: i64 = 86_400;

/// A subscription's values. Its invoices carry some of them.
pub(super) struct Subscription<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    pub(super) customer: u64,
    pub(super) price: Price<'w>,
    pub(super) quantity: i64,
    status: &'static str,
    cycle_s: i64,
    rest: Draw,
}

impl<'w> Subscription<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Subscriptions, index);
        let customer = world.some(Entity::Customers, &mut draw);
        let price = Price::recurring(world, &mut draw);
        let cycle_s = DAY_S
            * match price.interval {
                Some("week") => 7,
                Some("year") => 365,
                _ => 30,
            };
        let status = match draw.below(100) {
            0..76 => "active",
            76..82 => "trialing",
            82..86 => "past_due",
            86..96 => "canceled",
            96..98 => "unpaid",
            98 => "incomplete",
            _ => "paused",
        };
        let quantity = draw.between(1, 12);
        Self {
            world,
            index,
            created,
            customer,
            price,
            quantity,
            status,
            cycle_s,
            rest: draw,
        }
    }

    /// A subscription of the start.
    pub(super) fn known(world: &'w World, index: u64) -> Self {
        Self::new(world, index, world.created(Entity::Subscriptions, index))
    }

    pub(super) fn id(&self) -> String {
        self.world.id(Entity::Subscriptions, self.index)
    }

    pub(super) fn item_id(&self) -> String {
        super::super::ids::id(self.world.seed, "si_", 14, self.index)
    }

    fn ended_at(&self) -> Option<i64> {
        (self.status == "canceled").then_some(self.created + self.cycle_s)
    }

    fn trial(&self) -> Option<(i64, i64)> {
        (self.status == "trialing").then_some((self.created, self.created + 14 * DAY_S))
    }
}

impl Fill for Subscription<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        match hole {
            "id" => out.string(&self.id()),
            "cancel_at_period_end" => out.boolean(self.status == "active" && draw.chance(5)),
            "canceled_at" | "ended_at" => out.optional_integer(self.ended_at()),
            "feedback" => {
                let feedback = draw.pick(&["too_expensive", "unused", "switched_service"]);
                out.optional_string(
                    (self.ended_at().is_some() && draw.chance(50)).then_some(feedback),
                );
            }
            "cancel_reason" => {
                out.optional_string(self.ended_at().map(|_| "cancellation_requested"));
            }
            "created" | "period_start" => out.integer(self.created),
            "period_end" => out.integer(self.created + self.cycle_s),
            "currency" => out.string(self.price.currency),
            "customer" => out.string(&self.world.id(Entity::Customers, self.customer)),
            "payment_method" => {
                let id = draw
                    .chance(70)
                    .then(|| self.world.loose_id("pm_", self.customer));
                out.optional_string(id.as_deref());
            }
            "description" => {
                out.optional_string(draw.chance(15).then_some("Agreed by phone, \"no paper\""));
            }
            "item" => out.string(&self.item_id()),
            "items_url" => out.string(&format!(
                "/v1/subscription_items?subscription={}",
                self.id()
            )),
            "price_id" => out.string(&self.price.id()),
            "price_created" => out.integer(self.price.created),
            "unit_amount" => out.optional_integer(self.price.unit_amount),
            "unit_amount_decimal" => out.string(&self.price.decimal()),
            "interval" => out.optional_string(self.price.interval),
            "product" => out.string(&self.price.product_id()),
            "price" => self.world.templates.price.render(&self.price, out),
            "quantity" => out.integer(self.quantity),
            "latest_invoice" => {
                let id = latest_invoice_of(self.world, self.index)
                    .map(|index| self.world.id(Entity::Invoices, index));
                out.optional_string(id.as_deref());
            }
            "metadata" => metadata(&mut draw, out),
            "status" => out.string(self.status),
            "trial_start" => out.optional_integer(self.trial().map(|(start, _)| start)),
            "trial_end" => out.optional_integer(self.trial().map(|(_, end)| end)),
            other => unknown("subscription", other),
        }
    }
}
