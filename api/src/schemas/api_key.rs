//! API keys on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{Faults, KeyId, Scope};
use rail_shared::secrets::ApiKey;
use rail_shared::store::api_keys::KeyRow;
use serde::Serialize;

use super::wire::{Id, Word};
use crate::http::answer::Shown;
use crate::http::body::{Asked, Json};

/// An API key; the key itself is not kept.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "ApiKey", rename_all = "camelCase")]
pub struct KeyShown {
    /// Identity.
    key_id: Id<KeyId>,
    /// What its maker called it.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it stopped being accepted.
    revoked_at: Option<DateTime<Utc>>,
}

impl Shown for KeyShown {}

impl From<KeyRow> for KeyShown {
    fn from(row: KeyRow) -> Self {
        let KeyRow {
            id,
            name,
            scopes,
            created_at,
            revoked_at,
        } = row;
        Self {
            key_id: Id(id),
            name,
            scopes,
            created_at,
            revoked_at,
        }
    }
}

/// A key that was just made, shown this once.
// Not to be printed.
#[derive(Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "CreatedApiKey", rename_all = "camelCase")]
pub struct KeyMade {
    /// Identity.
    key_id: Id<KeyId>,
    /// What its maker called it.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The key. It cannot be shown again.
    key: String,
}

impl Shown for KeyMade {}

impl KeyMade {
    /// A key with its row.
    pub fn new(row: KeyRow, key: &ApiKey) -> Self {
        let KeyRow {
            id,
            name,
            scopes,
            created_at,
            revoked_at: _,
        } = row;
        Self {
            key_id: Id(id),
            name,
            scopes,
            created_at,
            key: key.reveal().to_owned(),
        }
    }
}

/// A key to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewApiKey")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct NewKey {
    /// What to call it.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What it may do.
    #[oai(validator(min_items = 1, unique_items))]
    scopes: Vec<Word<Scope>>,
}

/// A key to be made, understood.
#[derive(Debug)]
pub struct KeyMeant {
    /// What to call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl Asked for NewKey {
    type Meant = KeyMeant;
    type Rules<'a> = ();

    fn read(body: &Json, (): (), _: &mut Faults) -> Option<KeyMeant> {
        let scopes = body.texts_at("/scopes")?.into_iter().map(str::parse);
        Some(KeyMeant {
            name: body.text_at("/name")?.to_owned(),
            scopes: scopes.collect::<Result<_, _>>().ok()?,
        })
    }
}
