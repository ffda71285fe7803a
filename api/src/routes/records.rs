//! Records.

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::ConnectionId;
use rail_shared::store::reading::{self, Deleted, RecordAsk};

use super::{BASE, Tag};
use crate::answer::Listed;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::refusal::{ListsWithin, Refusal};
use crate::schemas::cursor::{cursor as cursor_of, default_limit, position};
use crate::schemas::record::{Record, RecordPlace};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on records.
#[derive(Debug)]
pub struct Records;

#[OpenApi(prefix_path = BASE, tag = "Tag::Records")]
impl Records {
    /// List the records of an entity.
    ///
    /// As the vendors sent them, in a fixed order. To follow changes, remember when you began a walk and ask for
    /// `updatedSince` that moment less five minutes in the next, with `includeDeleted=true`: a change shows the time at
    /// which its batch began to be written, so the same record may come twice, and none is missed.
    #[oai(
        path = "/records/:entity",
        method = "get",
        operation_id = "listRecords"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which entity, as connectors list them.
        entity: Path<String>,
        /// Only of this connection.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
        /// Only what a sync changed here at or after this instant.
        #[oai(name = "updatedSince")]
        updated_since: Query<Option<DateTime<Utc>>>,
        /// Whether records that were found gone are shown too.
        #[oai(name = "includeDeleted", default)]
        include_deleted: Query<bool>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Record>, Refusal<ListsWithin>> {
        if !api.catalogue.knows_entity(&entity.0) {
            return Err(Problem::not_found("entity").into());
        }
        let after: Option<RecordPlace> = position(cursor.0.as_deref())?;
        let ask = RecordAsk {
            connection_id: connection_id.0.map(|id| id.0),
            // Nothing was synced before computers counted time, and Postgres counts back less far than a caller may.
            updated_since: updated_since.0.map(|since| since.max(DateTime::UNIX_EPOCH)),
            deleted: if include_deleted.0 {
                Deleted::Shown
            } else {
                Deleted::Hidden
            },
            after: after.map(|place| (place.stream_id, place.external_id)),
            limit: limit.0,
        };
        let mut rows = reading::list(
            &mut *api.store.connect().await?,
            caller.tenant(),
            &entity.0,
            &ask,
        )
        .await?;
        let more = rows.len() > usize::from(limit.0);
        rows.truncate(usize::from(limit.0));
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| {
            cursor_of(RecordPlace {
                stream_id: row.stream_id,
                external_id: row.external_id.clone(),
            })
        });
        Ok(Listed::of(rows, next))
    }
}
