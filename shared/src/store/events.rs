//! The log of events: a row is written in the transaction of the change it reports.

use diesel::sql_types::{Array, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, EventId, EventType, TenantId};

/// What append writes.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent {
    /// Whose.
    pub tenant_id: TenantId,
    /// On which connection, if on one.
    pub connection_id: Option<ConnectionId>,
    /// What happened.
    pub event_type: EventType,
    /// To what: the number of a connection, a sync or a run.
    pub subject_id: Uuid,
}

/// Appends events, each with the next number of its tenant. The numbers have no gap: a tenant's next one is held until
/// the transaction ends, so this is its last statement.
///
/// # Errors
/// When the database refuses.
pub async fn append(conn: &mut AsyncPgConnection, new: &[NewEvent]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    fn column<T>(new: &[NewEvent], of: impl Fn(&NewEvent) -> T) -> Vec<T> {
        new.iter().map(of).collect()
    }
    statement(
        "WITH new AS (
             SELECT tenant_id, id, type, connection_id, subject_id,
                    row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS place
             FROM unnest($1, $2, $3, $4, $5) AS new (tenant_id, id, type, connection_id, subject_id)
         ), counted AS (
             INSERT INTO event_counters (tenant_id, last_seq)
             SELECT tenant_id, count(*) FROM new GROUP BY tenant_id ORDER BY tenant_id
             ON CONFLICT (tenant_id) DO UPDATE SET last_seq = event_counters.last_seq + excluded.last_seq
             RETURNING tenant_id, last_seq
         )
         INSERT INTO events (tenant_id, seq, id, type, connection_id, subject_id)
         SELECT tenant_id, last_seq - count(*) OVER (PARTITION BY tenant_id) + place, id, type, connection_id, subject_id
         FROM new JOIN counted USING (tenant_id)",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(column(new, |event| event.tenant_id.uuid()))
    .bind::<Array<diesel::sql_types::Uuid>, _>(column(new, |_| EventId::new().uuid()))
    .bind::<Array<Text>, _>(column(new, |event| event.event_type.as_str()))
    .bind::<Array<Nullable<diesel::sql_types::Uuid>>, _>(column(new, |event| {
        event.connection_id.map(ConnectionId::uuid)
    }))
    .bind::<Array<diesel::sql_types::Uuid>, _>(column(new, |event| event.subject_id))
    .execute(conn)
    .await?;
    Ok(())
}
