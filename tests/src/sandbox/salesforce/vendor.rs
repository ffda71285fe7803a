//! The fake Salesforce as the sandbox sees it, and where its paths lead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::SfError;
use super::soql::Bin;
use super::{SCOPE, Salesforce, VERSIONS, sobjects};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{Changeable, mutate};
use crate::sandbox::kit::oauth::{Bearer, OAuth, Refusal};
use crate::sandbox::kit::{ShelfError, hmac_sha256};

impl Vendor for Salesforce {
    fn connector(&self) -> &'static str {
        "salesforce"
    }

    fn credentials(&self) -> Value {
        let (client, tokens) = (
            self.oauth().client(),
            self.oauth().issue(SCOPE, super::records::USER),
        );
        json!({
            "clientId": client.id, "clientSecret": client.secret, "instanceUrl": self.base_url(),
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
        })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        Entity::named(entity).map_or_else(Vec::new, |entity| self.lock().org.holds(entity))
    }

    fn opened(&self, base_url: &str) {
        // Clones share it and are served once; a second address would be as good.
        let _ = self.0.base_url.set(base_url.to_owned());
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &[
            "accept",
            "content-type",
            "sforce-query-options",
            "user-agent",
        ]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        match (&request.method, request.path.trim_end_matches('/')) {
            (&Method::GET, "/services/oauth2/authorize") => {
                self.oauth().authorize(request, super::records::USER, &[])
            }
            (&Method::POST, "/services/oauth2/token") => self.token(request),
            (&Method::GET, "/services/data") => {
                Answer::json(StatusCode::OK, versions().to_string())
            }
            _ => self.counted(request, fault),
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        SfError::of_status(status).into_answer()
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for Salesforce {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut state) = (self.clock().now(), self.lock());
        (0..count)
            .map(|_| state.org.create(entity, now_s))
            .collect()
    }

    fn change(
        &self,
        entity: Entity,
        id: &str,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<(), ShelfError> {
        self.lock()
            .org
            .update(entity, id, self.clock().now(), change)
    }

    fn delete(&self, entity: Entity, id: &str) -> Result<(), ShelfError> {
        self.lock().org.delete(entity, id, self.clock().now())
    }

    fn clock(&self) -> &Clock {
        Self::clock(self)
    }

    fn oauth(&self) -> Option<&OAuth> {
        Some(Self::oauth(self))
    }
}

impl Salesforce {
    /// A request that counts against the day's limit, and is told so.
    fn counted(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let Bearer::Valid { .. } = self.oauth().bearer(request) else {
            return SfError::session().into_answer();
        };
        let (used, daily, passes) = self.take_from_limit();
        let outcome = match passes {
            true => self.read(request, fault, daily - used),
            false => Err(SfError::limit()),
        };
        let answer = outcome.unwrap_or_else(SfError::into_answer);
        answer.header("sforce-limit-info", &format!("api-usage={used}/{daily}"))
    }

    fn read(&self, request: &Request, fault: Option<&Fault>, left: u64) -> Result<Answer, SfError> {
        let path = request.path.trim_matches('/');
        let steps: Vec<&str> = path.split('/').collect();
        let [_, _, version, steps @ ..] = steps.as_slice() else {
            return Err(SfError::not_found());
        };
        if path == "services/oauth2/userinfo" {
            return Ok(Answer::json(StatusCode::OK, self.user().to_string()));
        }
        let known = VERSIONS.map(|number| format!("v{number}.0"));
        if !path.starts_with("services/data/") || !known.into_iter().any(|it| it == *version) {
            return Err(SfError::not_found());
        }
        if let ["jobs", "query", rest @ ..] = steps {
            return self.bulk(request, version, rest);
        }
        if request.method != Method::GET {
            return Err(SfError::not_in_the_sandbox(format!(
                "{} {path}",
                request.method
            )));
        }
        match steps {
            ["limits"] => {
                let daily = self.lock().daily;
                let body = json!({
                    "DailyApiRequests": { "Max": daily, "Remaining": left },
                    "DailyBulkV2QueryJobs": { "Max": 10_000, "Remaining": 10_000 },
                });
                Ok(Answer::json(StatusCode::OK, body.to_string()))
            }
            ["query"] => self.query(request, version, Bin::Left, fault),
            ["queryAll"] => self.query(request, version, Bin::Searched, fault),
            ["query" | "queryAll", locator] => self.more(locator, version, fault),
            ["sobjects", rest @ ..] => {
                let now_s = self.clock().now();
                sobjects::answer(&self.lock().org, request, version, rest, now_s)
            }
            _ => Err(SfError::not_in_the_sandbox(path)),
        }
    }

    /// Tokens as Salesforce gives them: without a word about when they end, and a refresh brings no refresh token.
    fn token(&self, request: &Request) -> Answer {
        let tokens = match self.oauth().token(request) {
            Ok(tokens) => tokens,
            Err(refusal) => return refused(&refusal),
        };
        let mut body = tokens.to_json();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("expires_in");
            let refreshed =
                |(name, value): &(String, String)| name == "grant_type" && value == "refresh_token";
            if request.form().iter().any(refreshed) {
                fields.remove("refresh_token");
            }
        }
        let issued_at = (self.clock().now() * 1_000).to_string();
        let signed = format!("{}{issued_at}", self.identity());
        let key = self.oauth().client().secret.as_bytes();
        body["signature"] = STANDARD.encode(hmac_sha256(key, signed.as_bytes())).into();
        body["id"] = self.identity().into();
        body["instance_url"] = self.base_url().into();
        body["issued_at"] = issued_at.into();
        Answer::json(StatusCode::OK, body.to_string()).header("cache-control", "no-store")
    }
}

/// Salesforce's words for a refusal, always with 400.
fn refused(refusal: &Refusal) -> Answer {
    let description = match refusal.error {
        "invalid_grant" => "expired access/refresh token",
        "invalid_client" => "invalid client credentials",
        _ => refusal.description,
    };
    let body = json!({ "error": refusal.error, "error_description": description });
    Answer::json(StatusCode::BAD_REQUEST, body.to_string()).header("cache-control", "no-store")
}

fn versions() -> Value {
    let season = |number: u32| match number % 3 {
        2 => "Winter",
        0 => "Spring",
        _ => "Summer",
    };
    VERSIONS
        .map(|number| {
            json!({
                "label": format!("{} '{}", season(number), 24 + (number - 59) / 3),
                "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0"),
            })
        })
        .collect()
}
