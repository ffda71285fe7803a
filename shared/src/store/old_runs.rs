//! Runs of exports that ended long ago.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::RunId;

#[derive(QueryableByName)]
struct LastRow {
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    last: Option<Uuid>,
}

/// Forgets runs, with their jobs, that ended before this instant, among the next `at_most` after one. Returns the last that
/// was looked at; `None` when there are no more. The newest run of an export that completed stays: the next incremental run
/// begins where it ended. Files are not touched.
///
/// # Errors
/// When the database refuses.
pub async fn forget(
    conn: &mut AsyncPgConnection,
    after: Option<RunId>,
    ended_before: DateTime<Utc>,
    at_most: i64,
) -> Result<Option<RunId>, StoreError> {
    let row: LastRow = statement(
        "WITH page AS MATERIALIZED (
             SELECT id, export_id, row_number() OVER (ORDER BY id) AS place
             FROM (SELECT id, export_id FROM export_runs WHERE id > $1 ORDER BY id LIMIT $3) next
         ), forgotten AS (
             DELETE FROM jobs j USING page r
             WHERE j.id = r.id AND j.state IN ('COMPLETED', 'FAILED', 'CANCELLED') AND j.finished_at < $2
               AND (j.state <> 'COMPLETED' OR EXISTS (
                   SELECT FROM export_runs newer JOIN jobs n ON n.id = newer.id
                   WHERE newer.export_id = r.export_id AND newer.id > r.id AND n.state = 'COMPLETED'))
         )
         SELECT (SELECT id FROM page WHERE place = $3) AS last",
    )
    .bind::<diesel::sql_types::Uuid, _>(after.map_or(Uuid::nil(), RunId::uuid))
    .bind::<Timestamptz, _>(ended_before)
    .bind::<BigInt, _>(at_most)
    .get_result(conn)
    .await?;
    Ok(row.last.map(Into::into))
}
