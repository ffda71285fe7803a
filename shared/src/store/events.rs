//! The log of events: a row is written in the transaction of the change it reports.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, Array, BigInt, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, Event, EventId, EventType, TenantId};

/// What append writes.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent {
    /// Whose.
    pub tenant_id: TenantId,
    /// On which connection, if on one.
    pub connection_id: Option<ConnectionId>,
    /// What happened.
    pub event_type: EventType,
    /// To what: the number of a connection, a sync, a run or a webhook.
    pub subject_id: Uuid,
}

#[derive(QueryableByName)]
struct TenantRow {
    #[diesel(sql_type = sql_types::Uuid)]
    tenant_id: Uuid,
}

/// Appends events, each with the next number of its tenant and with what is known of its subject now. The numbers have no
/// gap: a tenant's next one is held until the transaction ends, so this is its last statement. Returns the tenants whose
/// webhooks are to be [woken](super::webhooks::wake) once the transaction is committed.
///
/// # Errors
/// When the database refuses.
pub async fn append(
    conn: &mut AsyncPgConnection,
    new: &[NewEvent],
) -> Result<Vec<TenantId>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    fn column<T>(new: &[NewEvent], of: impl Fn(&NewEvent) -> T) -> Vec<T> {
        new.iter().map(of).collect()
    }
    let listening: Vec<TenantRow> = statement(
        "WITH new AS (
             SELECT tenant_id, id, type, connection_id, subject_id,
                    row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS place
             FROM unnest($1, $2, $3, $4, $5) AS new (tenant_id, id, type, connection_id, subject_id)
         ), counted AS (
             INSERT INTO event_counters (tenant_id, last_seq)
             SELECT tenant_id, count(*) FROM new GROUP BY tenant_id ORDER BY tenant_id
             ON CONFLICT (tenant_id) DO UPDATE SET last_seq = event_counters.last_seq + excluded.last_seq
             RETURNING tenant_id, last_seq
         ), logged AS (
             INSERT INTO events (tenant_id, seq, id, type, connection_id, subject_id, data, created_at)
             SELECT tenant_id, last_seq - count(*) OVER (PARTITION BY tenant_id) + place, id, type, connection_id, subject_id,
                    coalesce(event_payload(type, subject_id), '{}'),
                    -- When its number is held: the start of the transaction may lie before that of an earlier event's.
                    clock_timestamp()
             FROM new JOIN counted USING (tenant_id)
         )
         SELECT tenant_id FROM counted
         WHERE EXISTS (SELECT FROM webhooks WHERE webhooks.tenant_id = counted.tenant_id AND status = 'ENABLED')",
    )
    .bind::<Array<sql_types::Uuid>, _>(column(new, |event| event.tenant_id.uuid()))
    .bind::<Array<sql_types::Uuid>, _>(column(new, |_| EventId::new().uuid()))
    .bind::<Array<Text>, _>(column(new, |event| event.event_type.as_str()))
    .bind::<Array<Nullable<sql_types::Uuid>>, _>(column(new, |event| {
        event.connection_id.map(ConnectionId::uuid)
    }))
    .bind::<Array<sql_types::Uuid>, _>(column(new, |event| event.subject_id))
    .load(conn)
    .await?;
    Ok(listening
        .into_iter()
        .map(|row| row.tenant_id.into())
        .collect())
}

/// How far a tenant's log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The number of the oldest event that is kept; one more than `last` when none is.
    pub first: i64,
    /// The number of the newest event; 0 before the first.
    pub last: i64,
}

#[derive(QueryableByName)]
struct ReachRow {
    #[diesel(sql_type = BigInt)]
    first: i64,
    #[diesel(sql_type = BigInt)]
    last: i64,
}

/// How far a tenant's log reaches.
///
/// # Errors
/// When the database refuses.
pub async fn reach(conn: &mut AsyncPgConnection, tenant: TenantId) -> Result<Reach, StoreError> {
    let row: ReachRow = statement(
        "SELECT coalesce((SELECT seq FROM events WHERE tenant_id = $1 ORDER BY seq LIMIT 1), last + 1) AS first, last
         FROM (SELECT coalesce((SELECT last_seq FROM event_counters WHERE tenant_id = $1), 0) AS last) AS counted",
    )
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await?;
    let ReachRow { first, last } = row;
    Ok(Reach { first, last })
}

/// On which connection events are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum On {
    /// On any, or on none.
    #[default]
    All,
    /// On this one.
    Connection(ConnectionId),
    /// On none: those of exports and of webhooks.
    None,
}

impl From<Option<ConnectionId>> for On {
    fn from(id: Option<ConnectionId>) -> Self {
        id.map_or(Self::None, Self::Connection)
    }
}

/// Which events a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these types; of all when empty.
    pub types: Vec<EventType>,
    /// On this.
    pub on: On,
}

