//! One account: its users and searches, and how they are numbered and changed.

use serde_json::{Value, json};

use super::entity::{Entity, is_monitored, rendered};
use super::times::naive;
use crate::draw::Draw;
use crate::sandbox::kit::names::{address, called};
use crate::sandbox::kit::{Record, Shelf, ShelfError, Template, seeded};

/// What an account holds.
#[derive(Debug)]
pub(super) struct Account {
    seed: u64,
    pub(super) users: Shelf,
    pub(super) searches: Shelf,
    user: Template,
    search: Template,
}

impl Account {
    /// An account with records made between these Unix seconds.
    pub(super) fn new(seed: u64, size: u64, between: (i64, i64)) -> Self {
        let mut account = Self {
            seed,
            users: Shelf::new(|record| record.body["created_at"] = naive(record.created_s).into()),
            searches: Shelf::new(|record| {
                record.body["created_at"] = naive(record.created_s).into();
                record.body["updated_at"] = naive(record.updated_s).into();
            }),
            user: Template::parse(include_str!("templates/user.json")),
            search: Template::parse(include_str!("templates/search.json")),
        };
        for (entity, count) in [(Entity::Users, 4), (Entity::Searches, size.max(1))] {
            for index in 0..count {
                let at = seeded::created_s(seed ^ entity as u64, index, count, between);
                account.create(entity, at);
            }
        }
        account
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        match entity {
            Entity::Users => &self.users,
            _ => &self.searches,
        }
    }

    fn shelf_mut(&mut self, entity: Entity) -> &mut Shelf {
        match entity {
            Entity::Users => &mut self.users,
            _ => &mut self.searches,
        }
    }

    /// The search with this id or reference.
    pub(super) fn search(&self, name: &str) -> Option<&Record> {
        let by_ref = || {
            self.searches
                .live()
                .find(|record| record.body["ref"] == name)
        };
        self.searches.get(name).or_else(by_ref)
    }

    /// Adds a record; answers its id.
    pub(super) fn create(&mut self, entity: Entity, now_s: i64) -> String {
        let index = self.shelf(entity).len() as u64;
        let number = match entity {
            Entity::Users => 10 + index,
            _ => 9_950 + index,
        };
        let draw = Draw::new(self.seed, 800 + (entity == Entity::Users) as u64, index);
        let fill = |hole: &str| self.hole(entity, hole, number, now_s, &draw);
        let body = match entity {
            Entity::Users => self.user.fill(&fill),
            _ => {
                let mut body = self.search.fill(&fill);
                let monitored = draw.aside("monitored").chance(30);
                body["is_monitored"] = (monitored || entity == Entity::MonitoredSearches).into();
                if entity == Entity::Cases {
                    body["match_status"] = "potential_match".into();
                }
                body
            }
        };
        let id = number.to_string();
        self.shelf_mut(entity).put(&id, body, now_s);
        id
    }

    /// Changes a record; its id stays what it is.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        self.shelf_mut(entity).update(id, now_s, |body| {
            let number = body["id"].clone();
            change(body);
            body["id"] = number;
        })
    }

    /// Deletes a record; nothing tells of it afterwards. What leaves a view of the searches only stops to belong to it.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
    ) -> Result<(), ShelfError> {
        match entity {
            Entity::MonitoredSearches => self.update(entity, id, now_s, |body| {
                body["is_monitored"] = false.into();
            }),
            Entity::Cases => self.update(entity, id, now_s, |body| {
                body["match_status"] = "no_match".into();
            }),
            _ => self.shelf_mut(entity).remove(id, now_s),
        }
    }

    /// The truth about an entity.
    pub(super) fn holds(&self, entity: Entity) -> Vec<(String, Value)> {
        let live = self.shelf(entity).live();
        let own = live.filter(|record| entity == Entity::Users || entity.holds(record));
        own.map(|record| (record.id.clone(), rendered(record)))
            .collect()
    }

    /// Whether a search is repeated by itself.
    pub(super) fn monitored(search: &Record) -> Value {
        json!({ "is_monitored": is_monitored(search), "search_id": search.body["id"] })
    }

    fn hole(
        &self,
        entity: Entity,
        hole: &str,
        number: u64,
        now_s: i64,
        draw: &Draw,
    ) -> Option<Value> {
        let who = called(&mut draw.aside("called"));
        let place = address(&mut draw.aside("place"));
        let mut draw = draw.aside(hole);
        Some(match hole {
            "id" => number.into(),
            "ref" | "share_url" => {
                let name = format!(
                    "{now_s}-{}",
                    seeded::letters(&mut Draw::new(self.seed, 801, number), 8)
                );
                match hole {
                    "ref" => name.into(),
                    _ => format!("https://app.complyadvantage.com/public/search/{name}").into(),
                }
            }
            "name" | "term" => who.name.into(),
            "email" => format!("{}.{number}@example.com", who.mailbox).into(),
            "phone" => format!("{}{:07}", place.dialling, draw.below(10_000_000)).into(),
            "searcher" | "assignee" => self.some_user(&mut draw),
            "birth_year" => draw.chance(60).then(|| draw.between(1940, 2004)).into(),
            "countries" => json!([place.country]),
            "kind" => draw.pick(&["person", "company", "organisation"]).into(),
            "fuzziness" => crate::sandbox::kit::exact(draw.pick(&["0.5", "0.60", "1"])),
            "match_status" => draw
                .pick(&[
                    "no_match",
                    "false_positive",
                    "potential_match",
                    "potential_match",
                    "true_positive",
                    "true_positive_approve",
                    "unknown",
                ])
                .into(),
            "risk_level" => draw.pick(&["low", "medium", "high", "unknown"]).into(),
            "client_ref" => draw.chance(80).then(|| format!("CUST{number:06}")).into(),
            "hits" => draw.between(0, 20).into(),
            "tags" if draw.chance(20) => {
                json!([{ "name": "reviewed \"twice\"", "color": "00FF00" }])
            }
            "tags" => json!([]),
            other => panic!(
                "the template of {} has a hole '{other}' that nothing fills",
                entity.name()
            ),
        })
    }

    fn some_user(&self, draw: &mut Draw) -> Value {
        let place = draw.below(self.users.len().max(1) as u64) as usize;
        let user = self.users.all().nth(place);
        user.map_or(Value::Null, |user| user.body["id"].clone())
    }
}
