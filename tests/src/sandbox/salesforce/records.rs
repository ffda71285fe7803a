//! The values of records: each hole of a table draws from a stream of its own, so that one more hole changes no other.

use serde_json::{Map, Value, json};

use super::entity::Entity;
use super::org::Org;
use super::times;
use crate::draw::Draw;
use crate::sandbox::kit::names::{Called, address, called};
use crate::sandbox::kit::times::{date, utc};

/// The user who owns and does everything.
pub(super) const USER: &str = "0055g000001SAND0AA";

/// 2025-03-01. Activities that were over by then have been archived, a year later, before the first request.
const ARCHIVED_UNTIL_S: i64 = 1_740_787_200;

/// A record being made.
pub(super) struct Draft<'o> {
    org: &'o Org,
    entity: Entity,
    id: &'o str,
    index: u64,
    created_s: i64,
    draw: Draw,
}

impl<'o> Draft<'o> {
    pub(super) fn new(org: &'o Org, entity: Entity, id: &'o str, created_s: i64) -> Self {
        let index = org.shelf(entity).len() as u64;
        Self {
            org,
            entity,
            id,
            index,
            created_s,
            draw: Draw::new(org.seed, 600 + entity as u64, index),
        }
    }

    pub(super) fn body(&self) -> Value {
        let mut body = Map::new();
        for field in self.org.fields(self.entity) {
            let mut draw = self.draw.aside(field.name());
            let value = field.column.fill(&mut draw, &|hole| self.hole(hole));
            body.insert(field.name().to_owned(), value);
        }
        body.insert("Id".to_owned(), self.id.into());
        body.into()
    }

    fn hole(&self, hole: &str) -> Option<Value> {
        let mut draw = self.draw.aside(hole);
        let who = called(&mut self.draw.aside("called"));
        let place = address(&mut self.draw.aside("place"));
        Some(match hole {
            "owner" => USER.into(),
            "company" | "full_name" => who.name.into(),
            "first_name" => words(&who).0?.into(),
            "last_name" => words(&who).1.into(),
            "deal" => format!("{} - {}", who.name, draw.pick(&["Renewal", "Upgrade"])).into(),
            "email" => {
                let address = format!("{}.{}@example.com", who.mailbox, self.index);
                draw.chance(85).then_some(address)?.into()
            }
            "phone" => format!("{}{:07}", place.dialling, draw.below(10_000_000)).into(),
            "website" => format!("https://www.example.com/{}", self.index).into(),
            "title" => draw.pick(&["CEO", "Head of R&D", "Buyer, EMEA"]).into(),
            "street" => place.line.into(),
            "city" => place.city.into(),
            "state" => place.region?.into(),
            "postal_code" => place.postal_code.into(),
            "country" => place.country.into(),
            "address" => json!({
                "city": place.city, "country": place.country, "geocodeAccuracy": null,
                "latitude": null, "longitude": null, "postalCode": place.postal_code,
                "state": place.region, "street": place.line,
            }),
            "account" => self.some(Entity::Account, 90, &mut draw)?,
            "contact" => self.some(Entity::Contact, 70, &mut draw)?,
            "parent" => self.some(Entity::Account, 10, &mut draw)?,
            "number" => format!("{:08}", self.index + 1).into(),
            "subject" => draw
                .pick(&["It does not start", "Re: \"urgent\"", "=SUM(1,2)"])
                .into(),
            "note" => draw
                .pick(&[
                    None,
                    None,
                    Some("one\nand \"two\", three"),
                    Some("Größe, 日本 🌻"),
                ])?
                .into(),
            "money" => times::double(amount(&mut draw)),
            "whole_money" => times::double(amount(&mut draw) / 100 * 100),
            "quantity" => times::double(draw.between(1, 99_999)),
            "percent" => times::double(draw.between(0, 10) * 1_000),
            "employees" => draw.between(1, 5_000).into(),
            "done" => self.is_done().into(),
            "task_status" if self.is_done() => "Completed".into(),
            "task_status" => draw.pick(&["Not Started", "In Progress"]).into(),
            "archived" => (self.is_done() && self.created_s < ARCHIVED_UNTIL_S).into(),
            "months" => draw.pick(&[12, 24, 36]).into(),
            "quarter" => draw.between(1, 4).into(),
            "year" => utc(self.created_s)
                .format("%Y")
                .to_string()
                .parse::<i64>()
                .ok()?
                .into(),
            "date" => date(self.created_s).into(),
            "end_date" => date(self.created_s + 365 * 86_400).into(),
            "birthdate" => date(draw.between(-600_000_000, 900_000_000)).into(),
            "time" => draw
                .chance(60)
                .then(|| times::stamp(self.created_s))?
                .into(),
            "rarely" => draw.chance(15).into(),
            other => panic!("a table has a hole '{other}' that nothing fills"),
        })
    }

    /// Whether an activity is over; what is in the calendar always is.
    fn is_done(&self) -> bool {
        self.entity == Entity::Event || self.draw.aside("done").chance(70)
    }

    fn some(&self, entity: Entity, percent: u64, draw: &mut Draw) -> Option<Value> {
        let place = draw.below(u64::MAX);
        let some = draw.chance(percent) || self.entity == Entity::Contract;
        let record = self.org.any(entity, place).filter(|_| some)?;
        Some(record.id.as_str().into())
    }
}

/// First name, if there is one, and last name.
fn words(who: &Called) -> (Option<&str>, &str) {
    match who.name.trim().split_once(' ') {
        Some((first, last)) => (Some(first), last),
        None => (None, &who.name),
    }
}

/// An amount in cents that a double holds exactly enough to print it: at most fifteen digits.
fn amount(draw: &mut Draw) -> i64 {
    match draw.below(10) {
        0 => draw.between(1_000_000_000, 999_999_999_999_999),
        1..4 => draw.between(1, 9_999) * 100,
        _ => draw.between(1, 90_000_000),
    }
}
