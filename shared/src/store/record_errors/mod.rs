//! Record errors: what could not be stored of a vendor's records. A row stays open, however often syncs meet it, until a
//! later version of the record is stored or the record is gone; which syncs counted it is in `sync_record_errors`.

mod list;
mod note;
mod retry;

pub use list::{
    Only, Payload, RecordErrorRow, find, of_connection, of_own, of_sync, payload, payload_of_own,
};
pub(super) use note::resolve_unmet;
pub use note::{ErrorPlace, NewRecordError, Seen, are_open, note, resolve, resolve_these};
pub use retry::{
    KeptError, Retriable, kept, kept_of_record, left_by_walk, retriable, retriable_one,
};

use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::statement::statement;

/// Of a record, no more bytes than this are kept.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// How long the bytes of an error are kept after it was last met.
pub const PAYLOADS_KEPT_DAYS: i64 = 30;

/// Empties payloads of errors that were not met for [`PAYLOADS_KEPT_DAYS`], the oldest first; the rows stay. Returns how
/// many.
///
/// # Errors
/// When the database refuses.
pub async fn empty_old_payloads(
    conn: &mut AsyncPgConnection,
    at_most: i64,
) -> Result<usize, StoreError> {
    Ok(statement(
        "UPDATE record_errors SET payload = NULL WHERE id IN (
             SELECT id FROM record_errors
             WHERE payload IS NOT NULL AND last_seen_at < now() - $1 * interval '1 day'
             ORDER BY last_seen_at LIMIT $2 FOR UPDATE SKIP LOCKED
         )",
    )
    .bind::<BigInt, _>(PAYLOADS_KEPT_DAYS)
    .bind::<BigInt, _>(at_most)
    .execute(conn)
    .await?)
}
