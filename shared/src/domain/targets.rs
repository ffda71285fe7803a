//! The single records that a sync is limited to.

use serde::{Deserialize, Serialize};

use super::RecordErrorId;

/// Records of one entity that are to be read each by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// The entity.
    pub entity: String,
    /// The vendor's ids of the records.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Record errors without an id of the vendor's, by their own: the bytes that were kept are read again.
    #[serde(default)]
    pub error_ids: Vec<RecordErrorId>,
}

impl Targets {
    /// No sync is limited to more records than this; the list stands in its row.
    pub const AT_MOST: usize = 1_000;

    /// How many records these are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len() + self.error_ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
