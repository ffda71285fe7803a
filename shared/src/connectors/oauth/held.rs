//! The grant as a session has it in memory.

use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::Grant;

/// The grant as a session has it in memory, as far as it was needed yet.
#[derive(Debug, Default)]
pub(in crate::connectors) struct Held {
    grant: RwLock<Option<Grant>>,
    renewing: Mutex<Rest>,
}

/// Until when a token that is to be replaced early, and could not be, is used as it is.
pub(super) type Rest = Option<DateTime<Utc>>;

impl Held {
    /// What there is.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.grant
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(in crate::connectors) fn hold(&self, grant: Grant) {
        *self.grant.write().unwrap_or_else(PoisonError::into_inner) = Some(grant);
    }

    /// One task of this session at a time asks the vault.
    pub(super) async fn alone(&self) -> MutexGuard<'_, Rest> {
        self.renewing.lock().await
    }

    /// The token that requests carry now.
    pub(in crate::connectors) fn token(&self) -> Option<SecretString> {
        self.grant()?.access_token
    }

    /// A fact of the grant.
    pub(in crate::connectors) fn fact(&self, name: &str) -> Option<String> {
        let grant = self.grant.read().unwrap_or_else(PoisonError::into_inner);
        grant.as_ref()?.facts.get(name).cloned()
    }

    /// Its tokens.
    pub(in crate::connectors) fn secrets(&self) -> Vec<SecretString> {
        let grant = self.grant();
        grant
            .into_iter()
            .flat_map(|grant| [grant.access_token, grant.refresh_token])
            .flatten()
            .collect()
    }
}

/// Whether a grant has a token that lives on at this time and is not the refused one.
pub(super) fn is_alive(grant: &Grant, refused: Option<&SecretString>, at: DateTime<Utc>) -> bool {
    let Some(token) = &grant.access_token else {
        return false;
    };
    refused.is_none_or(|refused| refused.expose_secret() != token.expose_secret())
        && grant.expires_at.is_none_or(|end| end > at)
}
