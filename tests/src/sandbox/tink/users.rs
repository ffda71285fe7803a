//! Tokens, users, and who may act for whom.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::errors::TinkError;
use super::scopes::{ACCOUNTS, BALANCES, PARTIES, TRANSACTIONS};
use super::{Tink, WEBHOOK_SECRET};
use crate::draw::Draw;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::kit::oauth::Bearer;
use crate::sandbox::kit::seeded;

/// What a client may ask for without a user.
const CLIENT_SCOPES: [&str; 4] = [
    "user:create",
    "user:delete",
    "authorization:grant",
    "webhook-endpoints",
];
/// What reads a user's data.
pub(super) const READS: [&str; 6] = [
    ACCOUNTS,
    BALANCES,
    TRANSACTIONS,
    PARTIES,
    "provider-consents:read",
    "identities:read",
];

/// Scopes, however they are separated.
fn words(scope: &str) -> impl Iterator<Item = &str> {
    scope.split([',', ' ']).filter(|word| !word.is_empty())
}

fn field<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let (_, value) = form.iter().find(|(key, _)| key == name)?;
    Some(value)
}

impl Tink {
    /// `/api/v1/oauth/token`.
    pub(super) fn token(&self, request: &Request) -> Result<Value, TinkError> {
        let form = request.form();
        if field(&form, "grant_type") == Some("client_credentials") {
            let scope = field(&form, "scope").unwrap_or_default();
            if let Some(other) = words(scope).find(|word| !CLIENT_SCOPES.contains(word)) {
                return Err(TinkError::invalid(format!(
                    "A client cannot have the scope '{other}'."
                )));
            }
        }
        let tokens = self
            .oauth()
            .token(request)
            .map_err(|refusal| TinkError::of_oauth(&refusal))?;
        let mut body = tokens.to_json();
        body["token_type"] = "bearer".into();
        body["scope"] = words(&tokens.scope).collect::<Vec<_>>().join(",").into();
        Ok(body)
    }

    /// Lets a token with this scope pass; answers for whom it speaks.
    pub(super) fn permit(&self, request: &Request, scope: &str) -> Result<String, TinkError> {
        match self.oauth().bearer(request) {
            Bearer::Valid {
                scope: given,
                subject,
            } => match words(&given).any(|word| word == scope) {
                true => Ok(subject),
                false => Err(TinkError::not_permitted(scope)),
            },
            _ => Err(TinkError::unauthenticated()),
        }
    }

    /// `/api/v1/user/create`.
    pub(super) fn create_user(&self, request: &Request) -> Result<Value, TinkError> {
        self.permit(request, "user:create")?;
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|_| TinkError::invalid("The body is no JSON."))?;
        for needed in ["market", "locale"] {
            if !body[needed].is_string() {
                return Err(TinkError::invalid(format!(
                    "The field '{needed}' is missing."
                )));
            }
        }
        let external_id = body["external_user_id"].as_str().map(str::to_owned);
        let user = self.lock().create_user(external_id)?;
        Ok(json!({ "user_id": user.id, "external_user_id": user.external_id }))
    }

    /// `/api/v1/oauth/authorization-grant`: a code for the client itself.
    pub(super) fn grant(&self, request: &Request) -> Result<Value, TinkError> {
        let (user_id, scope) = self.granted(request)?;
        Ok(json!({ "code": self.oauth().grant(&scope, &user_id) }))
    }

    /// `/api/v1/oauth/authorization-grant/delegate`: a code for another client, such as Tink Link. It is worth nothing
    /// to the one who asked for it.
    pub(super) fn delegate(&self, request: &Request) -> Result<Value, TinkError> {
        let (user_id, scope) = self.granted(request)?;
        let form = request.form();
        for needed in ["actor_client_id", "id_hint"] {
            if field(&form, needed).is_none() {
                return Err(TinkError::invalid(format!(
                    "The field '{needed}' is missing."
                )));
            }
        }
        let about = format!("{user_id} {scope} {}", self.clock().now());
        let mut draw = Draw::new(0, 0x7147, 0).aside(&about);
        Ok(json!({ "code": seeded::letters(&mut draw, 32) }))
    }

    fn granted(&self, request: &Request) -> Result<(String, String), TinkError> {
        self.permit(request, "authorization:grant")?;
        let form = request.form();
        let scope = field(&form, "scope")
            .ok_or_else(|| TinkError::invalid("The field 'scope' is missing."))?;
        let (id, external_id) = (field(&form, "user_id"), field(&form, "external_user_id"));
        if id.is_some() == external_id.is_some() {
            let message = "Either 'user_id' or 'external_user_id' must be given.";
            return Err(TinkError::invalid(message));
        }
        let store = self.lock();
        let user = store.users.iter().find(|user| match id {
            Some(id) => user.id == id,
            None => user.external_id.as_deref() == external_id,
        });
        let user = user.ok_or_else(|| TinkError::unknown("user"))?;
        Ok((user.id.clone(), words(scope).collect::<Vec<_>>().join(" ")))
    }

    /// Tink Link's page, without a page: whoever asks has connected the first user's bank at once.
    pub(super) fn link(&self, request: &Request) -> Answer {
        let mut request = request.clone();
        for (name, value) in &mut request.query {
            if name == "scope" {
                *value = words(value).collect::<Vec<_>>().join(" ");
            }
        }
        // Tink Link knows one way to answer and is not asked for it.
        request
            .query
            .push(("response_type".to_owned(), "code".to_owned()));
        if request.parameter("scope").is_none() {
            request.query.push(("scope".to_owned(), READS.join(" ")));
        }
        self.oauth().authorize(
            &request,
            &self.user_id(),
            &[("credentialsId", "c0ffee5a11dbox")],
        )
    }

    /// `/events/v2/webhook-endpoints`: the secret is told once, here.
    pub(super) fn create_endpoint(&self, request: &Request) -> Result<Answer, TinkError> {
        self.permit(request, "webhook-endpoints")?;
        let asked: Value = serde_json::from_slice(&request.body)
            .map_err(|_| TinkError::invalid("The body is no JSON."))?;
        if !asked["url"].is_string() || !asked["enabledEvents"].is_array() {
            return Err(TinkError::invalid("'url' and 'enabledEvents' are needed."));
        }
        let body = json!({
            "id": "5a11db0x5a11db0x5a11db0x5a11db0x",
            "description": asked["description"],
            "disabled": false,
            "enabledEvents": asked["enabledEvents"],
            "url": asked["url"],
            "secret": WEBHOOK_SECRET,
        });
        Ok(Answer::json(StatusCode::CREATED, body.to_string()))
    }
}
