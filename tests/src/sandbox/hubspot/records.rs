//! The values of records: each hole of a table draws from a stream of its own, so that one more hole changes no other.

use serde_json::{Map, Value, json};

use super::entity::Entity;
use super::portal::Portal;
use super::times::{iso, millis};
use crate::draw::Draw;
use crate::sandbox::kit::names::{address, called};
use crate::sandbox::kit::{Template, money_text, some_money};

/// A record being made.
pub(super) struct Draft<'p> {
    portal: &'p Portal,
    entity: Entity,
    id: &'p str,
    created_s: i64,
    draw: Draw,
}

impl<'p> Draft<'p> {
    pub(super) fn new(portal: &'p Portal, entity: Entity, id: &'p str, created_s: i64) -> Self {
        let index = portal.shelf(entity).len() as u64;
        Self {
            portal,
            entity,
            id,
            created_s,
            draw: Draw::new(portal.seed, 700 + entity as u64, index),
        }
    }

    pub(super) fn body(&self) -> Value {
        let fill = |hole: &str| self.hole(hole);
        if self.entity == Entity::Owners {
            return Template::parse(include_str!("templates/owner.json")).fill(&fill);
        }
        let properties = self.portal.properties(self.entity).iter();
        let filled = properties.map(|property| {
            let mut draw = self.draw.aside(property.name());
            (
                property.name().to_owned(),
                property.column.fill(&mut draw, &fill),
            )
        });
        json!({ "properties": filled.collect::<Map<_, _>>() })
    }

    fn hole(&self, hole: &str) -> Option<Value> {
        let mut draw = self.draw.aside(hole);
        let who = called(&mut self.draw.aside("called"));
        let place = address(&mut self.draw.aside("place"));
        let (first, last) = who.name.split_once(' ').unwrap_or(("", &who.name));
        Some(match hole {
            "first_name" => draw.chance(95).then_some(first)?.into(),
            "last_name" => last.into(),
            "company" => who.name.into(),
            "email" => {
                let address = format!("{}.{}@example.com", who.mailbox, self.id);
                draw.chance(85).then_some(address)?.into()
            }
            "phone" => format!("{}{:07}", place.dialling, draw.below(10_000_000)).into(),
            "domain" => format!("{}-{}.example.com", who.mailbox.replace('.', "-"), self.id).into(),
            "title" => draw.pick(&["CEO", "Head of R&D", "Buyer, EMEA"]).into(),
            "street" => place.line.into(),
            "city" => place.city.into(),
            "state" => place.region?.into(),
            "postal_code" => place.postal_code.into(),
            "country" => place.country.into(),
            "deal" => format!("{} - {}", who.name, draw.pick(&["Renewal", "Upgrade"])).into(),
            "product" => format!("Package {}, \"large\"", draw.between(1, 60)).into(),
            "sku" => format!("SKU-{:05}", draw.below(100_000)).into(),
            "subject" => draw
                .pick(&["It does not start", "Re: \"urgent\"", "=SUM(1,2)"])
                .into(),
            "note" => draw
                .pick(&[
                    None,
                    None,
                    Some("one\nand \"two\", three"),
                    Some("Größe, 日本 🌻"),
                    Some(""),
                ])?
                .into(),
            "money" => money_text(some_money(&mut draw).into()).into(),
            "fraction" => format!("0.{:03}", draw.below(1_000)).into(),
            "count" => draw.between(0, 5_000).to_string().into(),
            "close_time" => {
                let closed_s = self.created_s + draw.between(1, 90) * 86_400;
                draw.chance(70)
                    .then(|| iso(closed_s, millis(self.id)))?
                    .into()
            }
            "owner" => self.some(Entity::Owners, 60, &mut draw)?,
            "product_id" => self.some(Entity::Products, 80, &mut draw)?,
            "user" => (50_000_000 + draw.between(0, 9_999_999)).into(),
            other => panic!("a table has a hole '{other}' that nothing fills"),
        })
    }

    fn some(&self, entity: Entity, percent: u64, draw: &mut Draw) -> Option<Value> {
        let (place, some) = (draw.below(u64::MAX), draw.chance(percent));
        let shelf = self.portal.shelf(entity);
        let place = (place as usize).checked_rem(shelf.len())?;
        let record = shelf.all().nth(place).filter(|_| some)?;
        Some(record.id.as_str().into())
    }
}
