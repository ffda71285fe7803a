//! Every code and token that was issued.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};

use super::policy::{AccessForm, Rotation};
use super::{Bearer, Policy};
use crate::draw::Draw;
use crate::sandbox::kit::seeded;

/// What a JWT says of this claim.
pub(super) fn claim(token: &str, claim: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims[claim].as_str()?.to_owned())
}

/// A token answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// For requests.
    pub access_token: String,
    /// For the next access token, where the grant gives one.
    pub refresh_token: Option<String>,
    /// How long the access token lives.
    pub expires_in_s: i64,
    /// How long the refresh token lives when nobody uses it.
    pub refresh_expires_in_s: Option<i64>,
    /// What it may do.
    pub scope: String,
    /// On whose behalf.
    pub subject: String,
}

impl Tokens {
    /// The answer as RFC 6749 has it; a vendor adds what it adds.
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in_s,
        });
        if let Some(token) = &self.refresh_token {
            body["refresh_token"] = token.as_str().into();
        }
        if !self.scope.is_empty() {
            body["scope"] = self.scope.as_str().into();
        }
        body
    }
}

/// How often tokens were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Codes exchanged.
    pub codes: u64,
    /// Access tokens from refresh tokens.
    pub refreshes: u64,
    /// Access tokens from client credentials.
    pub client_credentials: u64,
    /// Refresh tokens refused.
    pub refused_refreshes: u64,
}

/// An authorization code and what must be said again to use it.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) scope: String,
    pub(super) subject: String,
    pub(super) until_s: i64,
    /// The family it was used for: a second use revokes it.
    pub(super) used_for: Option<u64>,
}

#[derive(Debug, Clone)]
struct Access {
    family: u64,
    until_s: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Refresh {
    pub(super) family: u64,
    pub(super) issued_s: i64,
    pub(super) until_s: Option<i64>,
    /// Until when it works although another took its place.
    pub(super) replaced_until_s: Option<i64>,
}

/// Who consented to what.
#[derive(Debug, Clone)]
struct Family {
    scope: String,
    subject: String,
}

#[derive(Debug)]
pub(super) struct Book {
    draw: Draw,
    pub(super) codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    pub(super) refresh: HashMap<String, Refresh>,
    families: Vec<Family>,
    revoked: HashSet<u64>,
    pub(super) counts: Counts,
    pub(super) deny_next: bool,
}

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed, 0x0a07, 0),
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            families: Vec::new(),
            revoked: HashSet::new(),
            counts: Counts::default(),
            deny_next: false,
        }
    }

    /// A new secret with this beginning.
    pub(super) fn secret(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", seeded::letters(&mut self.draw, 40))
    }

    /// Notes a code and answers its name.
    pub(super) fn code(&mut self, code: Code) -> String {
        let name = self.secret("code_");
        self.codes.insert(name.clone(), code);
        name
    }

    /// Begins a family with an access token and, where the policy and the scope allow, a refresh token.
    pub(super) fn issue(
        &mut self,
        policy: &Policy,
        now_s: i64,
        scope: &str,
        subject: &str,
    ) -> Tokens {
        let family = self.families.len() as u64;
        self.families.push(Family {
            scope: scope.to_owned(),
            subject: subject.to_owned(),
        });
        let mut tokens = self.access_for(policy, now_s, family);
        let offline = policy
            .refresh_scope
            .is_none_or(|needed| scope.split_whitespace().any(|given| given == needed));
        if offline && policy.grants.contains(&super::Grant::Refresh) {
            tokens.refresh_token = Some(self.refresh_for(policy, now_s, family));
        }
        tokens
    }

    /// The family begun last.
    pub(super) fn newest_family(&self) -> u64 {
        (self.families.len() as u64).saturating_sub(1)
    }

    /// Another access token for a family.
    pub(super) fn access_for(&mut self, policy: &Policy, now_s: i64, family: u64) -> Tokens {
        let access_token = match policy.access_form {
            AccessForm::Opaque => self.secret("at_"),
            AccessForm::Jwt(claim) => self.jwt(claim, family),
        };
        let until_s = now_s + policy.access_life_s;
        self.access
            .insert(access_token.clone(), Access { family, until_s });
        let Family { scope, subject } = self.families[family as usize].clone();
        Tokens {
            access_token,
            refresh_token: None,
            expires_in_s: policy.access_life_s,
            refresh_expires_in_s: policy.refresh_life_s,
            scope,
            subject,
        }
    }

    /// Another JWT of a family.
    fn jwt(&mut self, claim: &str, family: u64) -> String {
        let event = seeded::guid(&mut Draw::new(family, 0x0a08, 0));
        let claims = json!({ claim: event, "jti": self.secret("") });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "RS256", "typ": "JWT" }));
        format!("{head}.{}.{}", part(claims), self.secret(""))
    }

    /// Another refresh token for a family.
    pub(super) fn refresh_for(&mut self, policy: &Policy, now_s: i64, family: u64) -> String {
        let token = self.secret("rt_");
        let refresh = Refresh {
            family,
            issued_s: now_s,
            until_s: policy.refresh_life_s.map(|life_s| now_s + life_s),
            replaced_until_s: None,
        };
        self.refresh.insert(token.clone(), refresh);
        token
    }

    /// The refresh token that an answer to this one holds: itself, or another when it is due to rotate.
    pub(super) fn rotate(&mut self, policy: &Policy, now_s: i64, token: &str) -> Option<String> {
        let held = self.refresh.get_mut(token)?;
        let grace_s = match policy.rotation {
            Rotation::Always { grace_s } => Some(grace_s),
            Rotation::OlderThan { age_s, grace_s } => {
                (now_s - held.issued_s >= age_s).then_some(grace_s)
            }
            Rotation::Never => None,
        };
        let family = held.family;
        let Some(grace_s) = grace_s else {
            // What is used lives on.
            held.until_s = policy.refresh_life_s.map(|life_s| now_s + life_s);
            return Some(token.to_owned());
        };
        // A second use within the grace period does not make the period longer.
        held.replaced_until_s.get_or_insert(now_s + grace_s);
        Some(self.refresh_for(policy, now_s, family))
    }

    pub(super) fn is_revoked(&self, family: u64) -> bool {
        self.revoked.contains(&family)
    }

    pub(super) fn revoke_family(&mut self, family: u64) {
        self.revoked.insert(family);
    }

    /// Revokes the family of a token, if there is one.
    pub(super) fn revoke(&mut self, token: &str) {
        let family = (self.access.get(token).map(|access| access.family))
            .or_else(|| self.refresh.get(token).map(|refresh| refresh.family));
        self.revoked.extend(family);
    }

    pub(super) fn revoke_all(&mut self) -> usize {
        self.revoked.extend(0..self.families.len() as u64);
        self.families.len()
    }

    pub(super) fn expire_access(&mut self, now_s: i64) -> usize {
        for access in self.access.values_mut() {
            access.until_s = access.until_s.min(now_s);
        }
        self.access.len()
    }

    pub(super) fn worth(&self, token: &str, now_s: i64) -> Bearer {
        match self.access.get(token) {
            None => Bearer::Unknown,
            Some(access) if self.is_revoked(access.family) => Bearer::Revoked,
            Some(access) if access.until_s <= now_s => Bearer::Expired,
            Some(access) => {
                let Family { scope, subject } = self.families[access.family as usize].clone();
                Bearer::Valid { scope, subject }
            }
        }
    }
}
