//! How far an entity of a sync is, as it is stored.

use chrono::{DateTime, Utc};
use rail_shared::connectors::Cursor;
use rail_shared::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an entity goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Place {
    /// All was read; what was not seen is to be deleted.
    Sweeping {
        /// From where.
        sweeping: Sweep,
    },
    /// The next page.
    Reading(Box<Cursor>),
}

/// A sweep on its way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sweep {
    /// When the walk began.
    pub began_at: DateTime<Utc>,
    /// Whether it is decided that what is missing is deleted.
    pub decided: bool,
}

pub(super) fn read<T: serde::de::DeserializeOwned>(stored: &Value) -> Result<T, StoreError> {
    Ok(T::deserialize(stored)?)
}

pub(super) fn write(position: &impl Serialize) -> Result<Value, StoreError> {
    Ok(serde_json::to_value(position)?)
}
