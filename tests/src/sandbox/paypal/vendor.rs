//! Requests to the fake PayPal and its answers.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::PayPalError;
use super::records::ACCOUNT;
use super::webhooks::CERTIFICATE_PATH;
use super::{PayPal, SCOPES, disputes, lists, query, reporting, webhooks};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{self, Changeable};
use crate::sandbox::kit::oauth::{Bearer, OAuth};
use crate::sandbox::kit::{ShelfError, parsed, write};

impl Vendor for PayPal {
    fn connector(&self) -> &'static str {
        "paypal"
    }

    fn credentials(&self) -> Value {
        let client = self.oauth().client();
        json!({ "clientId": client.id, "clientSecret": client.secret })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        let now_s = self.clock().now();
        let Some(entity) = Entity::named(entity) else {
            return Vec::new();
        };
        self.lock()
            .visible(entity, now_s)
            .map(|record| (record.id.clone(), parsed(&record.body)))
            .collect()
    }

    fn opened(&self, base_url: &str) {
        // Served twice, it says where it was served first.
        let _ = self.0.base_url.set(base_url.to_owned());
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["prefer", "paypal-request-id", "user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let debug_id = self.debug_id();
        let answer = match (&request.method, request.path.as_str()) {
            (&Method::POST, TOKEN_PATH) => self.token(request),
            (&Method::GET, CERTIFICATE_PATH) => webhooks::certificate(self),
            _ => match self.oauth().bearer(request) {
                Bearer::Valid { .. } => match self.read(request, fault) {
                    Ok(body) => Answer::json(StatusCode::OK, write(&body)),
                    Err(error) => error.into_answer(&debug_id),
                },
                Bearer::Absent => PayPalError::unauthenticated().into_answer(&debug_id),
                // A token that is no good never gets as far as the API: the gateway's words are OAuth's.
                _ => bad_token(),
            },
        };
        answer.header("paypal-debug-id", &debug_id)
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        let debug_id = self.debug_id();
        PayPalError::of_status(status)
            .into_answer(&debug_id)
            .header("paypal-debug-id", &debug_id)
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        changes::mutate(self, mutation)
    }
}

impl Changeable for PayPal {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let now_s = self.clock().now();
        self.lock().create(entity, count, now_s)
    }

    fn change(
        &self,
        entity: Entity,
        id: &str,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<(), ShelfError> {
        let now_s = self.clock().now();
        self.lock().update(entity, id, now_s, change)
    }

    fn delete(&self, entity: Entity, id: &str) -> Result<(), ShelfError> {
        if entity != Entity::Invoices {
            return Err(ShelfError::Lasting(entity.name()));
        }
        let now_s = self.clock().now();
        self.lock().shelf_mut(entity).remove(id, now_s)
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn oauth(&self) -> Option<&OAuth> {
        Some(&self.0.oauth)
    }
}

const TOKEN_PATH: &str = "/v1/oauth2/token";

fn bad_token() -> Answer {
    let body = json!({
        "error": "invalid_token",
        "error_description": "The token passed in was not found in the system",
    });
    Answer::json(StatusCode::UNAUTHORIZED, body.to_string())
}

impl PayPal {
    fn token(&self, request: &Request) -> Answer {
        match self.oauth().token(request) {
            Ok(tokens) => {
                let mut body = tokens.to_json();
                body["scope"] = self.granted().join(" ").into();
                body["app_id"] = "APP-80W284485P519543T".into();
                body["nonce"] = format!("{}nonce", self.clock().now()).into();
                Answer::json(StatusCode::OK, body.to_string())
            }
            Err(refusal) => refusal.into_answer(),
        }
    }

    /// The scopes the app has.
    fn granted(&self) -> Vec<&'static str> {
        let store = self.lock();
        let withheld = |scope: &str| {
            store
                .withheld
                .iter()
                .any(|taken| scope.ends_with(taken.as_str()))
        };
        SCOPES
            .into_iter()
            .filter(|scope| !withheld(scope))
            .collect()
    }

    fn permit(&self, scope: &str) -> Result<(), PayPalError> {
        match self
            .granted()
            .iter()
            .any(|granted| granted.ends_with(scope))
        {
            true => Ok(()),
            false => Err(PayPalError::not_permitted()),
        }
    }

    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Value, PayPalError> {
        self.within_limit()?;
        let path = request.path.as_str();
        if request.method == Method::POST {
            return match path {
                "/v2/invoicing/search-invoices" => {
                    self.permit(Entity::Invoices.scope())?;
                    lists::search_invoices(self, request, fault)
                }
                "/v1/notifications/verify-webhook-signature" => webhooks::verify(self, request),
                _ => Err(PayPalError::not_in_the_sandbox(path)),
            };
        }
        if request.method != Method::GET {
            return Err(PayPalError::not_in_the_sandbox(path));
        }
        match path {
            "/v1/reporting/balances" => {
                self.permit("reporting/balances/read")?;
                return reporting::balances(self, request);
            }
            "/v1/identity/oauth2/userinfo" => return self.userinfo(request),
            "/v1/notifications/webhooks-event-types" => {
                query::only(request, &[])?;
                return Ok(webhooks::event_types());
            }
            _ => {}
        }
        let found = Entity::ALL.into_iter().find_map(|entity| {
            let rest = path.strip_prefix(entity.path())?;
            match rest.strip_prefix('/') {
                None if rest.is_empty() => Some((entity, None)),
                Some(id) if !id.contains('/') && entity != Entity::Transactions => {
                    Some((entity, Some(id)))
                }
                _ => None,
            }
        });
        let (entity, id) = found.ok_or_else(|| PayPalError::not_in_the_sandbox(path))?;
        self.permit(entity.scope())?;
        match (entity, id) {
            (entity, Some(id)) => lists::retrieve(self, entity, id, request),
            (Entity::Transactions, None) => reporting::search(self, request, fault),
            (Entity::Disputes, None) => disputes::list(self, request, fault),
            (entity, None) => lists::list(self, entity, request, fault),
        }
    }

    /// Whose account it is.
    fn userinfo(&self, request: &Request) -> Result<Value, PayPalError> {
        query::only(request, &["schema"])?;
        if request.parameter("schema") != Some("paypalv1.1") {
            return Err(PayPalError::parameter(
                "schema",
                request.parameter("schema").unwrap_or_default(),
                "INVALID_PARAMETER_VALUE",
                "The schema must be paypalv1.1.",
            ));
        }
        Ok(json!({
            "user_id": format!("https://www.paypal.com/webapps/auth/identity/user/{ACCOUNT}"),
            "payer_id": ACCOUNT,
            "name": "The Rail's Sandbox Ltd",
            "verified_account": "true",
            "emails": [{ "value": "billing@rail-sandbox.example", "primary": true, "confirmed": true }],
        }))
    }
}
