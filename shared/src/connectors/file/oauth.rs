//! How tokens are fetched by OAuth 2, as a catalogue file says it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{BaseUrl, ErrorRule};
use crate::connectors::draft::fill;
use crate::connectors::lift::Pointer;

/// How tokens are fetched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct OAuth {
    pub grant: GrantType,
    /// Where a person consents; needed with `authorization_code`.
    pub authorize_url: Option<BaseUrl>,
    /// Where tokens are fetched.
    pub token_url: BaseUrl,
    /// How the app proves who it is.
    #[serde(default)]
    pub client: ClientProof,
    /// The credential that is the app's id.
    #[serde(default = "client_id")]
    pub client_id: String,
    /// The credential that is the app's secret; where it may be left out, PKCE alone proves the app.
    #[serde(default = "client_secret")]
    pub client_secret: String,
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Of an app that reads for its users, by `client_credentials`: how its own token becomes one of a user's.
    pub user_grant: Option<UserGrant>,
    /// Sent along with a person to the page of consent.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
    /// Sent along with every request for tokens.
    #[serde(default)]
    pub token_parameters: BTreeMap<String, String>,
    /// Query parameters with which the vendor sends the person back, to be kept under their own names.
    #[serde(default)]
    pub callback_facts: Vec<String>,
    /// What to keep of an answer that brings tokens, and where it stands there.
    #[serde(default)]
    pub token_facts: BTreeMap<String, Pointer>,
    /// Asked once after a consent, for facts that stand nowhere else.
    pub facts_call: Option<FactsCall>,
    /// How long before its end a token is replaced; never before half of its life is over.
    #[serde(default = "refresh_before_seconds")]
    pub refresh_before_seconds: u32,
    /// How long a token lives where the vendor does not say.
    pub lives_seconds: Option<u32>,
}

/// How a first token comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum GrantType {
    /// A person consents at the vendor.
    AuthorizationCode,
    /// The app's own credentials are enough.
    ClientCredentials,
    /// The caller brings a refresh token.
    RefreshToken,
}

/// How the app proves who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum ClientProof {
    /// HTTP Basic.
    #[default]
    Basic,
    /// Two fields of the form.
    Body,
}

/// One request for facts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct FactsCall {
    pub url: BaseUrl,
    /// Query parameters, and where each stands in the claims of the access token, which then is a JWT: so that the answer
    /// tells of this consent, and not of earlier ones.
    #[serde(default)]
    pub claims: BTreeMap<String, Pointer>,
    /// Where each fact stands in the answer.
    pub facts: BTreeMap<String, Pointer>,
}

/// How an app's own token becomes one of a user's: it is good for a code only, and the code for the token that requests
/// carry. There is nothing to refresh that one with: when it ends, all of it is done again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct UserGrant {
    /// Where the code is asked for, by a form and with the app's token.
    pub url: BaseUrl,
    /// The fields of the form: who the user is, by a credential in braces, and what is asked for.
    pub parameters: BTreeMap<String, String>,
    /// Where the code stands in the answer.
    pub code: Pointer,
    /// What its refusals mean; they count before those of `[errors]`.
    #[serde(default)]
    pub rules: Vec<ErrorRule>,
}

fn client_id() -> String {
    "clientId".to_owned()
}

fn client_secret() -> String {
    "clientSecret".to_owned()
}

const fn refresh_before_seconds() -> u32 {
    120
}

impl OAuth {
    /// The names of what it keeps beside tokens: they stand for themselves in requests, as credentials do.
    pub(in crate::connectors) fn facts(&self) -> impl Iterator<Item = &str> {
        let asked = self.facts_call.iter().flat_map(|call| call.facts.keys());
        self.callback_facts
            .iter()
            .chain(self.token_facts.keys())
            .chain(asked)
            .map(String::as_str)
    }

    /// The credentials that say whose tokens are fetched: with others they are others.
    pub(in crate::connectors) fn owners(&self) -> BTreeSet<String> {
        let mut owners = BTreeSet::from([self.client_id.clone()]);
        let grant = self.user_grant.iter();
        for text in grant.flat_map(|grant| grant.parameters.values()) {
            // Nothing is refused: only the names are wanted.
            let _ = fill(text, |name| {
                owners.insert(name.to_owned());
                Some(String::new())
            });
        }
        owners
    }

    /// Every place of it that is a URL.
    pub(in crate::connectors) fn urls(&mut self) -> Vec<&mut String> {
        let facts = self.facts_call.as_mut().map(|call| &mut call.url);
        let user = self.user_grant.as_mut().map(|grant| &mut grant.url);
        let all = [
            Some(&mut self.token_url),
            self.authorize_url.as_mut(),
            facts,
            user,
        ];
        let mut urls = Vec::new();
        for url in all.into_iter().flatten() {
            match url {
                BaseUrl::One(url) => urls.push(url),
                BaseUrl::By(by) => urls.extend(by.urls.values_mut()),
            }
        }
        urls
    }
}
