//! Records.

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::connectors::OwnRules;
use rail_shared::domain::{ConnectionId, Faults, Filter, TenantId, is_entity_name};
use rail_shared::store::changes;
use rail_shared::store::reading::{self, Deleted, RecordAsk};
use rail_shared::store::{Conn, audit, own_records};
use serde_json::Value;

use super::{BASE, Tag};
use crate::http::answer::{Done, Followed, Found, Listed};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Feeds, ListsWithin, Refusal};
use crate::http::shapes::find_nul;
use crate::records::{self, Pushed, may_have};
use crate::schemas::change::{Change, FeedPlace};
use crate::schemas::cursor::{cursor as cursor_of, default_limit, next, position};
use crate::schemas::record::{Record, RecordPlace};
use crate::schemas::records_put::RecordsPut;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on records.
#[derive(Debug, Default)]
pub struct Records;

#[OpenApi(prefix_path = BASE, tag = "Tag::Records")]
impl Records {
    /// List the records of an entity.
    ///
    /// As the vendors sent them, in a fixed order. Whoever wants to know what changed follows
    /// `GET /records/{entity}/changes` instead: that costs what changed, not what is there.
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
        /// Which entity: one that a connector lists, or one that records were put in of.
        entity: Path<String>,
        /// Only of this connection.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
        /// Only what changed here at or after this instant: its batch began to be written then.
        #[oai(name = "updatedSince")]
        updated_since: Query<Option<DateTime<Utc>>>,
        /// Whether records that were found gone are shown too.
        #[oai(name = "includeDeleted", default)]
        include_deleted: Query<bool>,
        /// Only the records it takes: a filter as exports have it, as JSON, such as
        /// `{"status":"ACTIVE","total":{"gte":10}}`.
        #[oai(validator(max_length = 2000))]
        filter: Query<Option<String>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Record>, Refusal<ListsWithin>> {
        let (filter, after) = understand(filter.0.as_deref(), cursor.0.as_deref())?;
        let ask = RecordAsk {
            connection_id: connection_id.0.map(|id| id.0),
            // Nothing was synced before computers counted time, and Postgres counts back less far than a caller may.
            updated_since: updated_since.0.map(|since| since.max(DateTime::UNIX_EPOCH)),
            deleted: if include_deleted.0 {
                Deleted::Shown
            } else {
                Deleted::Hidden
            },
            filter,
            after: after.map(|place| (place.stream_id, place.external_id)),
            limit: limit.0,
        };
        let mut conn = known(api, caller.tenant(), &entity.0).await?;
        let listed = reading::list(&mut conn, caller.tenant(), &entity.0, &ask).await?;
        let next = next(&listed, |row| RecordPlace {
            stream_id: row.stream_id,
            external_id: row.external_id.clone(),
        });
        Ok(Listed::of(listed.rows, next))
    }

