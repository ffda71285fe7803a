//! A consent on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;

use crate::connections::authorize::Begun;
use crate::http::answer::Shown;

/// Where a person authorizes a connection.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Authorization {
    /// The vendor's page, to be opened in the person's browser. Show it to nobody else: whoever opens it connects their
    /// account.
    authorize_url: String,
    /// Until when the person may come back from there; then it has to be begun again.
    expires_at: DateTime<Utc>,
}

impl Shown for Authorization {}

impl From<Begun> for Authorization {
    fn from(Begun { url, expires_at }: Begun) -> Self {
        Self {
            authorize_url: url,
            expires_at,
        }
    }
}
