//! What is stored of one entity, as a look past the product shows it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::lane::{Played, Stage};
use super::model::{Known, Model};
use super::truth::{Truth, Version};
use crate::same;

/// A stored record.
#[derive(Debug)]
pub struct Row {
    /// `None` of a tombstone.
    pub value: Option<Value>,
    pub change_set: i64,
}

#[derive(Debug, Default)]
pub struct Stored {
    pub rows: BTreeMap<String, Row>,
    /// The ids of open errors, and how many have none.
    pub open: BTreeSet<String>,
    /// Of those: which the sync met.
    met: BTreeSet<String>,
    pub unnamed: i64,
    pub known: Known,
    /// Errors that the sync lists, and records that it did not see any more.
    listed: i64,
    vanished: i64,
}

impl Stored {
    /// After a sync.
    pub async fn of(stage: &Stage<'_>, entity: &str, played: &Played) -> Self {
        let connection: rail_shared::domain::ConnectionId =
            stage.connection.parse().expect("an id");
        let (sync, connection) = (played.id.uuid(), connection.uuid());
        let seen = stage
            .lane
            .rail
            .database
            .ask(&format!(
                "SELECT jsonb_build_object(
                     'rows', (SELECT coalesce(jsonb_object_agg(external_id, jsonb_build_array(
                                                  CASE WHEN deleted_at IS NULL THEN payload END, change_set)), '{{}}')
                              FROM records WHERE stream_id = s.id),
                     'open', (SELECT coalesce(jsonb_agg(external_id), '[]') FROM record_errors
                              WHERE stream_id = s.id AND resolved_at IS NULL),
                     'met', (SELECT coalesce(jsonb_agg(external_id), '[]')
                             FROM sync_record_errors l JOIN record_errors e ON e.id = l.error_id
                             WHERE l.sync_id = '{sync}' AND e.stream_id = s.id AND resolved_at IS NULL),
                     'checkpoint', checkpoint,
                     'vanished', (SELECT vanished FROM sync_entities WHERE sync_id = '{sync}' AND entity = s.entity),
                     'listed', (SELECT count(*) FROM sync_record_errors l JOIN record_errors e ON e.id = l.error_id
                                WHERE l.sync_id = '{sync}' AND e.stream_id = s.id))
                 FROM streams s WHERE connection_id = '{connection}' AND entity = '{entity}'"
            ))
            .await;
        let no_rows = serde_json::Map::new();
        let rows = seen["rows"]
            .as_object()
            .unwrap_or(&no_rows)
            .iter()
            .map(|(id, row)| {
                let value = Some(row[0].clone()).filter(|value| !value.is_null());
                let change_set = row[1].as_i64().expect("a number");
                (id.clone(), Row { value, change_set })
            });
        let ids = |of: &str| seen[of].as_array().cloned().unwrap_or_default();
        let named = |of: &str| {
            let ids = ids(of).into_iter();
            ids.filter_map(|id| id.as_str().map(str::to_owned))
                .collect()
        };
        Self {
            rows: rows.collect(),
            unnamed: ids("open").iter().filter(|id| id.is_null()).count() as i64,
            open: named("open"),
            met: named("met"),
            known: known(&seen["checkpoint"]),
            listed: seen["listed"].as_i64().unwrap_or(0),
            vanished: seen["vanished"].as_i64().unwrap_or(0),
        }
    }

    /// The records that are there.
    pub fn live(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.rows
            .iter()
            .filter_map(|(id, row)| Some((id, row.value.as_ref()?)))
    }

    /// What is true of every sync, whatever befell it.
    pub fn adds_up(&self, before: &Self, stats: &Value, apart: bool) -> Result<(), String> {
        let [created, updated, deleted, unchanged, errors, fetched] = [
            "created",
            "updated",
            "deleted",
            "unchanged",
            "errors",
            "fetched",
        ]
        .map(|name| stats[name].as_i64().unwrap_or(-1));
        same(
            "fetched, by what became of it",
            fetched,
            created + updated + unchanged + errors + deleted - self.vanished,
        )?;
        same("errors, and those listed", errors, self.listed)?;
        let more = if apart { 0 } else { created - deleted };
        same(
            "records more than before",
            self.live().count() as i64 - before.live().count() as i64,
            more,
        )
    }

    /// As a model from which to go on, where `before` was the model.
    pub fn as_model(&self, truth: &Truth, before: &Model) -> Result<Model, String> {
        let open = self.open.iter().map(|id| {
            let place = match before.open.get(id) {
                Some(place) if !self.met.contains(id) => *place,
                // As of now: what a fault spoilt is good in a version that is no newer.
                _ => truth.now(),
            };
            (id.clone(), place)
        });
        let mut model = Model {
            open: open.collect(),
            ..Model::default()
        };
        for (id, row) in &self.rows {
            let version = match &row.value {
                Some(value) => truth
                    .version_of(id, value)
                    .cloned()
                    .ok_or_else(|| format!("{id} never was {value}"))?,
                None => Version {
                    no: truth.now(),
                    at_s: 0,
                    value: None,
                    told: false,
                    bad: false,
                },
            };
            model.rows.insert(id.clone(), version);
        }
        Ok(model)
    }
}

fn known(checkpoint: &Value) -> Known {
    let instant = |value: &Value| {
        let time: Option<DateTime<Utc>> = value.as_str().and_then(|text| text.parse().ok());
        time.map(|time| time.timestamp())
    };
    let spans = checkpoint["coverage"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let span = |span: &Value| {
        (
            instant(&span["from"]).unwrap_or(i64::MIN),
            instant(&span["until"]).unwrap_or(i64::MAX),
        )
    };
    Known {
        through_s: instant(&checkpoint["through"]),
        covered: spans.iter().map(span).collect(),
    }
}
