//! Products and their prices.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::{amount, currency, metadata, unknown};
use crate::draw::Draw;

/// A product's values.
pub(super) struct Product<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    good: bool,
    pub(super) name: String,
    rest: Draw,
}

impl<'w> Product<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Products, index);
        let kind = draw.pick(&[
            "Basic",
            "Team",
            "Pro \"Plus\"",
            "Enterprise, annual",
            "Café",
            "Großhandel",
            "Starter",
        ]);
        let thing = draw.pick(&[
            "plan",
            "seat",
            "T-shirt",
            "coffee beans 1 kg",
            "support",
            "storage",
            "workshop",
        ]);
        let good = matches!(thing, "T-shirt" | "coffee beans 1 kg");
        Self {
            world,
            index,
            created,
            good,
            name: format!("{kind} {thing}"),
            rest: draw,
        }
    }
}

impl Fill for Product<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        match hole {
            "id" => out.string(&self.world.id(Entity::Products, self.index)),
            "active" => out.boolean(!draw.chance(8)),
            "created" => out.integer(self.created),
            "default_price" => {
                // Price i belongs to product i where there are that many of both.
                let has_price = self.index < self.world.count(Entity::Prices);
                let id = has_price.then(|| self.world.id(Entity::Prices, self.index));
                out.optional_string(id.as_deref());
            }
            "description" => out.optional_string(
                draw.chance(60)
                    .then_some("What it says on the tin, and then some."),
            ),
            "images" => out.raw(if draw.chance(30) {
                r#"["https://files.example.com/product.png"]"#
            } else {
                "[]"
            }),
            "features" => {
                out.raw(if draw.chance(30) {
                    r#"[{"name":"Works offline"},{"name":"24/7 help"}]"#
                } else {
                    "[]"
                });
            }
            "metadata" => metadata(&mut draw, out),
            "name" => out.string(&self.name),
            "dimensions" if self.good => {
                out.raw(r#"{"height":4,"length":30,"weight":35,"width":20}"#);
            }
            "dimensions" => out.null(),
            "shippable" if self.good => out.boolean(true),
            "shippable" => out.null(),
            "tax_code" => out.optional_string(draw.chance(40).then_some("txcd_10103001")),
            "type" => out.string(if self.good { "good" } else { "service" }),
            "unit_label" => out.optional_string(draw.chance(20).then_some("seat")),
            "url" => out.optional_string(
                draw.chance(20)
                    .then_some("https://shop.example.com/item?ref=a&b=c"),
            ),
            other => unknown("product", other),
        }
    }
}

/// A price's values. Subscriptions and invoice lines carry some of them.
#[derive(Clone)]
pub(super) struct Price<'w> {
    world: &'w World,
    index: u64,
    pub(super) created: i64,
    pub(super) currency: &'static str,
    /// Whole minor units, or `None` for a price with a fraction of one, which only the decimal form can say.
    pub(super) unit_amount: Option<i64>,
    /// Ten times the amount in minor units.
    tenths: i64,
    /// Absent for a one-time price.
    pub(super) interval: Option<&'static str>,
    active: bool,
    nickname: bool,
}

impl<'w> Price<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Prices, index);
        let (currency, digits) = currency(&mut draw);
        let whole = amount(&mut draw, digits);
        let fraction = if draw.chance(6) { 5 } else { 0 };
        Self {
            world,
            index,
            created,
            currency,
            unit_amount: (fraction == 0).then_some(whole),
            tenths: whole * 10 + fraction,
            interval: (!is_one_time(index))
                .then(|| draw.pick(&["month", "month", "month", "year", "week"])),
            active: !draw.chance(10),
            nickname: draw.chance(30),
        }
    }

    /// A price of the start that `draw` picks, made for subscriptions where `index` leads to a one-time price.
    pub(super) fn recurring(world: &'w World, draw: &mut Draw) -> Self {
        let index = world.some(Entity::Prices, draw);
        let index = if is_one_time(index) { index - 1 } else { index };
        Self::new(world, index, world.created(Entity::Prices, index))
    }

    pub(super) fn id(&self) -> String {
        self.world.id(Entity::Prices, self.index)
    }

    pub(super) fn product_index(&self) -> u64 {
        self.index % self.world.count(Entity::Products).max(1)
    }

    pub(super) fn product_id(&self) -> String {
        self.world.id(Entity::Products, self.product_index())
    }

    /// The amount as Stripe writes decimals: in minor units, as a string.
    pub(super) fn decimal(&self) -> String {
        match self.tenths % 10 {
            0 => (self.tenths / 10).to_string(),
            tenth => format!("{}.{tenth}", self.tenths / 10),
        }
    }

    /// What this many of them cost, in whole minor units.
    pub(super) fn total(&self, quantity: i64) -> i64 {
        (self.tenths * quantity + 5) / 10
    }
}

/// Every fourth price is paid once; the ones before and after it recur.
fn is_one_time(index: u64) -> bool {
    index % 4 == 3
}

impl Fill for Price<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        match hole {
            "id" => out.string(&self.id()),
            "active" => out.boolean(self.active),
            "created" => out.integer(self.created),
            "currency" => out.string(self.currency),
            "lookup_key" => {
                out.optional_string(
                    self.index
                        .is_multiple_of(10)
                        .then(|| format!("standard_{}", self.index))
                        .as_deref(),
                );
            }
            "nickname" => {
                out.optional_string(self.nickname.then_some("Launch price, don't change"));
            }
            "product" => out.string(&self.product_id()),
            "recurring" => match self.interval {
                Some(interval) => {
                    out.raw(r#"{"interval":"#);
                    out.string(interval);
                    out.raw(r#","interval_count":1,"meter":null,"trial_period_days":null,"usage_type":"licensed"}"#);
                }
                None => out.null(),
            },
            "type" => out.string(if self.interval.is_some() {
                "recurring"
            } else {
                "one_time"
            }),
            "unit_amount" => out.optional_integer(self.unit_amount),
            "unit_amount_decimal" => out.string(&self.decimal()),
            other => unknown("price", other),
        }
    }
}
