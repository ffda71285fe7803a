//! What is asked for tokens, and the grant in the answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::super::file::{ClientProof, OAuth};
use super::super::lift::{lift, word};
use super::asking::{Asking, Refused};
use crate::domain::{Grant, Kept, Vault};
use crate::failpoints;
use crate::http::{Answer, Http, HttpError, Method, Request};

/// How long a vendor may take for all that is asked: less than the right to ask lasts.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often it is tried to keep what the vendor gave, and how long apart.
const KEEPING_TRIES: u32 = 4;
const KEEPING_PAUSE: Duration = Duration::from_millis(500);
/// Facts are names of places: what is longer is none.
const LONGEST_FACT: usize = 2_048;

/// The app, as it proves itself.
pub(super) struct App {
    pub id: SecretString,
    pub secret: Option<SecretString>,
}

/// What came of a request for tokens.
pub(super) enum Fetched {
    Granted(Grant),
    Refused(Refused),
    Silence(HttpError),
    TooLate,
    /// An answer of success in which there is no token.
    Unreadable,
}

/// What came of one whose grant was to be kept.
pub(super) enum Renewed {
    Kept(Kept),
    /// The kept grant was another by then.
    Overtaken,
    /// It could not be kept.
    Lost,
    Not(Fetched),
}

/// An answer that brings tokens.
#[derive(Deserialize)]
pub(super) struct Told {
    pub access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
}

/// The request.
pub(super) fn request(rules: &OAuth, url: &str, app: &App, fields: &[(&str, &str)]) -> Request {
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields);
    form.extend_pairs(&rules.token_parameters);
    let mut proof = None;
    match (rules.client, &app.secret) {
        (ClientProof::Basic, Some(secret)) => {
            let encoded = |text: &SecretString| -> String {
                byte_serialize(text.expose_secret().as_bytes()).collect()
            };
            let pair = STANDARD.encode(format!("{}:{}", encoded(&app.id), encoded(secret)));
            proof = Some(format!("Basic {pair}"));
        }
        (_, secret) => {
            form.append_pair("client_id", app.id.expose_secret());
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.expose_secret());
            }
        }
    }
    let request = posted(url, form.finish());
    match proof {
        Some(proof) => request.secret_header("Authorization", proof.into()),
        None => request,
    }
}

/// A form to be sent there.
pub(super) fn posted(url: &str, form: String) -> Request {
    Request::new(Method::Post, url)
        .header("Accept", "application/json")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
}

/// Asks for tokens; what the answer leaves out stays as it was before.
pub(super) async fn fetch(http: &Http, asking: Asking, rules: &OAuth, before: Grant) -> Fetched {
    match tokio::time::timeout(ANSWER_WITHIN, asking.answered(http, rules)).await {
        Err(_) => Fetched::TooLate,
        Ok(Err(not)) => *not,
        Ok(Ok(answer)) => {
            granted(&answer, rules, before).map_or(Fetched::Unreadable, Fetched::Granted)
        }
    }
}

/// Asks for tokens and keeps them, whoever waits for it or not: the vendor may have ended the old ones.
pub(super) async fn renew(
    http: Http,
    asking: Asking,
    rules: Arc<OAuth>,
    vault: Arc<dyn Vault>,
    from: Grant,
    version: i64,
) -> Renewed {
    let grant = match fetch(&http, asking, &rules, from).await {
        Fetched::Granted(grant) => grant,
        other => return Renewed::Not(other),
    };
    failpoints::step("tokens fetched");
    for again in 0..KEEPING_TRIES {
        if again > 0 {
            tokio::time::sleep(KEEPING_PAUSE).await;
        }
        match vault.keep(grant.clone(), version).await {
            Ok(Some(kept)) => return Renewed::Kept(kept),
            Ok(None) => return Renewed::Overtaken,
            Err(_) => {}
        }
    }
    Renewed::Lost
}

/// The tokens in an answer.
pub(super) fn said(answer: &Answer) -> Option<Told> {
    serde_json::from_slice(&answer.body).ok()
}

fn granted(answer: &Answer, rules: &OAuth, before: Grant) -> Option<Grant> {
    let body = std::str::from_utf8(&answer.body).ok()?;
    let told = said(answer)?;
    let mut grant = before;
    grant.access_token = Some(told.access_token.into());
    if let Some(token) = told.refresh_token {
        grant.refresh_token = Some(token.into());
    }
    grant.fetched_at = Some(answer.received_at);
    grant.expires_at = end(told.expires_in.as_ref(), rules, answer.received_at);
    let facts = facts(body, &rules.token_facts);
    grant.facts.extend(facts);
    Some(grant)
}

fn end(told: Option<&Value>, rules: &OAuth, received_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let told = told.and_then(|told| match told {
        // Some vendors write the number as a text.
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    });
    let seconds = told.or(rules.lives_seconds.map(i64::from))?;
    received_at.checked_add_signed(TimeDelta::try_seconds(seconds)?)
}

/// What of an answer is to be kept.
pub(super) fn facts<'r>(
    body: &str,
    wanted: impl IntoIterator<Item = (&'r String, &'r super::super::lift::Pointer)>,
) -> Vec<(String, String)> {
    wanted
        .into_iter()
        .filter_map(|(name, at)| {
            let [found] = lift(body, [Some(at)]).ok()?;
            let value = word(found?)?;
            (value.len() <= LONGEST_FACT).then(|| (name.clone(), value))
        })
        .collect()
}
