//! Exports.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use rail_shared::domain::ExportId;
use rail_shared::store::{self, audit};

use super::{BASE, Tag};
use crate::exports::{self, Known, destination};
use crate::http::answer::{Created, Done, Found, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::idempotency::{IdempotencyKey, Once, Stop};
use crate::http::precondition::Precondition;
use crate::http::problem::Problem;
use crate::http::refusal::{Changes, Creates, Finds, Lists, Refusal};
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::export::Export;
use crate::schemas::export_asked::{ExportPatch, ExportRules, NewExport, PatchRules};
use crate::schemas::export_test::ExportTest;
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
            let known = exports::known(api, &caller, body.json()).await?;
            let meant = body.read(api, rules(api, &known))?;
            exports::create(api, &caller, &meant, &entry).await
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
        let listed =
            store::exports::list(&mut *api.store.connect().await?, caller.tenant(), ask).await?;
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
        let row = exports::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        Ok(exports::tagged(row))
    }

    /// Change an export.
    ///
    /// Each member that is given replaces the whole of what was there, null removes it, what is left out stays; the result
    /// is judged as a new export is. With If-Match the change is made only to that version. A run that is under way goes on
    /// as it began.
    #[oai(
        path = "/exports/:exportId",
        method = "patch",
        operation_id = "updateExport"
    )]
    async fn update(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
        /// The ETag of the version to change; 412 when it is another by now.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ExportPatch>,
    ) -> Result<Found<Export>, Refusal<Changes>> {
        let row = exports::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        let precondition = Precondition::of(if_match.0.as_deref(), &exports::etag(&row))?;
        let whole = &exports::changed(&row, body.json())?;
        let known = exports::known(api, &caller, whole).await?;
        let rules = rules(api, &known);
        let meant = body.read(api, PatchRules { whole, rules })?;
        let row = exports::change(api, &caller, &row, &meant)
            .await
            .map_err(|problem| precondition.judge(problem))?;
        Ok(exports::tagged(row))
    }

    /// Test an export's destination.
    ///
    /// Asks it for the rights that a run needs, and leaves nothing behind. A destination that takes no files is a
    /// successful answer too, with `success: false` and what to fix. LOCAL is tried where the api runs.
    #[oai(
        path = "/exports/:exportId/test",
        method = "post",
        operation_id = "testExport"
    )]
    async fn test(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
    ) -> Result<Found<ExportTest>, Refusal<Finds>> {
        let row = exports::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        Ok(Found::new(destination::test(api, &caller, &row).await?))
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
        if !store::exports::erase(&mut transaction, caller.tenant(), id.0.0).await? {
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

fn rules<'a>(api: &'a Api, known: &'a Known) -> ExportRules<'a> {
    ExportRules {
        api,
        own_entities: &known.own_entities,
        snapshot: known.snapshot.as_ref(),
        lent: known.lent.as_ref(),
    }
}
