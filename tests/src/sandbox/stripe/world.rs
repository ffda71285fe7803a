//! Everything that follows from the seed: which records exist at the start, their ids, times and relations.

use super::entity::{Counts, Entity};
use super::ids;
use super::records::Templates;
use crate::draw::Draw;

/// The seeded part of the sandbox. It never changes; mutations lie over it in the store.
#[derive(Debug)]
pub(super) struct World {
    /// What every value is drawn from.
    pub(super) seed: u64,
    /// How many records there are at the start.
    pub(super) counts: Counts,
    /// Unix seconds between which those records were created: from the first, before the second.
    pub(super) created_between: (i64, i64),
    /// The shapes.
    pub(super) templates: Templates,
}

impl World {
    /// A world of its own for this seed.
    pub(super) fn new(seed: u64, counts: Counts, created_between: (i64, i64)) -> Self {
        Self {
            seed,
            counts,
            created_between,
            templates: Templates::new(),
        }
    }

    /// The number of records of this entity at the start.
    pub(super) fn count(&self, entity: Entity) -> u64 {
        self.counts.get(entity)
    }

    /// The values of one record.
    pub(super) fn draw(&self, entity: Entity, index: u64) -> Draw {
        Draw::new(self.seed, 100 + entity as u64, index)
    }

    /// The id of the record at this index.
    pub(super) fn id(&self, entity: Entity, index: u64) -> String {
        let (prefix, length) = entity.id_form();
        ids::id(self.seed, prefix, length, index)
    }

    /// The index of the record with this id, whether or not there is one.
    pub(super) fn index_of(&self, entity: Entity, id: &str) -> Option<u64> {
        let (prefix, length) = entity.id_form();
        ids::index_of(self.seed, prefix, length, id)
    }

    /// The id of something the sandbox does not list, such as a payment method.
    pub(super) fn loose_id(&self, prefix: &str, index: u64) -> String {
        ids::id(self.seed, prefix, 24, index)
    }

    /// When a record of the start was created. Grows with the index, so the newest record is the last one; several
    /// may share a second.
    pub(super) fn created(&self, entity: Entity, index: u64) -> i64 {
        let (first, end) = self.created_between;
        let (span, count) = ((end - first).max(1) as u64, self.count(entity).max(1));
        let spacing = (span / count).max(1);
        let jitter = Draw::new(self.seed, 1, index).below(spacing);
        let start = (u128::from(index) * u128::from(span) / u128::from(count)) as i64;
        first + start + jitter as i64
    }

    /// An index of `entity` drawn by `draw`. Where the sandbox holds none of them the index is 0, so the id made from it
    /// leads nowhere: Stripe requires most references, so the record keeps its shape.
    pub(super) fn some(&self, entity: Entity, draw: &mut Draw) -> u64 {
        draw.below(self.count(entity))
    }
}
