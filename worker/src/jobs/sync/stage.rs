//! The stage that an entity of a sync is in, as it is stored.

use chrono::{DateTime, Utc};
use rail_shared::connectors::Cursor;
use rail_shared::domain::RecordErrorId;
use rail_shared::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is done for an entity next, and from where.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Stage {
    /// All was read; what was not seen is to be deleted.
    Sweeping {
        /// From where.
        sweeping: Sweep,
    },
    /// All was read; records with open errors that were not among it are read by themselves.
    Retrying {
        /// From where.
        retrying: Retrying,
    },
    /// Single records are read.
    Targeted {
        /// How many of them were.
        targeted: usize,
    },
    /// All was read into a snapshot, which is to be sealed.
    Sealing {
        /// Nothing more is to be known.
        sealing: Seal,
    },
    /// The next page.
    Reading(Box<Cursor>),
}

/// The end of a part of a snapshot.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {}

/// What is left to do for an entity once all of it was read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// To retry open errors, and perhaps to sweep.
    Retry(Retrying),
    /// To delete what was not seen.
    Sweep(Sweep),
    /// To seal the part of the snapshot.
    Seal,
}

impl Rest {
    /// The stage that begins with it.
    pub(super) fn stage(self) -> Option<Stage> {
        match self {
            Self::Nothing => None,
            Self::Retry(retrying) => Some(Stage::Retrying { retrying }),
            Self::Sweep(sweeping) => Some(Stage::Sweeping { sweeping }),
            Self::Seal => Some(Stage::Sealing { sealing: Seal {} }),
        }
    }
}

impl From<Option<Sweep>> for Rest {
    fn from(sweep: Option<Sweep>) -> Self {
        sweep.map_or(Self::Nothing, Self::Sweep)
    }
}

/// Retrying open errors on its way.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Retrying {
    /// The last error that was tried.
    pub after: Option<RecordErrorId>,
    /// How many were.
    pub tried: i64,
    /// What is to be swept afterwards.
    pub then: Option<Sweep>,
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
