//! The feed of changes of an entity: every record at its latest change, in the order in which changes were committed.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::StoreError;
use super::reading::RecordRow;
use super::statement::statement;
use crate::domain::{ChangeKind, ConnectionId, TenantId};

/// Change sets that one look takes in: many may hold no record any more, and a look is to be short all the same.
const SETS_A_LOOK: i64 = 250;

/// What is said of a record and how far the feed goes belong together. And a look ends where its page does: change sets come
/// in their order, so each is sorted by itself (an incremental sort, which the setting leaves as the only one); sorted as a
/// whole, all records of [`SETS_A_LOOK`] would be read for every page.
const ONE_VIEW: &str =
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL enable_sort = off";

/// Where a consumer of the feed stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangePlace {
    /// The number of the change set up to which it had everything when it last had read to the end; 0 before that.
    pub since: i64,
    /// The number of the change set it is in.
    pub seq: i64,
    /// The record in it after which it goes on; empty before the first.
    pub external_id: String,
}

/// A record at its latest change.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened to it since the consumer last had read to the end.
    pub kind: ChangeKind,
    /// The record.
    pub record: RecordRow,
}

/// A part of the feed.
#[derive(Debug, Clone)]
pub struct Changes {
    /// What changed, in order.
    pub rows: Vec<Change>,
    /// Where to go on.
    pub next: ChangePlace,
    /// Whether there is more already.
    pub more: bool,
}

#[derive(QueryableByName)]
struct Head {
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    upto: i64,
}

#[derive(QueryableByName)]
struct StreamOf {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Bool)]
    is_new: bool,
    #[diesel(embed)]
    record: RecordRow,
}

/// What changed after a place; `None` for a place that the feed has not reached: it is another feed's, or the database
/// was set back. To be called in a transaction, as its first verb.
///
/// # Errors
/// When the database refuses.
pub async fn read(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    connection: Option<ConnectionId>,
    from: &ChangePlace,
    limit: u16,
) -> Result<Option<Changes>, StoreError> {
    conn.batch_execute(ONE_VIEW).await?;
    let stream = match connection {
        Some(connection) => Some(stream_of(conn, tenant, entity, connection).await?),
        None => None,
    };
    let Some(head) = head(conn, tenant, entity, stream, from).await? else {
        let nothing = Changes {
            rows: Vec::new(),
            next: from.clone(),
            more: false,
        };
        return Ok((*from == ChangePlace::default()).then_some(nothing));
    };
    if from.seq > head.last_seq + 1 || from.since > head.last_seq {
        return Ok(None);
    }
    let mut found = found(conn, tenant, entity, stream, from, limit).await?;
    let overflows = found.len() > usize::from(limit);
    found.truncate(usize::from(limit));
    let next = match found.last().filter(|_| overflows) {
        Some(last) => ChangePlace {
            since: from.since,
            seq: last.seq,
            external_id: last.record.external_id.clone(),
        },
        None => ChangePlace {
            since: if head.upto == head.last_seq {
                head.upto
            } else {
                from.since
            },
            seq: head.upto + 1,
            external_id: String::new(),
        },
    };
    Ok(Some(Changes {
        rows: found.into_iter().map(Change::from).collect(),
        next,
        more: overflows || head.upto < head.last_seq,
    }))
}

impl From<Found> for Change {
    fn from(found: Found) -> Self {
        let kind = if found.record.deleted_at.is_some() {
            ChangeKind::Deleted
        } else if found.is_new {
            ChangeKind::Added
        } else {
            ChangeKind::Updated
        };
        Self {
            kind,
            record: found.record,
        }
    }
}

/// The stream of an entity on a connection; a number that no stream has where there is none.
async fn stream_of(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    connection: ConnectionId,
) -> Result<i64, StoreError> {
    let stream: Option<StreamOf> = statement(
        "SELECT id FROM streams WHERE tenant_id = $1 AND entity = $2 AND connection_id = $3",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .get_result(conn)
    .await
    .optional()?;
    Ok(stream.map_or(0, |stream| stream.id))
}

/// How far the feed goes, and how far this look does.
async fn head(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    stream: Option<i64>,
    from: &ChangePlace,
) -> Result<Option<Head>, StoreError> {
    macro_rules! head {
        ($of:literal) => {
            concat!(
                "SELECT last_seq, coalesce((
                     SELECT seq FROM change_sets WHERE ",
                $of,
                " AND seq >= $3 ORDER BY seq OFFSET $4 - 1 LIMIT 1
                 ), last_seq) AS upto
                 FROM change_counters WHERE tenant_id = $1 AND entity = $2"
            )
        };
    }
    let sql = match stream {
        Some(_) => head!("stream_id = $5"),
        None => head!("$5::bigint IS NULL AND tenant_id = $1 AND entity = $2"),
    };
    Ok(statement(sql)
        .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
        .bind::<Text, _>(entity)
        .bind::<BigInt, _>(from.seq)
        .bind::<BigInt, _>(SETS_A_LOOK)
        .bind::<Nullable<BigInt>, _>(stream)
        .get_result(conn)
        .await
        .optional()?)
}

