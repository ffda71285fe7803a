//! The fake ComplyAdvantage as the sandbox sees it, and where its paths lead.

use std::sync::atomic::Ordering;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::ComplyAdvantage;
use super::account::Account;
use super::entity::{Entity, rendered};
use super::errors::CaError;
use super::lists::ListQuery;
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{Changeable, carry_out, mutate};
use crate::sandbox::kit::limits::Verdict;
use crate::sandbox::kit::oauth::OAuth;
use crate::sandbox::kit::pages::{Cut, cut};
use crate::sandbox::kit::{ShelfError, write};

impl Vendor for ComplyAdvantage {
    fn connector(&self) -> &'static str {
        "complyadvantage"
    }

    fn credentials(&self) -> Value {
        json!({ "apiKey": self.0.key })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        Entity::named(entity).map_or_else(Vec::new, |entity| self.lock().holds(entity))
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["accept", "content-type", "user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        match request.header("authorization") {
            None => Authorization::Absent,
            Some(header) if header == format!("Token {}", self.0.key) => Authorization::Right,
            Some(_) => Authorization::Wrong,
        }
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        self.read(request, fault)
            .unwrap_or_else(CaError::into_answer)
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        CaError::of_status(status).into_answer()
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for ComplyAdvantage {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut account) = (self.clock().now(), self.lock());
        (0..count).map(|_| account.create(entity, now_s)).collect()
    }

    fn change(
        &self,
        entity: Entity,
        id: &str,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<(), ShelfError> {
        self.lock().update(entity, id, self.clock().now(), change)
    }

    fn delete(&self, entity: Entity, id: &str) -> Result<(), ShelfError> {
        self.lock().delete(entity, id, self.clock().now())
    }

    fn clock(&self) -> &Clock {
        Self::clock(self)
    }

    fn oauth(&self) -> Option<&OAuth> {
        None
    }
}

impl ComplyAdvantage {
    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Answer, CaError> {
        if request.method != Method::GET {
            self.0.billable.fetch_add(1, Ordering::Relaxed);
            let what = format!(
                "{} {}, which may cost something",
                request.method, request.path
            );
            return Err(CaError::not_in_the_sandbox(what));
        }
        if self.authorization(request) != Authorization::Right {
            return Err(CaError::unauthorized());
        }
        if let Verdict::Refused { .. } = self.limit().take() {
            return Err(CaError::limited());
        }
        let steps: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        if steps == ["searches"] {
            return self.list(request, fault);
        }
        if let Some((name, _)) = request.query.first() {
            return Err(CaError::not_in_the_sandbox(format!(
                "the parameter '{name}'"
            )));
        }
        let account = self.lock();
        let search = |name| account.search(name).ok_or_else(CaError::not_found);
        let found = match steps.as_slice() {
            ["users"] => account.users.live().map(rendered).collect(),
            ["searches", name] => rendered(search(name)?),
            ["searches", name, "monitors"] => Account::monitored(search(name)?),
            _ => return Err(CaError::not_in_the_sandbox(&request.path)),
        };
        Ok(enveloped(&write(&found)))
    }

    /// One page of searches. That it is the last one is not said.
    fn list(&self, request: &Request, fault: Option<&Fault>) -> Result<Answer, CaError> {
        let query = ListQuery::parse(request)?;
        let account = self.lock();
        let page = cut(
            &query.find(&account),
            &Cut {
                start: query.start(),
                limit: query.per_page,
                fault,
                id_pointer: "/id",
                render: rendered,
            },
        );
        drop(account);
        carry_out(self, Entity::Searches, &page.aftermath);
        Ok(enveloped(&format!("[{}]", page.records.join(","))))
    }
}

/// The envelope around every answer.
fn enveloped(text: &str) -> Answer {
    let text = format!(r#"{{"content":{{"data":{text}}},"status":"success","code":200}}"#);
    Answer::json(StatusCode::OK, text)
}
