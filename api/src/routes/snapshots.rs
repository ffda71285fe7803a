//! Snapshots of a connection.

use std::collections::BTreeMap;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{ConnectionId, SnapshotId};
use rail_shared::store::snapshots::{self, Differences, PartRow, Snapshot as Row};
use rail_shared::store::{Transaction, audit};

use super::{BASE, Tag};
use crate::connections;
use crate::http::answer::{Done, Found, Listed};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Finds, ListsWithin, Refusal};
use crate::schemas::cursor::{ExternalId, default_limit, next, page_ask, position};
use crate::schemas::snapshot::{
    Compared, Snapshot, SnapshotComparison, SnapshotDifference, SnapshotRecord,
};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on snapshots.
#[derive(Debug, Default)]
pub struct Snapshots;

#[OpenApi(prefix_path = BASE, tag = "Tag::Snapshots")]
impl Snapshots {
    /// List the snapshots of a connection.
    ///
    /// Newest first. A snapshot is made by a sync with mode SNAPSHOT and listed once that is COMPLETED: there are no half ones.
    #[oai(
        path = "/connections/:connectionId/snapshots",
        method = "get",
        operation_id = "listSnapshots"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Snapshot>, Refusal<ListsWithin>> {
        let ask = page_ask::<SnapshotId>(limit.0, cursor.0.as_deref())?;
        let mut conn = api.store.connect().await?;
        let connection = connections::find(&mut conn, &caller, connection_id.0.0).await?;
        let listed = snapshots::list(&mut conn, caller.tenant(), connection.id, ask).await?;
        let next = next(&listed, |snapshot| snapshot.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get a snapshot.
    ///
    /// How many records it holds of each entity, and a digest of them.
    #[oai(
        path = "/connections/:connectionId/snapshots/:snapshotId",
        method = "get",
        operation_id = "getSnapshot"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which snapshot; its id ends as that of the sync that made it.
        #[oai(name = "snapshotId")]
        snapshot_id: Path<Id<SnapshotId>>,
    ) -> Result<Found<Snapshot>, Refusal<Finds>> {
        let mut view = api.store.glance().await?;
        let found = find(&mut view, &caller, connection_id.0.0, snapshot_id.0.0).await?;
        view.commit().await?;
        Ok(Found::new(found))
    }

    /// Delete a snapshot.
    ///
    /// It is gone at once; what only it held is reclaimed within minutes.
    #[oai(
        path = "/connections/:connectionId/snapshots/:snapshotId",
        method = "delete",
        operation_id = "deleteSnapshot"
    )]
    async fn delete(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which snapshot.
        #[oai(name = "snapshotId")]
        snapshot_id: Path<Id<SnapshotId>>,
    ) -> Result<Done, Refusal<Finds>> {
        let (connection, id) = (connection_id.0.0, snapshot_id.0.0);
        let mut transaction = api.store.begin().await?;
        if !snapshots::delete(&mut transaction, caller.tenant(), connection, id).await? {
            return Err(Problem::not_found("snapshot").into());
        }
        let subject = id.to_string();
        audit::write(
            &mut transaction,
            caller.actor(),
            "snapshot.delete",
            &subject,
        )
        .await?;
        transaction.commit().await?;
        Ok(Done)
    }

    /// List the records of a snapshot.
    ///
    /// Of one entity, in the order of the bytes of their ids: the order in which the digest takes them.
    #[oai(
        path = "/connections/:connectionId/snapshots/:snapshotId/records/:entity",
        method = "get",
        operation_id = "listSnapshotRecords"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn records(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which snapshot.
        #[oai(name = "snapshotId")]
        snapshot_id: Path<Id<SnapshotId>>,
        /// Which entity, as the snapshot lists them.
        entity: Path<String>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<SnapshotRecord>, Refusal<ListsWithin>> {
        let after = after(cursor.0.as_deref())?;
        // Found and read as of one instant: while it is being deleted, it is either whole or not there.
        let mut view = api.store.glance().await?;
        let found = find(&mut view, &caller, connection_id.0.0, snapshot_id.0.0).await?;
        let part = part_of(&found, &entity.0)?.part();
        let listed = snapshots::page(&mut view, part, &after, limit.0).await?;
        view.commit().await?;
        let next = next(&listed, |row| row.external_id.clone());
        Ok(Listed::of(listed.rows, next))
    }

    /// Compare two snapshots.
    ///
    /// Counts, for each entity that both hold, the records that were added, changed and removed from one to the other.
    /// Entities with the same digest cost nothing; others are read whole.
    #[oai(
        path = "/connections/:connectionId/snapshots/:snapshotId/compare/:otherId",
        method = "get",
        operation_id = "compareSnapshots"
    )]
    async fn compare(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// The earlier snapshot.
        #[oai(name = "snapshotId")]
        snapshot_id: Path<Id<SnapshotId>>,
        /// The later snapshot.
        #[oai(name = "otherId")]
        other_id: Path<Id<SnapshotId>>,
    ) -> Result<Found<SnapshotComparison>, Refusal<Finds>> {
        let mut view = api.store.view().await?;
        let before = find(&mut view, &caller, connection_id.0.0, snapshot_id.0.0).await?;
        let after = find(&mut view, &caller, connection_id.0.0, other_id.0.0).await?;
        let compared = compared(&mut view, &before, &after).await?;
        view.commit().await?;
        Ok(Found::new(compared))
    }

    /// List what changed between two snapshots.
    ///
    /// The records of one entity that differ, by id, each as it was and as it is.
    #[oai(
        path = "/connections/:connectionId/snapshots/:snapshotId/compare/:otherId/records/:entity",
        method = "get",
        operation_id = "listSnapshotDifferences"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn differences(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// The earlier snapshot.
        #[oai(name = "snapshotId")]
        snapshot_id: Path<Id<SnapshotId>>,
        /// The later snapshot.
        #[oai(name = "otherId")]
        other_id: Path<Id<SnapshotId>>,
        /// Which entity, of those that both hold.
        entity: Path<String>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<SnapshotDifference>, Refusal<ListsWithin>> {
        let after_id = after(cursor.0.as_deref())?;
        let mut view = api.store.glance().await?;
        let before = find(&mut view, &caller, connection_id.0.0, snapshot_id.0.0).await?;
        let after = find(&mut view, &caller, connection_id.0.0, other_id.0.0).await?;
        let before = part_of(&before, &entity.0)?.part();
        let after = part_of(&after, &entity.0)?.part();
        let listed = snapshots::differences(&mut view, before, after, &after_id, limit.0).await?;
        view.commit().await?;
        let next = next(&listed, |row| row.external_id.clone());
        Ok(Listed::of(listed.rows, next))
    }
}