/// The records of as many change sets as a look takes in; one more than asked for where there are more.
///
/// A record is new to a consumer if the change set that brought it came after `since`. Where that one was removed meanwhile,
/// its number is not known any more, but it was no greater than `pruned_to`.
async fn found(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    stream: Option<i64>,
    from: &ChangePlace,
    limit: u16,
) -> Result<Vec<Found>, StoreError> {
    // Set by set, and within each by id: what follows the limit is not looked at.
    macro_rules! found {
        ($of:literal) => {
            concat!(
                "SELECT page.*, s.connection_id,
                        page.first_change_set = page.change_set OR coalesce(f.seq > $7, k.pruned_to > $7) AS is_new
                 FROM (
                     SELECT c.seq, c.sync_id, r.*
                     FROM (SELECT id, seq, sync_id FROM change_sets
                           WHERE ", $of, " AND seq >= $3 ORDER BY seq LIMIT $4) c
                     CROSS JOIN LATERAL (
                         SELECT stream_id, external_id, payload, source_created_at, source_updated_at, changed_at,
                                deleted_at, change_set, first_change_set
                         FROM records
                         WHERE change_set = c.id AND external_id > CASE WHEN c.seq = $3 THEN $5 ELSE '' END
                         ORDER BY external_id LIMIT $6
                     ) r
                     ORDER BY c.seq, r.external_id LIMIT $6
                 ) page
                 JOIN streams s ON s.id = page.stream_id
                 JOIN change_counters k ON k.tenant_id = $1 AND k.entity = $2
                 LEFT JOIN change_sets f ON f.id = page.first_change_set
                 ORDER BY page.seq, page.external_id"
            )
        };
    }
    let sql = match stream {
        Some(_) => found!("stream_id = $8"),
        None => found!("$8::bigint IS NULL AND tenant_id = $1 AND entity = $2"),
    };
    Ok(statement(sql)
        .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
        .bind::<Text, _>(entity)
        .bind::<BigInt, _>(from.seq)
        .bind::<BigInt, _>(SETS_A_LOOK)
        .bind::<Text, _>(&from.external_id)
        .bind::<BigInt, _>(i64::from(limit) + 1)
        .bind::<BigInt, _>(from.since)
        .bind::<Nullable<BigInt>, _>(stream)
        .load(conn)
        .await?)
}

/// How far a round of [`prune`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Pruned {
    /// The last change set it looked at; `None` when there are no more.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last: Option<i64>,
    /// How many it removed.
    #[diesel(sql_type = BigInt)]
    pub removed: i64,
}

/// Removes change sets that no record belongs to any more, older than an hour: of the next `at_most` after the one of this
/// id. Their numbers stay away, which no cursor minds. To be called in a transaction; does nothing while another one prunes.
///
/// # Errors
/// When the database refuses.
pub async fn prune(
    conn: &mut AsyncPgConnection,
    after: i64,
    at_most: i64,
) -> Result<Pruned, StoreError> {
    #[derive(QueryableByName)]
    struct Turn {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let turn: Turn = statement(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('prune change sets', 0)) AS taken",
    )
    .get_result(conn)
    .await?;
    if !turn.taken {
        return Ok(Pruned {
            last: None,
            removed: 0,
        });
    }
    Ok(statement(
        "WITH looked AS MATERIALIZED (
             SELECT id FROM change_sets WHERE id > $1 AND at < now() - interval '1 hour' ORDER BY id LIMIT $2
         ), removed AS (
             DELETE FROM change_sets c USING looked l
             WHERE c.id = l.id
               AND NOT EXISTS (SELECT FROM records r WHERE r.change_set = l.id)
             RETURNING c.tenant_id, c.entity, c.seq
         ), noted AS (
             UPDATE change_counters k SET pruned_to = greatest(k.pruned_to, n.seq)
             FROM (SELECT tenant_id, entity, max(seq) AS seq FROM removed GROUP BY tenant_id, entity) n
             WHERE k.tenant_id = n.tenant_id AND k.entity = n.entity
             RETURNING 1
         )
         SELECT (SELECT max(id) FROM looked) AS last, (SELECT count(*) FROM removed) AS removed",
    )
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(at_most)
    .get_result(conn)
    .await?)
}
