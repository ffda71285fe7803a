//! A person's consent: where to send the person, and what to make of the code that comes back.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::super::file::{FactsCall, GrantType, OAuth};
use super::super::lift::Pointer;
use super::super::{Connector, Source};
use super::asking::{Asking, Refused};
use super::fetch::{self, Fetched};
use super::{Exchange, Tokens};
use crate::domain::{Failure, FailureKind, Grant, Origin};
use crate::http::Request;
use crate::secrets::{OneTime, challenge};

/// What a caller may bring in place of a consent.
const BROUGHT: [&str; 2] = ["accessToken", "refreshToken"];

impl Connector {
    /// Whether a person can authorize connections at the vendor.
    #[must_use]
    pub fn asks_for_consent(&self) -> bool {
        self.oauth()
            .is_some_and(|rules| rules.grant == GrantType::AuthorizationCode)
    }

    /// Whether a person has to before anything can be read with these credentials.
    #[must_use]
    pub fn needs_consent(&self, credentials: &Map<String, Value>) -> bool {
        self.asks_for_consent() && !BROUGHT.iter().any(|name| credentials.contains_key(*name))
    }

    /// Whether two credentials bring the same tokens: then what was fetched by the one goes on with the other.
    #[must_use]
    pub fn same_tokens(&self, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
        let owners = self.oauth().map(OAuth::owners).unwrap_or_default();
        let named = BROUGHT.into_iter().chain(owners.iter().map(String::as_str));
        named
            .into_iter()
            .all(|name| one.get(name) == other.get(name))
    }
}

impl Source {
    /// Where a person consents. Whoever comes back there brings the state.
    ///
    /// # Errors
    /// A lasting [`Failure`], when the connector has no such page or the credentials lack something.
    pub fn consent_url(
        &self,
        redirect_uri: &str,
        state: &OneTime,
        verifier: &OneTime,
    ) -> Result<String, Failure> {
        let exchange = self.exchange()?;
        let tokens = exchange
            .tokens()
            .ok_or_else(|| nobody_consents(exchange.name))?;
        let page = tokens.rules.authorize_url.as_ref();
        let page = page.ok_or_else(|| nobody_consents(exchange.name))?;
        let page = exchange.whole_url(page)?;
        let mut url = Url::parse(&page).map_err(|_| nobody_consents(exchange.name))?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", tokens.app()?.id.expose_secret())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state.reveal())
            .append_pair("code_challenge", &challenge(verifier))
            .append_pair("code_challenge_method", "S256");
        if !tokens.rules.scopes.is_empty() {
            query.append_pair("scope", &tokens.rules.scopes.join(" "));
        }
        query.extend_pairs(&tokens.rules.authorize_parameters);
        drop(query);
        Ok(url.into())
    }

    /// The facts of a consent that tell whose records it opens.
    #[must_use]
    pub fn owner_facts(&self) -> Vec<&str> {
        let reading = self.definition.reading.as_ref();
        let Some(rules) = reading.and_then(|reading| reading.oauth.as_ref()) else {
            return Vec::new();
        };
        let asked = rules.facts_call.iter().flat_map(|call| call.facts.keys());
        rules
            .callback_facts
            .iter()
            .chain(asked)
            .map(String::as_str)
            .collect()
    }

    /// Exchanges the code that a person came back with for tokens.
    ///
    /// # Errors
    /// A typed [`Failure`]; a code is good for one try.
    pub async fn consented(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &OneTime,
        came_back_with: &[(String, String)],
    ) -> Result<Grant, Failure> {
        let exchange = self.exchange()?;
        let tokens = exchange
            .tokens()
            .ok_or_else(|| nobody_consents(exchange.name))?;
        let rules = tokens.rules;
        let mut grant = Grant::default();
        for name in &rules.callback_facts {
            let found = came_back_with.iter().find(|(key, _)| key == name);
            if let Some((_, value)) = found {
                grant.facts.insert(name.clone(), value.clone());
            }
        }
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.reveal()),
        ];
        let url = exchange.whole_url(&rules.token_url)?;
        let request = fetch::request(rules, &url, &tokens.app()?, &fields);
        let asking = Asking::at_once(request);
        let mut grant = match fetch::fetch(exchange.http, asking, rules, grant).await {
            Fetched::Granted(grant) => grant,
            other => return Err(tokens.failure(other)),
        };
        if let Some(call) = &rules.facts_call {
            let found = facts(&exchange, &tokens, call, &grant).await?;
            grant.facts.extend(found);
        }
        Ok(grant)
    }
}

/// The facts that stand nowhere else.
async fn facts(
    exchange: &Exchange<'_>,
    tokens: &Tokens<'_>,
    call: &FactsCall,
    grant: &Grant,
) -> Result<Vec<(String, String)>, Failure> {
    let url = exchange.whole_url(&call.url)?;
    let token = grant.access_token.as_ref().ok_or_else(Failure::internal)?;
    let bearer = format!("Bearer {}", token.expose_secret());
    let mut request = Request::get(url)
        .header("Accept", "application/json")
        .secret_header("Authorization", bearer.into());
    let claimed = claims(token);
    for (name, value) in told(exchange, &claimed, &call.claims)? {
        request = request.query(&name, value);
    }
    let answer = match exchange.http.send(request).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => {
            let refused = Refused {
                fetched: vec![token.clone()],
                ..Refused::of(answer)
            };
            return Err(tokens.failure(Fetched::Refused(refused)));
        }
        Err(error) => return Err(tokens.failure(Fetched::Silence(error))),
    };
    let body = std::str::from_utf8(&answer.body).unwrap_or_default();
    told(exchange, body, &call.facts)
}

/// Everything that is wanted of a body.
fn told(
    exchange: &Exchange<'_>,
    body: &str,
    wanted: &BTreeMap<String, Pointer>,
) -> Result<Vec<(String, String)>, Failure> {
    let found = fetch::facts(body, wanted);
    match wanted
        .keys()
        .find(|name| !found.iter().any(|(fact, _)| fact == *name))
    {
        None => Ok(found),
        Some(name) => Err(Failure::lasting(
            Origin::Vendor,
            FailureKind::MalformedAnswer,
            format!(
                "{} did not tell the {name} of what was authorized.",
                exchange.name
            ),
        )),
    }
}

/// What a JWT says, as JSON; nothing where it is none. It is not verified: the vendor itself gave it to us.
fn claims(token: &SecretString) -> String {
    let payload = token.expose_secret().split('.').nth(1);
    let plain = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    plain
        .and_then(|plain| String::from_utf8(plain).ok())
        .unwrap_or_default()
}

fn nobody_consents(name: &str) -> Failure {
    Failure::lasting(
        Origin::Configuration,
        FailureKind::Misconfigured,
        format!("{name} is not authorized by a person; its credentials are enough."),
    )
}
