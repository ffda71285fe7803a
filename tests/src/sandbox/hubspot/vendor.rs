//! The fake HubSpot as the sandbox sees it, and its endpoints for tokens.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::HubError;
use super::{HubSpot, PRIVATE_TOKEN};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::ShelfError;
use crate::sandbox::kit::changes::{Changeable, mutate};
use crate::sandbox::kit::oauth::{Bearer, OAuth};

impl Vendor for HubSpot {
    fn connector(&self) -> &'static str {
        "hubspot"
    }

    /// Those of the private app.
    fn credentials(&self) -> Value {
        json!({ "accessToken": PRIVATE_TOKEN, "clientSecret": self.oauth().client().secret })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
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
        let private = format!("Bearer {PRIVATE_TOKEN}");
        match request.header("authorization") {
            Some(header) if header == private => Authorization::Right,
            _ => self.oauth().authorization(request),
        }
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let path = request.path.as_str();
        match (&request.method, path) {
            (&Method::GET, "/oauth/authorize") => {
                let portal = self.lock().number.to_string();
                self.oauth().authorize(request, &portal, &[])
            }
            (&Method::POST, "/oauth/v1/token") => self.token(request),
            (&Method::GET, _) if path.starts_with("/oauth/v1/access-tokens/") => {
                self.introspect(request)
            }
            _ => self
                .read(request, fault)
                .unwrap_or_else(|error| error.into_answer(&self.correlation_id())),
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        HubError::of_status(status).into_answer(&self.correlation_id())
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for HubSpot {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut portal) = (self.clock().now(), self.lock());
        (0..count).map(|_| portal.create(entity, now_s)).collect()
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

impl HubSpot {
    /// Credentials of the other kind: of an app that was consented to.
    pub fn app_credentials(&self) -> Value {
        let scopes: Vec<String> = Entity::ALL.into_iter().map(Entity::scope).collect();
        let portal = self.lock().number.to_string();
        let (client, tokens) = (
            self.oauth().client(),
            self.oauth().issue(&scopes.join(" "), &portal),
        );
        json!({
            "clientId": client.id, "clientSecret": client.secret,
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
        })
    }

    /// Tokens; the refresh token is always the same.
    fn token(&self, request: &Request) -> Answer {
        match self.oauth().token(request) {
            Ok(tokens) => {
                let mut body = tokens.to_json();
                body["token_type"] = "bearer".into();
                Answer::json(StatusCode::OK, body.to_string()).header("cache-control", "no-store")
            }
            Err(refusal) => {
                let refreshes = request
                    .form()
                    .iter()
                    .any(|(_, value)| value == "refresh_token");
                let (status, message) = match refusal.error {
                    "invalid_client" => ("BAD_CLIENT_ID", "missing or unknown client id or secret"),
                    "invalid_grant" if refreshes => {
                        ("BAD_REFRESH_TOKEN", "missing or unknown refresh token")
                    }
                    "invalid_grant" => ("BAD_AUTH_CODE", "missing or unknown auth code"),
                    _ => ("BAD_GRANT_TYPE", refusal.description),
                };
                let body = json!({ "status": status, "message": message, "correlationId": self.correlation_id() });
                Answer::json(StatusCode::BAD_REQUEST, body.to_string())
            }
        }
    }

    /// What an access token is: whose, and for what.
    fn introspect(&self, request: &Request) -> Answer {
        let token = request.path.rsplit('/').next().unwrap_or_default();
        let mut asked = request.clone();
        if let Ok(header) = format!("Bearer {token}").parse() {
            asked.headers.insert("authorization", header);
        }
        match self.oauth().bearer(&asked) {
            Bearer::Valid { scope, .. } => {
                let body = json!({
                    "token": token, "user": "reader@sandbox.example.com", "hub_domain": "sandbox.example.com",
                    "scopes": scope.split_whitespace().collect::<Vec<_>>(), "hub_id": self.lock().number,
                    "app_id": 77, "expires_in": 1_800, "user_id": 50_000_001, "token_type": "access",
                });
                Answer::json(StatusCode::OK, body.to_string())
            }
            _ => HubError::new(404, "NOT_FOUND", "access token not found")
                .into_answer(&self.correlation_id()),
        }
    }
}
