//! The operations, one file per group of them in the document.

mod api_keys;
mod authorization;
mod budgets;
mod connections;
mod connectors;
mod entities;
mod event_stream;
mod events;
mod export_schedules;
mod exports;
mod files;
mod health;
mod jobs;
mod record_errors;
pub mod records;
mod runs;
mod snapshots;
mod sync_log;
mod syncs;
mod vendor_webhooks;
mod webhook_deliveries;
mod webhooks;

use poem_openapi::Tags;

/// Where the operations begin.
pub const BASE: &str = "/api/v1/integrations";
/// Where vendors send persons back, below it.
pub const CALLBACK: &str = "/oauth/callback";

/// All operations, in groups: poem-openapi takes up to sixteen at once.
pub type Routes = (
    (
        connectors::Connectors,
        connections::Connections,
        authorization::Authorization,
        vendor_webhooks::VendorWebhooks,
        entities::Entities,
        budgets::Budgets,
    ),
    (
        syncs::Syncs,
        snapshots::Snapshots,
        sync_log::SyncLog,
        record_errors::RecordErrors,
    ),
    (
        exports::Exports,
        export_schedules::ExportSchedules,
        runs::Runs,
        files::Files,
    ),
    (
        events::Events,
        event_stream::EventStream,
        webhooks::Webhooks,
        webhook_deliveries::WebhookDeliveries,
    ),
    (
        jobs::Jobs,
        records::Records,
        api_keys::ApiKeys,
        health::Health,
    ),
);

/// What operations are about.
#[derive(Tags)]
enum Tag {
    /// The outside systems that can be connected.
    Connectors,
    /// Connectors with credentials and settings.
    Connections,
    /// What vendors tell of changes.
    #[oai(rename = "Vendors' webhooks")]
    VendorWebhooks,
    /// Runs that copy records of a connection into the rail.
    Syncs,
    /// Records that could not be stored, and trying them again.
    #[oai(rename = "Record errors")]
    RecordErrors,
    /// What was synced.
    Records,
    /// Immutable copies of what a connection holds, made by SNAPSHOT syncs, and what changed between two.
    Snapshots,
    /// Files written from records, on request or by schedule.
    Exports,
    /// What happened, in an order without gaps.
    Events,
    /// Where events are sent to.
    Webhooks,
    /// The work behind syncs and runs: what waits, runs and failed.
    Jobs,
    /// Keys to this API.
    #[oai(rename = "API keys")]
    ApiKeys,
    /// Whether this process can work.
    Health,
}
