//! The fake QuickBooks as the sandbox sees it, and its endpoints for tokens.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::QboFault;
use super::reads::Found;
use super::{QuickBooks, SCOPE, reports};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{Changeable, mutate};
use crate::sandbox::kit::oauth::{OAuth, Refusal};
use crate::sandbox::kit::{ShelfError, write};

/// Where everything is said to be.
const DISCOVERY: &str = "/.well-known/openid_configuration";

impl Vendor for QuickBooks {
    fn connector(&self) -> &'static str {
        "quickbooks"
    }

    fn credentials(&self) -> Value {
        let (client, tokens) = (
            self.oauth().client(),
            self.oauth().issue(SCOPE, self.realm()),
        );
        json!({
            "clientId": client.id, "clientSecret": client.secret, "realmId": self.realm(),
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
        })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        if entity == "reports" {
            return reports::all(&self.lock(), self.clock().now());
        }
        Entity::named(entity).map_or_else(Vec::new, |entity| self.lock().holds(entity))
    }

    fn opened(&self, base_url: &str) {
        // Clones share it and are served once; a second address would be as good.
        let _ = self.0.base_url.set(base_url.to_owned());
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["accept", "content-type", "user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let grant = |outcome: Result<Answer, Refusal>| outcome.unwrap_or_else(Refusal::into_answer);
        match (&request.method, request.path.as_str()) {
            (&Method::GET, path) if path.trim_end_matches('/') == DISCOVERY => {
                Answer::json(StatusCode::OK, self.discovery().to_string())
            }
            (&Method::GET, "/connect/oauth2") => {
                let realm = self.realm();
                self.oauth()
                    .authorize(request, realm, &[("realmId", realm)])
            }
            (&Method::POST, "/oauth2/v1/tokens/bearer") => grant(self.token(request)),
            (&Method::POST, "/v2/oauth2/tokens/revoke") => grant(
                self.oauth()
                    .revoke(request)
                    .map(|()| Answer::typed(StatusCode::OK, "text/plain", String::new())),
            ),
            _ => match self.read(request, fault) {
                Ok(found) => self.respond(request, StatusCode::OK, found),
                Err(fault) => {
                    let body = Found::Tree(fault.body(self.clock().now()));
                    self.respond(request, fault.status, body)
                }
            },
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        let body = QboFault::of_status(status).body(self.clock().now());
        Answer::json(status, write(&body)).header("intuit_tid", "1-sandbox-refusal")
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for QuickBooks {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut company) = (self.clock().now(), self.lock());
        (0..count).map(|_| company.create(entity, now_s)).collect()
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

impl QuickBooks {
    fn token(&self, request: &Request) -> Result<Answer, Refusal> {
        let tokens = self.oauth().token(request)?;
        let mut body = tokens.to_json();
        body["token_type"] = "bearer".into();
        body["x_refresh_token_expires_in"] = tokens.refresh_expires_in_s.into();
        Ok(Answer::json(StatusCode::OK, write(&body)).header("cache-control", "no-store"))
    }
}
