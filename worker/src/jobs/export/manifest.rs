//! What lists the files of a run, and says of what they are: written last, so that a run whose manifest is there is whole.

use chrono::{DateTime, Utc};
use rail_shared::domain::{ExportFormat, ExportId, RunId, SnapshotId};
use rail_shared::formats::{Field, FileOptions};
use rail_shared::store::runs::RunFile;
use serde::Serialize;
use serde_json::value::RawValue;

use super::plan::{Plan, Reading};

/// A manifest, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<'a> {
    export_id: ExportId,
    run_id: RunId,
    name: &'a str,
    format: ExportFormat,
    options: &'a FileOptions,
    filter: Option<Box<RawValue>>,
    snapshot_id: Option<SnapshotId>,
    incremental: bool,
    /// As of when the records are.
    viewed_at: DateTime<Utc>,
    rows: u64,
    bytes: u64,
    files: Vec<Listed<'a>>,
}

/// A file in it.
#[derive(Serialize)]
struct Listed<'a> {
    entity: &'a str,
    location: &'a str,
    rows: u64,
    bytes: u64,
    sha256: &'a str,
    schema: Option<&'a [Field]>,
    /// Where the schema of an XML file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    xsd: Option<&'a str>,
}

/// A file of data, what its fields hold, and the schema beside it.
pub(super) struct Whole {
    pub file: RunFile,
    pub fields: Option<Vec<Field>>,
    pub xsd: Option<RunFile>,
}

impl<'a> Manifest<'a> {
    pub(super) fn of(plan: &'a Plan, reading: &Reading, files: &'a [Whole]) -> Self {
        let export = &plan.export;
        Self {
            export_id: export.id,
            run_id: plan.run,
            name: &export.name,
            format: export.format,
            options: &plan.options,
            filter: export
                .filter
                .as_ref()
                .and_then(|given| RawValue::from_string(given.to_string()).ok()),
            snapshot_id: export.snapshot_id.map(SnapshotId::from),
            incremental: export.incremental,
            viewed_at: reading.viewed_at,
            rows: files.iter().map(|whole| whole.file.rows).sum(),
            bytes: files.iter().map(|whole| whole.file.bytes).sum(),
            files: files.iter().map(Listed::of).collect(),
        }
    }

    /// Its bytes.
    pub(super) fn text(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl<'a> Listed<'a> {
    fn of(whole: &'a Whole) -> Self {
        let Whole { file, fields, xsd } = whole;
        Self {
            entity: &file.entity,
            location: &file.location,
            rows: file.rows,
            bytes: file.bytes,
            sha256: &file.sha256,
            schema: fields.as_deref(),
            xsd: xsd.as_ref().map(|xsd| xsd.location.as_str()),
        }
    }
}
