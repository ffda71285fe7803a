//! The entities the sandbox holds. Three of them are views of the same searches.

use serde_json::Value;

use crate::sandbox::kit::Record;

/// A kind of record in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// Who works on searches.
    Users,
    /// Every search that was ever made.
    Searches,
    /// Those that are repeated by themselves.
    MonitoredSearches,
    /// Those that somebody has to decide about.
    Cases,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Users,
        Self::Searches,
        Self::MonitoredSearches,
        Self::Cases,
    ];

    /// The name in the connector's catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Searches => "searches",
            Self::MonitoredSearches => "monitored_searches",
            Self::Cases => "cases",
        }
    }

    /// The entity of this name in the catalogue.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// Whether a search belongs to it.
    pub(super) fn holds(self, search: &Record) -> bool {
        match self {
            Self::MonitoredSearches => is_monitored(search),
            Self::Cases => search.body["match_status"] != "no_match",
            _ => true,
        }
    }
}

/// Whether a search is repeated; lists do not say so.
pub(super) fn is_monitored(search: &Record) -> bool {
    search.body["is_monitored"] == true
}

/// A record as it is sent.
pub(super) fn rendered(record: &Record) -> Value {
    let mut body = record.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("is_monitored");
    }
    body
}
