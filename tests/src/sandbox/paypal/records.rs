//! PayPal's records, made from templates and a seed.

use std::sync::LazyLock;

use serde_json::Value;

use super::LINK_HOST;
use super::entity::Entity;
use crate::draw::Draw;
use crate::sandbox::kit::names;
use crate::sandbox::kit::{Record, Stamp, Template, seeded, times};

mod billing;
mod parts;
mod transaction;

use parts::upper;

/// The account all this is about.
pub(super) const ACCOUNT: &str = "RA2LSANDB3X44";

static TRANSACTION: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/transaction.json")));
static INVOICE: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/invoice.json")));
static PRODUCT: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/product.json")));
static PLAN: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/plan.json")));
static SUBSCRIPTION: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/subscription.json")));
static DISPUTE: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/dispute.json")));

/// The id under which a record of an entity is one of its kind. A transaction's own id is not enough: several share it.
pub fn stored_id(entity: Entity, body: &Value) -> Option<String> {
    let text = |pointer: &str| body.pointer(pointer)?.as_str();
    match entity {
        Entity::Transactions => Some(format!(
            "{}:{}:{}",
            text("/transaction_info/transaction_id")?,
            text("/transaction_info/transaction_event_code")?,
            text("/transaction_info/transaction_initiation_date")?
        )),
        entity => text(entity.id_pointer()).map(str::to_owned),
    }
}

/// A time as most of PayPal writes it.
pub(super) fn time(unix_s: i64) -> String {
    times::zulu(unix_s)
}

/// A time as reports write it: with an offset that has no colon.
pub(super) fn report_time(unix_s: i64) -> String {
    times::utc(unix_s).format("%Y-%m-%dT%H:%M:%S%z").to_string()
}

/// A time as disputes write it: with milliseconds.
fn dispute_time(unix_s: i64) -> String {
    times::utc(unix_s)
        .format("%Y-%m-%dT%H:%M:%S.000Z")
        .to_string()
}

/// How an entity's records tell their times.
pub(super) fn stamp_of(entity: Entity) -> Stamp {
    match entity {
        Entity::Transactions => |record| {
            record.body["transaction_info"]["transaction_updated_date"] =
                report_time(record.updated_s).into();
        },
        Entity::Invoices => |record| {
            let (created, updated) = (time(record.created_s), time(record.updated_s));
            let metadata = &mut record.body["detail"]["metadata"];
            metadata["create_time"] = created.into();
            metadata["last_update_time"] = updated.into();
        },
        Entity::Disputes => |record| stamp(record, dispute_time),
        Entity::Products | Entity::Plans => |record| stamp(record, time),
        Entity::Subscriptions => |record| {
            stamp(record, time);
            if record.body.get("status_update_time").is_none() {
                record.body["status_update_time"] = time(record.created_s).into();
            }
        },
    }
}

fn stamp(record: &mut Record, write: fn(i64) -> String) {
    record.body["create_time"] = write(record.created_s).into();
    record.body["update_time"] = write(record.updated_s).into();
}

/// Makes the records of a seed.
#[derive(Debug)]
pub(super) struct Maker {
    seed: u64,
    size: u64,
}

impl Maker {
    pub(super) fn new(seed: u64, size: u64) -> Self {
        Self { seed, size }
    }

    /// How many there are at the start.
    pub(super) fn count(&self, entity: Entity) -> u64 {
        match entity {
            Entity::Transactions => self.size,
            Entity::Invoices => self.size.div_ceil(2),
            Entity::Subscriptions => self.size.div_ceil(4),
            Entity::Plans => self.size.div_ceil(8),
            Entity::Products | Entity::Disputes => self.size.div_ceil(16),
        }
    }

    pub(super) fn created_s(&self, entity: Entity, index: u64, between: (i64, i64)) -> i64 {
        let seed = self.seed ^ purpose(entity);
        seeded::created_s(seed, index, self.count(entity), between)
    }

    fn draw(&self, entity: Entity, index: u64) -> Draw {
        Draw::new(self.seed, purpose(entity), index)
    }

    /// The record at this place.
    pub(super) fn make(&self, entity: Entity, index: u64, created_s: i64) -> Value {
        let mut draw = self.draw(entity, index);
        let called = names::called(&mut draw.aside("name"));
        let (template, values) = match entity {
            Entity::Transactions => (
                &*TRANSACTION,
                self.transaction(&mut draw, index, created_s, &called),
            ),
            Entity::Invoices => (
                &*INVOICE,
                self.invoice(&mut draw, index, created_s, &called),
            ),
            Entity::Products => (
                &*PRODUCT,
                billing::product(&mut draw, &self.id(entity, index)),
            ),
            Entity::Plans => (&*PLAN, self.plan(&mut draw, index, created_s)),
            Entity::Subscriptions => (
                &*SUBSCRIPTION,
                self.subscription(&mut draw, index, created_s, &called),
            ),
            Entity::Disputes => (
                &*DISPUTE,
                self.dispute(&mut draw, index, created_s, &called),
            ),
        };
        template.fill(&|hole| values.get(hole).filter(|value| !value.is_null()).cloned())
    }

    /// The id of the record at this place. Every seventh transaction shares the id of the one before it, and so does
    /// every eleventh.
    fn id(&self, entity: Entity, index: u64) -> String {
        let mut draw = self.draw(entity, index).aside("id");
        match entity {
            Entity::Transactions if shares_its_id(index) => self.id(entity, index - 1),
            Entity::Transactions => upper(&mut draw, 17),
            Entity::Invoices => {
                let part = |draw: &mut Draw| upper(draw, 4);
                let (a, b, c, d) = (
                    part(&mut draw),
                    part(&mut draw),
                    part(&mut draw),
                    part(&mut draw),
                );
                format!("INV2-{a}-{b}-{c}-{d}")
            }
            Entity::Products => format!("PROD-{}", upper(&mut draw, 17)),
            Entity::Plans => format!("P-{}", upper(&mut draw, 24)),
            Entity::Subscriptions => format!("I-{}", upper(&mut draw, 12)),
            Entity::Disputes => format!("PP-R-{}-{}", upper(&mut draw, 3), 10_000_000 + index),
        }
    }

    /// The id of one of the records that another entity has at the start.
    fn any_of(&self, draw: &mut Draw, entity: Entity) -> String {
        self.id(entity, draw.below(self.count(entity).max(1)))
    }
}

fn shares_its_id(index: u64) -> bool {
    index % 7 == 3 || index % 11 == 5
}

fn purpose(entity: Entity) -> u64 {
    0x9a70 + entity as u64
}