    /// Follow the changes of an entity.
    ///
    /// Each record stands in it once, at its latest change, in the order in which changes were committed; a record that
    /// changes again moves to the end. Begin without `after` and you get everything; go on with `nextCursor`, which is
    /// always there, at once while `hasMore`, else when you like. Nothing is left out or comes too late, however many syncs
    /// commit at the same time: whoever keeps the records of ADDED and UPDATED by `connectionId` and `externalId`, and
    /// deletes or marks those of DELETED, ends with what is here.
    ///
    /// ADDED may be told twice of one record, and DELETED of one that you never saw; UPDATED is only told of what was here
    /// when you last had read to the end. The records of a connection that is deleted are erased: they stand in no feed.
    #[oai(
        path = "/records/:entity/changes",
        method = "get",
        operation_id = "listRecordChanges"
    )]
    async fn changes(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which entity.
        entity: Path<String>,
        /// Where to go on: `nextCursor` of the answer before, to the same entity and connection. From the beginning when
        /// left out.
        after: Query<Option<String>>,
        /// Only of this connection.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
    ) -> Result<Followed<Change>, Refusal<ListsWithin>> {
        let from: Option<FeedPlace> = position(after.0.as_deref()).map_err(|_| strange_cursor())?;
        let from = from.map(|place| place.0).unwrap_or_default();
        drop(known(api, caller.tenant(), &entity.0).await?);
        let mut view = api.store.begin().await?;
        let connection = connection_id.0.map(|id| id.0);
        let read = changes::read(
            &mut view,
            caller.tenant(),
            &entity.0,
            connection,
            &from,
            limit.0,
        )
        .await?;
        view.commit().await?;
        let changes::Changes { rows, next, more } = read.ok_or_else(strange_cursor)?;
        Ok(Followed::of(rows, cursor_of(FeedPlace(next)), more))
    }

    /// Get one record.
    ///
    /// Be it there or found gone, which `deletedAt` tells. The id is a parameter because vendors' ids hold slashes and
    /// other characters that do not pass in a path.
    #[oai(
        path = "/records/:entity/record",
        method = "get",
        operation_id = "getRecord"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which entity.
        entity: Path<String>,
        /// Which record.
        #[oai(name = "externalId")]
        external_id: Query<String>,
        /// On which connection; the platform's own when left out.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
    ) -> Result<Found<Record>, Refusal<ListsWithin>> {
        let not_found = || Problem::not_found("record");
        if external_id.contains('\0') {
            return Err(not_found().into());
        }
        let mut conn = known(api, caller.tenant(), &entity.0).await?;
        let connection = connection_id.0.map(|id| id.0);
        let found = reading::find(
            &mut conn,
            caller.tenant(),
            &entity.0,
            connection,
            &external_id.0,
        )
        .await?;
        Ok(Found::new(found.ok_or_else(not_found)?))
    }

    /// Put records of the platform's own in.
    ///
    /// Such as contracts, which no connector brings: so that they can be read and exported beside the others. Each record
    /// that is new or changed is stored, and nothing is deleted; the same body again changes nothing. The body may be up to
    /// 1 GiB, a record up to 4 MiB; it is stored as it comes in, about 1,000 records at a time. A record that cannot be
    /// stored stops no other: it is counted, and listed by `GET /records/{entity}/errors`. Where the body itself cannot be read on (400), what stands before is stored, and `committed`
    /// says how many records that are. Of two requests at once that change the same record, the one that began later wins; a record
    /// that a request brings as it is stored is not written, and left to the other.
    #[oai(path = "/records/:entity", method = "put", operation_id = "putRecords")]
    async fn put(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which entity: a small letter, then up to 62 small letters, digits and underscores.
        entity: Path<String>,
        /// Where in a record its id is, as a JSON pointer (RFC 6901): a text or a whole number.
        #[oai(
            name = "idField",
            default = "default_id_field",
            validator(pattern = "^/", max_length = 500)
        )]
        id_field: Query<String>,
        records: Pushed,
    ) -> Result<Found<RecordsPut>, Refusal<Feeds>> {
        if !is_entity_name(&entity.0) {
            let detail = "There can be no such entity: a name is a small letter and up to 62 small letters, digits and \
                          underscores.";
            return Err(
                Problem::new(poem::http::StatusCode::NOT_FOUND, "not-found", detail).into(),
            );
        }
        let rules = OwnRules::new(&id_field.0)
            .map_err(|bad| Problem::fault("idField", "bad-pointer", format!("{bad}.")))?;
        Ok(Found::new(
            records::put(api, &caller, &entity.0, &rules, records).await?,
        ))
    }

    /// Delete one of the platform's own records.
    ///
    /// It stays readable as a tombstone, with `deletedAt`, and stands as DELETED in the feed of changes. What a sync brought
    /// is deleted at its vendor.
    #[oai(
        path = "/records/:entity/record",
        method = "delete",
        operation_id = "deleteRecord"
    )]
    async fn delete(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which entity.
        entity: Path<String>,
        /// Which record.
        #[oai(name = "externalId")]
        external_id: Query<String>,
    ) -> Result<Done, Refusal<ListsWithin>> {
        let not_found = || Problem::not_found("record");
        if !is_entity_name(&entity.0) || external_id.contains('\0') {
            return Err(not_found().into());
        }
        let mut transaction = api.store.begin().await?;
        audit::write(
            &mut transaction,
            caller.actor(),
            "records.delete",
            &format!("{}/{}", entity.0, external_id.0),
        )
        .await?;
        let deleted =
            own_records::delete(&mut transaction, caller.tenant(), &entity.0, &external_id.0)
                .await?;
        if !deleted {
            return Err(not_found().into());
        }
        transaction.commit().await?;
        Ok(Done)
    }
}

fn default_id_field() -> String {
    "/id".to_owned()
}

fn strange_cursor() -> Problem {
    let detail = "This cursor was not given by this feed, or is ahead of it; begin without one.";
    Problem::fault("after", "bad-cursor", detail)
}

/// A connection, if there is such an entity: one that a connector has, or that the tenant has records of.
pub(super) async fn known(api: &Api, tenant: TenantId, entity: &str) -> Result<Conn, Problem> {
    let not_found = || Problem::not_found("entity");
    let catalogued = api.catalogue.knows_entity(entity);
    if !catalogued && !may_have(api, entity) {
        return Err(not_found());
    }
    let mut conn = api.store.connect().await?;
    if !catalogued
        && own_records::known_among(&mut conn, tenant, &[entity])
            .await?
            .is_empty()
    {
        return Err(not_found());
    }
    Ok(conn)
}

/// What a list is to be filtered by, and where it goes on; or the faults of both.
fn understand(
    filter: Option<&str>,
    cursor: Option<&str>,
) -> Result<(Option<Filter>, Option<RecordPlace>), Problem> {
    let mut faults = Faults::default();
    let filter = filter.and_then(|text| {
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            find_nul(&value, "/filter", &mut faults);
        }
        Filter::parse(text, "/filter")
            .map_err(|found| faults.extend(found))
            .ok()
    });
    let after = position(cursor)
        .map_err(|problem| faults.extend(problem.into_faults()))
        .unwrap_or_default();
    if faults.is_empty() {
        Ok((filter, after))
    } else {
        Err(Problem::invalid(faults))
    }
}
