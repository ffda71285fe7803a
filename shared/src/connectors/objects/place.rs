//! Where a walk through objects stands, as it is stored between pages.

use serde::{Deserialize, Serialize};

use super::json::Within;

/// A place in the listing, and in the object that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::connectors) struct WalkPlace {
    /// Where the page of the listing begins; `None`: at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<String>,
    /// The last object of that page that is done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// The object that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Reading>,
}

/// An object that is being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::connectors) struct Reading {
    pub key: String,
    /// The version that is being read; `None` where whatever is there is to be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default)]
    pub spot: Spot,
    /// How often it turned out to be another version on the way, and was begun anew.
    #[serde(default)]
    pub changed: u32,
}

impl Reading {
    /// From its beginning.
    pub(super) fn of(key: &str, etag: &str) -> Self {
        Self {
            key: key.to_owned(),
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            spot: Spot::default(),
            changed: 0,
        }
    }

    /// From the beginning of the version that is there now.
    pub(super) fn anew(self) -> Self {
        Self {
            etag: None,
            spot: Spot::default(),
            changed: self.changed + 1,
            ..self
        }
    }
}

/// A place between two rows of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::connectors) struct Spot {
    /// Rows before it, whatever became of them.
    pub rows: u64,
    /// Bytes before it, unpacked; nothing in Parquet, where rows alone count.
    pub bytes: u64,
    /// Of JSON: within what it is.
    #[serde(default)]
    pub within: Within,
}
