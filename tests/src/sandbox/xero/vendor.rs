//! The fake Xero as the sandbox sees it, and its endpoints for tokens.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::XeroError;
use super::{SCOPE, Xero};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{Changeable, mutate};
use crate::sandbox::kit::oauth::{OAuth, Refusal};
use crate::sandbox::kit::{ShelfError, write};

impl Vendor for Xero {
    fn connector(&self) -> &'static str {
        "xero"
    }

    fn credentials(&self) -> Value {
        let (client, tokens) = (
            self.oauth().client(),
            self.oauth().issue(SCOPE, self.tenant()),
        );
        json!({
            "clientId": client.id, "clientSecret": client.secret, "tenantId": self.tenant(),
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
        })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        Entity::named(entity).map_or_else(Vec::new, |entity| self.lock().shelf(entity).holds())
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &[
            "accept",
            "if-modified-since",
            "xero-tenant-id",
            "user-agent",
        ]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let path = request.path.to_ascii_lowercase();
        let no_store =
            |text: String| Answer::json(StatusCode::OK, text).header("cache-control", "no-store");
        match (&request.method, path.as_str()) {
            (&Method::GET, "/identity/connect/authorize") => {
                self.oauth().authorize(request, self.tenant(), &[])
            }
            (&Method::POST, "/connect/token") => match self.oauth().token(request) {
                Ok(tokens) => no_store(write(&tokens.to_json())),
                Err(refusal) => refusal.into_answer(),
            },
            (&Method::POST, "/connect/revocation") => match self.oauth().revoke(request) {
                Ok(()) => no_store(String::new()),
                Err(refusal) => Refusal::into_answer(refusal),
            },
            _ => self
                .read(request, &path, fault)
                .unwrap_or_else(XeroError::into_answer),
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        XeroError::of_status(status).into_answer()
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for Xero {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut ledger) = (self.clock().now(), self.lock());
        (0..count).map(|_| ledger.create(entity, now_s)).collect()
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
        Some(Self::oauth(self))
    }
}
