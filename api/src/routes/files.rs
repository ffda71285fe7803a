//! Files of a run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::Path;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use rail_shared::blobs::{Destination, Reader};
use rail_shared::domain::{ExportFormat, ExportId, Failure, FailureKind, JobState, RunId};
use rail_shared::secrets::from_hex;
use rail_shared::store::exports::ExportRow;
use rail_shared::store::runs::RunFile;
use rail_shared::store::{exports, runs};

use super::{BASE, Tag};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::refusal::{Fits, Refusal, documented_header};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on files.
#[derive(Debug, Default)]
pub struct Files;

#[OpenApi(prefix_path = BASE, tag = "Tag::Exports")]
impl Files {
    /// Download a file of a run.
    ///
    /// Of a COMPLETED run to a LOCAL destination. Files in object stores are not passed through: 409 `not-downloadable`
    /// says where such a file is.
    #[oai(
        path = "/exports/:exportId/runs/:runId/files/:entity",
        method = "get",
        operation_id = "downloadExportFile"
    )]
    async fn download(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// Of which run.
        #[oai(name = "runId")]
        run_id: Path<Id<RunId>>,
        /// The entity in the file.
        entity: Path<String>,
    ) -> Result<Download, Refusal<Fits>> {
        let (export, file) = find(api, &caller, export_id.0.0, run_id.0.0, &entity.0).await?;
        Ok(open(api, &export, file).await?)
    }
}

async fn find(
    api: &Api,
    caller: &Caller,
    export_id: ExportId,
    run_id: RunId,
    entity: &str,
) -> Result<(ExportRow, RunFile), Problem> {
    let none = || Problem::not_found("file");
    let mut conn = api.store.connect().await?;
    let export = exports::find(&mut conn, caller.tenant(), export_id)
        .await?
        .ok_or_else(none)?;
    let run = runs::find(&mut conn, caller.tenant(), export_id, run_id)
        .await?
        .ok_or_else(none)?;
    if run.job.state != JobState::Completed {
        return Err(none());
    }
    let mut files = run.files.into_iter().chain(run.beside);
    let file = files.find(|file| file.entity == entity);
    Ok((export, file.ok_or_else(none)?))
}

async fn open(api: &Api, export: &ExportRow, file: RunFile) -> Result<Download, Problem> {
    let not_downloadable = || {
        let detail = format!(
            "This file is not passed through; fetch it at {}.",
            file.location
        );
        Problem::new(StatusCode::CONFLICT, "not-downloadable", detail)
    };
    let destination = match Destination::configured(&export.destination, &api.outputs) {
        Ok(local @ Destination::Local(_)) => local,
        Ok(Destination::S3(_)) | Err(_) => return Err(not_downloadable()),
    };
    match destination.open(&file.key).await {
        Ok((bytes, reader)) => Ok(Download {
            format: export.format,
            file,
            bytes,
            reader,
        }),
        Err(Failure {
            kind: FailureKind::NotFound,
            ..
        }) => Err(Problem::not_found("file any more")),
        Err(failure) => {
            tracing::error!(%failure, "a file of a run cannot be opened");
            Err(Problem::internal())
        }
    }
}

/// A file on its way out.
pub struct Download {
    format: ExportFormat,
    file: RunFile,
    bytes: u64,
    reader: Reader,
}

fn media_type(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => "text/csv; charset=utf-8",
        ExportFormat::Json => "application/json",
        ExportFormat::Parquet => "application/vnd.apache.parquet",
        ExportFormat::Xml => "application/xml",
    }
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let Self {
            format,
            file,
            bytes,
            reader,
        } = self;
        let RunFile {
            entity: _,
            key,
            location: _,
            rows: _,
            bytes: _,
            sha256,
        } = file;
        let name = key
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace(['"', '\\'], "_");
        let mut response = Response::builder()
            .content_type(media_type(format))
            .header(header::CONTENT_LENGTH, bytes)
            .header(
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            )
            .header(header::ETAG, format!("\"{sha256}\""));
        if let Some(digest) = from_hex(&sha256) {
            response = response.header(
                "Repr-Digest",
                format!("sha-256=:{}:", STANDARD.encode(digest)),
            );
        }
        response.body(Body::from_async_read(reader))
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let file = MetaSchema::new_with_format("string", "binary");
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The file",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "text/csv",
                    schema: MetaSchemaRef::Inline(Box::new(file)),
                }],
                headers: vec![
                    documented_header("Content-Disposition", "The file's name"),
                    documented_header("ETag", "The SHA-256 of its bytes, hexadecimal"),
                    documented_header("Repr-Digest", "The same as RFC 9530 writes it"),
                ],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
