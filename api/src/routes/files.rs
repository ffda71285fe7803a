//! Files of a run.

use std::time::Duration;

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
use rail_shared::blobs::{Place, Reader, media_type};
use rail_shared::domain::{ExportId, Failure, FailureKind, JobState, RunId};
use rail_shared::secrets::from_hex;
use rail_shared::store::runs::RunFile;
use rail_shared::store::{exports, runs};
use serde_json::Value;

use super::{BASE, Tag};
use crate::exports::destination;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Fits, Refusal, documented_header};
use crate::schemas::wire::Id;
use crate::state::Api;

/// How long a link to a file is good for.
const LINK_VALID: Duration = Duration::from_mins(15);

/// The operations on files.
#[derive(Debug, Default)]
pub struct Files;

#[OpenApi(prefix_path = BASE, tag = "Tag::Exports")]
impl Files {
    /// Download a file of a run.
    ///
    /// Of a COMPLETED run. A LOCAL file is the answer; to one in an object store the answer is a redirect (307) to a signed
    /// URL, good for 15 minutes, which takes no other credentials. Where none can be signed, 409 `not-downloadable` says where
    /// the file is. 409 `replaced` is said of a file that a later run overwrote.
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
        /// The entity in the file; `manifest`, or an entity and `.xsd`, for what is beside the files.
        entity: Path<String>,
    ) -> Result<Download, Refusal<Fits>> {
        let (destination, file) = find(api, &caller, export_id.0.0, run_id.0.0, &entity.0).await?;
        Ok(open(api, &caller, &destination, file).await?)
    }
}

/// A file, and the destination to which it went.
async fn find(
    api: &Api,
    caller: &Caller,
    export_id: ExportId,
    run_id: RunId,
    entity: &str,
) -> Result<(Value, RunFile), Problem> {
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
    let file = files.find(|file| file.entity == entity).ok_or_else(none)?;
    let destination = run.row.destination.unwrap_or(export.destination);
    if destination.get("overwrite") == Some(&Value::Bool(true))
        && runs::is_replaced(&mut conn, export_id, run_id, &file.location).await?
    {
        let detail = format!("A later run wrote another file at {}.", file.location);
        return Err(Problem::new(StatusCode::CONFLICT, "replaced", detail));
    }
    Ok((destination, file))
}

async fn open(
    api: &Api,
    caller: &Caller,
    given: &Value,
    file: RunFile,
) -> Result<Download, Problem> {
    let not_downloadable = || {
        let detail = format!(
            "This file is not passed through; fetch it at {}.",
            file.location
        );
        Problem::new(StatusCode::CONFLICT, "not-downloadable", detail)
    };
    let Ok(destination) = destination::open(api, caller, given).await? else {
        return Err(not_downloadable());
    };
    if !matches!(destination.place(), Place::Local(_)) {
        let link = destination.link(&file.key, LINK_VALID).await;
        return match link {
            Ok(Some(link)) => Ok(Download::Elsewhere(link)),
            Ok(None) | Err(_) => Err(not_downloadable()),
        };
    }
    match destination.open(&file.key).await {
        Ok((bytes, reader)) => Ok(Download::Here(Here {
            file,
            bytes,
            reader,
        })),
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

/// How a file comes to the caller.
pub enum Download {
    /// Out of our hands.
    Here(Here),
    /// From this URL.
    Elsewhere(String),
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        match self {
            Self::Here(here) => here.into_response(),
            Self::Elsewhere(link) => Response::builder()
                .status(StatusCode::TEMPORARY_REDIRECT)
                .header(header::LOCATION, link)
                .finish(),
        }
    }
}

/// A file on its way out.
pub struct Here {
    file: RunFile,
    bytes: u64,
    reader: Reader,
}

impl IntoResponse for Here {
    fn into_response(self) -> Response {
        let Self {
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
            .content_type(media_type(&key))
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

/// What a file can be: see [`media_type`].
const MEDIA_TYPES: [&str; 7] = [
    "text/csv",
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "application/vnd.apache.parquet",
    "application/gzip",
    "application/zstd",
];

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let content = |content_type: &&'static str| MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format(
                "string", "binary",
            ))),
        };
        let elsewhere = MetaResponse {
            description: "The file is at the URL in `Location`",
            status: Some(307),
            status_range: None,
            content: Vec::new(),
            headers: vec![documented_header(
                "Location",
                "A signed URL, good for 15 minutes",
            )],
        };
        MetaResponses {
            responses: vec![
                MetaResponse {
                    description: "The file",
                    status: Some(200),
                    status_range: None,
                    content: MEDIA_TYPES.iter().map(content).collect(),
                    headers: vec![
                        documented_header("Content-Disposition", "The file's name"),
                        documented_header("ETag", "The SHA-256 of its bytes, hexadecimal"),
                        documented_header("Repr-Digest", "The same as RFC 9530 writes it"),
                    ],
                },
                elsewhere,
            ],
        }
    }

    fn register(_: &mut Registry) {}
}
