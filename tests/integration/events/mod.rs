//! The log of events, and its stream.

mod log;
mod stream;

use rail_shared::domain::{EventType, TenantId};
use rail_shared::store::Store;
use rail_shared::store::events::{self, NewEvent};
use rail_tests::harness::Rail;
use serde_json::Value;

/// The only tenant.
async fn tenant(rail: &Rail) -> TenantId {
    let id = rail.database.ask("SELECT to_jsonb(id) FROM tenants").await;
    let id: uuid::Uuid = id.as_str().unwrap().parse().unwrap();
    id.into()
}

/// Something of which nothing is known.
fn happened(tenant_id: TenantId, event_type: EventType) -> NewEvent {
    NewEvent {
        tenant_id,
        connection_id: None,
        event_type,
        subject_id: uuid::Uuid::now_v7(),
    }
}

/// Appends so many events, in one transaction.
async fn append(store: &Store, tenant: TenantId, count: usize) {
    let new: Vec<NewEvent> = (0..count)
        .map(|_| happened(tenant, EventType::ExportCompleted))
        .collect();
    let mut transaction = store.begin().await.unwrap();
    events::append(&mut transaction, &new).await.unwrap();
    transaction.commit().await.unwrap();
}

fn sequences(rows: &Value) -> Vec<i64> {
    let rows = rows.as_array().unwrap();
    rows.iter()
        .map(|event| event["sequence"].as_i64().unwrap())
        .collect()
}