impl Wanted {
    /// Whether an event is among them.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        let on = match self.on {
            On::All => true,
            On::Connection(id) => event.connection_id == Some(id),
            On::None => event.connection_id.is_none(),
        };
        on && (self.types.is_empty()
            || self
                .types
                .iter()
                .any(|wanted| wanted.as_str() == event.event_type))
    }
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    r#type: String,
    #[diesel(sql_type = Nullable<sql_types::Uuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Uuid)]
    subject_id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    data: Value,
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

impl FoundRow {
    fn event(self) -> Event {
        let Self {
            seq,
            id,
            r#type,
            connection_id,
            subject_id,
            data,
            created_at,
        } = self;
        let mut says = match data {
            Value::Object(says) => says,
            _ => Map::new(),
        };
        // As the table of runs has it: callers know it by another spelling.
        let export_id = says.remove("exportId");
        let export_id = export_id.and_then(|id| id.as_str()?.parse::<Uuid>().ok());
        Event {
            seq,
            id: id.into(),
            event_type: r#type,
            connection_id: connection_id.map(Into::into),
            export_id: export_id.map(Into::into),
            subject_id,
            says,
            created_at,
        }
    }
}

/// A tenant's events with numbers above `after` that are wanted, in their order.
///
/// # Errors
/// When the database refuses.
pub async fn read(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    after: i64,
    wanted: &Wanted,
    at_most: u16,
) -> Result<Vec<Event>, StoreError> {
    let types: Vec<&str> = wanted.types.iter().map(|word| word.as_str()).collect();
    // A text each: an index serves a condition only where the text has it.
    let (sql, connection) = match wanted.on {
        On::All => (
            "SELECT seq, id, type, connection_id, subject_id, data, created_at FROM events
             WHERE tenant_id = $1 AND seq > $2 AND (type = ANY($3) OR $3 = '{}') AND $5 IS NULL
             ORDER BY seq LIMIT $4",
            None,
        ),
        On::Connection(id) => (
            "SELECT seq, id, type, connection_id, subject_id, data, created_at FROM events
             WHERE tenant_id = $1 AND seq > $2 AND (type = ANY($3) OR $3 = '{}') AND connection_id = $5
             ORDER BY seq LIMIT $4",
            Some(id.uuid()),
        ),
        On::None => (
            "SELECT seq, id, type, connection_id, subject_id, data, created_at FROM events
             WHERE tenant_id = $1 AND seq > $2 AND (type = ANY($3) OR $3 = '{}')
               AND connection_id IS NULL AND $5 IS NULL
             ORDER BY seq LIMIT $4",
            None,
        ),
    };
    let rows: Vec<FoundRow> = statement(sql)
        .bind::<sql_types::Uuid, _>(tenant.uuid())
        .bind::<BigInt, _>(after)
        .bind::<Array<Text>, _>(types)
        .bind::<Integer, _>(i32::from(at_most))
        .bind::<Nullable<sql_types::Uuid>, _>(connection)
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(FoundRow::event).collect())
}

#[derive(QueryableByName)]
struct NewsRow {
    #[diesel(sql_type = sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(embed)]
    event: FoundRow,
}

/// The events of several tenants with numbers above those given, in each tenant's order, at most so many of each.
///
/// # Errors
/// When the database refuses.
pub async fn news(
    conn: &mut AsyncPgConnection,
    places: &[(TenantId, i64)],
    at_most_each: u16,
) -> Result<Vec<(TenantId, Event)>, StoreError> {
    let (tenants, seqs): (Vec<Uuid>, Vec<i64>) = places
        .iter()
        .map(|(tenant, seq)| (tenant.uuid(), *seq))
        .unzip();
    let rows: Vec<NewsRow> = statement(
        "SELECT news.* FROM unnest($1, $2) AS place (tenant_id, seq), LATERAL (
             SELECT tenant_id, seq, id, type, connection_id, subject_id, data, created_at FROM events
             WHERE events.tenant_id = place.tenant_id AND events.seq > place.seq ORDER BY seq LIMIT $3
         ) AS news ORDER BY tenant_id, seq",
    )
    .bind::<Array<sql_types::Uuid>, _>(tenants)
    .bind::<Array<BigInt>, _>(seqs)
    .bind::<Integer, _>(i32::from(at_most_each))
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.tenant_id.into(), row.event.event()))
        .collect())
}

/// Forgets events that are older than so many days, the oldest of each tenant first, so that what is kept has no gap; at
/// most so many of each. Returns how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old(
    conn: &mut AsyncPgConnection,
    days: i32,
    at_most_each: i64,
) -> Result<usize, StoreError> {
    Ok(statement(
        "DELETE FROM events USING (
             SELECT old.tenant_id, old.seq FROM event_counters, LATERAL (
                 SELECT tenant_id, seq, bool_and(created_at < now() - $1 * interval '1 day') OVER (ORDER BY seq) AS old
                 FROM (SELECT * FROM events WHERE events.tenant_id = event_counters.tenant_id ORDER BY seq LIMIT $2) AS first
             ) AS old WHERE old.old
         ) AS old WHERE events.tenant_id = old.tenant_id AND events.seq = old.seq",
    )
    .bind::<Integer, _>(days)
    .bind::<BigInt, _>(at_most_each)
    .execute(conn)
    .await?)
}