async fn find(
    view: &mut Transaction,
    caller: &Caller,
    connection: ConnectionId,
    id: SnapshotId,
) -> Result<Row, Problem> {
    let found = snapshots::find(view, caller.tenant(), Some(connection), id).await?;
    found.ok_or_else(|| Problem::not_found("snapshot"))
}

fn part_of<'a>(snapshot: &'a Row, entity: &str) -> Result<&'a PartRow, Problem> {
    let part = snapshot.parts.iter().find(|part| part.entity == entity);
    part.ok_or_else(|| Problem::not_found("entity"))
}

fn after(cursor: Option<&str>) -> Result<String, Problem> {
    let after: Option<ExternalId> = position(cursor)?;
    Ok(after.map(|id| id.0).unwrap_or_default())
}

async fn compared(view: &mut Transaction, before: &Row, after: &Row) -> Result<Compared, Problem> {
    let mut entities = BTreeMap::new();
    let mut not_compared = Vec::new();
    for was in &before.parts {
        let Ok(is) = part_of(after, &was.entity) else {
            not_compared.push(was.entity.clone());
            continue;
        };
        let differences = if was.digest == is.digest {
            Differences {
                unchanged: is.records,
                ..Differences::default()
            }
        } else {
            snapshots::count_differences(view, was.part(), is.part()).await?
        };
        entities.insert(is.entity.clone(), differences);
    }
    let only_after = after.parts.iter().map(|part| &part.entity);
    not_compared.extend(
        only_after
            .filter(|entity| part_of(before, entity).is_err())
            .cloned(),
    );
    not_compared.sort();
    Ok(Compared {
        before: before.id,
        after: after.id,
        entities,
        not_compared,
    })
}
