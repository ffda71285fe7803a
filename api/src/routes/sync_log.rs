//! The log of a sync.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{ConnectionId, SyncId};
use rail_shared::store::{sync_log, syncs};

use super::{BASE, Tag};
use crate::http::answer::Listed;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{ListsWithin, Refusal};
use crate::schemas::cursor::{default_limit, next, position};
use crate::schemas::sync_log::{LogEntry, LogPosition};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on logs of syncs.
#[derive(Debug, Default)]
pub struct SyncLog;

#[OpenApi(prefix_path = BASE, tag = "Tag::Syncs")]
impl SyncLog {
    /// Read the log of a sync.
    ///
    /// What it did, oldest first: how its attempts began and ended, what each commit brought, what it waited for. Of the
    /// commits of a long sync the last thousand stand one by one, and one entry for those before.
    #[oai(
        path = "/connections/:connectionId/sync/:syncId/log",
        method = "get",
        operation_id = "readSyncLog"
    )]
    async fn read(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Of which sync.
        #[oai(name = "syncId")]
        sync_id: Path<Id<SyncId>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<LogEntry>, Refusal<ListsWithin>> {
        let after: Option<LogPosition> = position(cursor.0.as_deref())?;
        let (tenant, connection) = (caller.tenant(), connection_id.0.0);
        let mut conn = api.store.connect().await?;
        let found = syncs::find(&mut conn, tenant, connection, sync_id.0.0).await?;
        let sync = found.ok_or_else(|| Problem::not_found("sync"))?.asked.id;
        let after = after.map(|position| position.0);
        let listed = sync_log::of_sync(&mut conn, sync, after, limit.0).await?;
        let next = next(&listed, |row| LogPosition(row.position()));
        Ok(Listed::of(listed.rows, next))
    }
}
