//! Connections on the wire, as they are answered.

use std::time::Duration;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use rail_shared::connectors::TestReport;
use rail_shared::domain::{ConnectionId, ConnectionStatus, Failure, FailureKind};
use rail_shared::store::connections::ConnectionRow;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

use super::connection_asked::fraction;
use super::wire::{AnyObject, Id, Word, wire};
use crate::http::answer::{Shown, Tagged};

/// A connector with credentials and settings. The credentials are never answered.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Connection {
    /// Identity.
    connection_id: Id<ConnectionId>,
    /// Which connector.
    connector_id: String,
    /// What its owner calls it.
    name: String,
    /// Where it stands.
    status: Word<ConnectionStatus>,
    /// Why it is not ACTIVE.
    status_reason: Option<String>,
    /// Its settings.
    config: ConnectionConfig,
    /// When a sync last completed.
    last_sync_at: Option<DateTime<Utc>>,
    /// How it syncs by itself.
    schedule: SyncSchedule,
    /// Where the vendor's webhooks are to go; null where the vendor signs none.
    webhook_url: Option<String>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl Shown for Connection {
    const TAGGED: Tagged = Tagged::Yes;
}

/// How a connection syncs by itself.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct SyncSchedule {
    /// When it does next; null while `autoSync` is off, or its status does not let it.
    next_sync_at: Option<DateTime<Utc>>,
    /// How many of its scheduled syncs in a row ended FAILED. Any sync that completes, and any change of its settings or
    /// credentials, begins anew.
    consecutive_failures: i32,
    /// Whether it waits longer than `syncInterval` because of them: twice as long after each, up to a day.
    backed_off: bool,
}

impl SyncSchedule {
    fn of(
        status: ConnectionStatus,
        next_sync_at: Option<DateTime<Utc>>,
        consecutive_failures: i32,
    ) -> Self {
        let next_sync_at = next_sync_at.filter(|_| match status {
            ConnectionStatus::Active | ConnectionStatus::Error => true,
            ConnectionStatus::PendingAuthorization
            | ConnectionStatus::ReauthRequired
            | ConnectionStatus::Paused => false,
        });
        Self {
            next_sync_at,
            consecutive_failures,
            backed_off: next_sync_at.is_some() && consecutive_failures > 0,
        }
    }
}

/// The settings of a connection: those of every connection, and its connector's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionConfig {
    sync_interval: Option<String>,
    auto_sync: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_delete_fraction: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_error_rate: Option<f64>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

wire!([] ConnectionConfig, "ConnectionConfig", MetaSchemaRef::Inline(Box::new(MetaSchema {
    properties: vec![
        ("syncInterval", MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("How often it syncs by itself, for example `15m`."),
            nullable: true,
            ..MetaSchema::new("string")
        }))),
        ("autoSync", MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("Whether it syncs by itself."),
            ..MetaSchema::new("boolean")
        }))),
        ("maxDeleteFraction", fraction("The greatest part of an entity that a sync may delete unasked; 0.3 when not shown.")),
        ("maxErrorRate", fraction("The greatest part of an entity that may be impossible to store; any when not shown.")),
    ],
    required: vec!["syncInterval", "autoSync"],
    additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
    ..MetaSchema::new("object")
})), |_| {});

impl Connection {
    /// A row, and where its vendor's webhooks go.
    pub fn of(row: ConnectionRow, webhook_url: Option<String>) -> Self {
        let ConnectionRow {
            id,
            tenant_id: _,
            connector_id,
            name,
            status,
            status_reason,
            sealed_credentials: _,
            sealed_by: _,
            settings,
            sync_interval,
            auto_sync,
            next_sync_at,
            last_sync_at,
            max_delete_fraction,
            max_error_rate,
            consecutive_failures,
            version: _,
            created_at,
            updated_at,
        } = row;
        let AnyObject(settings) = settings.into();
        Self {
            connection_id: Id(id),
            connector_id,
            name,
            status: Word(status),
            status_reason,
            config: ConnectionConfig {
                sync_interval,
                auto_sync,
                max_delete_fraction,
                max_error_rate,
                settings,
            },
            last_sync_at,
            schedule: SyncSchedule::of(status, next_sync_at, consecutive_failures),
            webhook_url,
            created_at,
            updated_at,
        }
    }
}

/// Whether a connection works.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct ConnectionTest {
    /// Whether a sync of every entity would be let in.
    success: bool,
    /// How long the vendor took to answer, in milliseconds.
    latency: u64,
    /// The version of the vendor's API, where it says.
    version: Option<String>,
    /// What the credentials may do.
    permissions: Vec<String>,
    /// Why it does not work.
    error: Option<TestError>,
}

impl Shown for ConnectionTest {}

/// Why a connection does not work.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct TestError {
    /// What went wrong.
    code: Word<FailureKind>,
    /// What happened and what to do.
    detail: String,
    /// What a sync of every entity needs and the credentials may not do.
    missing_permissions: Vec<String>,
}

impl From<TestReport> for ConnectionTest {
    fn from(report: TestReport) -> Self {
        let TestReport {
            latency_ms,
            version,
            permissions,
            missing_permissions,
        } = report;
        let error = (!missing_permissions.is_empty()).then(|| TestError {
            code: Word(FailureKind::PermissionDenied),
            detail: format!(
                "The credentials are accepted but lack {}.",
                missing_permissions.join(", ")
            ),
            missing_permissions,
        });
        Self {
            success: error.is_none(),
            latency: latency_ms,
            version,
            permissions,
            error,
        }
    }
}

impl ConnectionTest {
    /// A test that failed after so long.
    pub fn failed(failure: Failure, took: Duration) -> Self {
        let Failure {
            kind,
            message,
            origin: _,
            retryable: _,
            retry_after: _,
        } = failure;
        Self {
            success: false,
            latency: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            version: None,
            permissions: Vec::new(),
            error: Some(TestError {
                code: Word(kind),
                detail: message,
                missing_permissions: Vec::new(),
            }),
        }
    }
}
