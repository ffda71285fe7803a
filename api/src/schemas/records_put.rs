//! What became of records that were put in.

use poem_openapi::Object;
use rail_shared::connectors::Refused;
use rail_shared::store::records::Counts;
use serde::Serialize;

use crate::http::answer::Shown;

/// What became of records that were put in.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct RecordsPut {
    /// Of which entity.
    entity: String,
    /// How many records the body held.
    fetched: u64,
    /// How many were new.
    created: i64,
    /// How many were changed.
    updated: i64,
    /// How many were as they are stored, or older than what is.
    unchanged: i64,
    /// How many could not be stored.
    errors: u64,
    /// The first 100 of these.
    record_errors: Vec<RefusedRecord>,
}

impl Shown for RecordsPut {}

impl RecordsPut {
    /// Counts, and what could not be stored.
    pub fn new(entity: &str, counts: Counts, errors: u64, refused: Vec<RefusedRecord>) -> Self {
        let Counts {
            created,
            updated,
            unchanged,
            // A record that is put in is there.
            deleted: _,
        } = counts;
        let stored = u64::try_from(created + updated + unchanged).unwrap_or_default();
        Self {
            entity: entity.to_owned(),
            fetched: stored + errors,
            created,
            updated,
            unchanged,
            errors,
            record_errors: refused,
        }
    }
}

/// A record that could not be stored.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct RefusedRecord {
    /// Where it stands in the body, counted from 1: its line in NDJSON, else its place in the array.
    place: u64,
    /// Its id, where one could be read.
    external_id: Option<String>,
    /// Stable, kebab-case.
    code: String,
    /// What is wrong with it.
    message: String,
}

impl RefusedRecord {
    /// The record at this place, and why.
    pub fn new(place: u64, why: Refused) -> Self {
        let Refused {
            external_id,
            code,
            message,
        } = why;
        Self {
            place,
            external_id,
            code: code.to_owned(),
            message,
        }
    }
}
