//! Exports.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::ExportId;
use rail_shared::store::exports::{self, NewExport as NewExportRow};
use rail_shared::store::{audit, own_records};
use serde_json::json;

use super::records::may_have;
use super::{BASE, Tag};
use crate::answer::{Created, Done, Found, Listed};
use crate::auth::Caller;
use crate::body::{Body, Json};
use crate::idempotency::{Entry, IdempotencyKey, Once, Stop};
use crate::problem::Problem;
use crate::refusal::{Creates, Finds, Lists, Refusal};
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::export::Export;
use crate::schemas::export_asked::{ExportMeant, ExportRules, NewExport};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on exports.
#[derive(Debug, Default)]
pub struct Exports;

#[OpenApi(prefix_path = BASE, tag = "Tag::Exports")]
impl Exports {
    /// Create an export.
    ///
    /// Says what to write, from which entities and records, when and where. Nothing is written before its schedule or
    /// a run on request.
    #[oai(path = "/exports", method = "post", operation_id = "createExport")]
    async fn create(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewExport>,
    ) -> Result<Once<Created<Export>>, Refusal<Creates>> {
        let made = async {
            let entry = key.enter(api, &caller, Some(body.json())).await?;
            let own_entities = &own_entities(api, &caller, body.json()).await?;
            let meant = body.read(api, ExportRules { api, own_entities })?;
            make(api, &caller, &meant, &entry).await
        };
        Ok(made.await.or_else(Stop::answer)?)
    }

    /// List exports.
    ///
    /// Newest first.
    #[oai(path = "/exports", method = "get", operation_id = "listExports")]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Export>, Refusal<Lists>> {
        let ask = page_ask::<ExportId>(limit.0, cursor.0.as_deref())?;
        let listed = exports::list(&mut *api.store.connect().await?, caller.tenant(), ask).await?;
        let next = next(&listed, |row| row.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get an export.
    ///
    /// As it was configured, and when it runs next.
    #[oai(
        path = "/exports/:exportId",
        method = "get",
        operation_id = "getExport"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
    ) -> Result<Found<Export>, Refusal<Finds>> {
        let found =
            exports::find(&mut *api.store.connect().await?, caller.tenant(), id.0.0).await?;
        Ok(Found::new(
            found.ok_or_else(|| Problem::not_found("export"))?,
        ))
    }

    /// Delete an export.
    ///
    /// With its runs; the files they wrote stay where they are.
    #[oai(
        path = "/exports/:exportId",
        method = "delete",
        operation_id = "deleteExport"
    )]
    async fn delete(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
    ) -> Result<Done, Refusal<Finds>> {
        let mut transaction = api.store.begin().await?;
        if !exports::erase(&mut transaction, caller.tenant(), id.0.0).await? {
            return Err(Problem::not_found("export").into());
        }
        audit::write(
            &mut transaction,
            caller.actor(),
            "export.delete",
            &id.0.0.to_string(),
        )
        .await?;
        transaction.commit().await?;
        Ok(Done)
    }
}

/// Those of the entities of a body that the tenant has though no connector knows them.
async fn own_entities(api: &Api, caller: &Caller, body: &Json) -> Result<Vec<String>, Problem> {
    let asked = body.texts_at("/entities").unwrap_or_default();
    let unknown: Vec<&str> = asked
        .into_iter()
        .filter(|entity| !api.catalogue.knows_entity(entity) && may_have(api, entity))
        .collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = api.store.connect().await?;
    Ok(own_records::known_among(&mut conn, caller.tenant(), &unknown).await?)
}

async fn make(
    api: &Api,
    caller: &Caller,
    meant: &ExportMeant,
    entry: &Entry<'_>,
) -> Result<Once<Created<Export>>, Stop> {
    let now = api.clock.now();
    let new = NewExportRow {
        tenant_id: caller.tenant(),
        name: &meant.name,
        format: meant.format,
        entities: &meant.entities,
        filter: meant.filter.as_ref(),
        options: &json!({}),
        schedule: meant.schedule.as_ref().map(|(_, given)| given),
        destination: &meant.destination,
        next_run_at: meant
            .schedule
            .as_ref()
            .map(|(schedule, _)| schedule.next_after(now)),
        created_at: now,
    };
    let mut transaction = entry.begin().await?;
    let row = exports::create(&mut transaction, &new).await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "export.create",
        &row.id.to_string(),
    )
    .await?;
    let location = format!("{BASE}/exports/{}", row.id);
    entry
        .commit(transaction, Created::new(row).at(location))
        .await
}
