//! What the files of a run are called.

use chrono::{DateTime, NaiveDate, Utc};
use rail_shared::blobs::Existing;
use rail_shared::domain::{
    ExportFormat, FileOf, JsonLayout, PathTemplate, Placeholder, RunId, fixed_part,
};
use rail_shared::formats::FileOptions;
use rail_shared::store::exports::ExportRow;
use rail_shared::store::runs::MANIFEST;

/// The names of the files of one attempt.
pub(super) struct Naming {
    name: String,
    run: RunId,
    date: NaiveDate,
    folder: PathTemplate,
    file: PathTemplate,
    /// What a dead worker left behind is not overwritten either, unless all is: its claim is not ours.
    again: String,
    ending: String,
}

impl Naming {
    pub(super) fn new(
        export: &ExportRow,
        options: &FileOptions,
        run: RunId,
        at: DateTime<Utc>,
        existing: Existing,
        fence: i64,
    ) -> Self {
        let path = export
            .destination
            .get("path")
            .and_then(|path| path.as_str());
        let (_, varying) = fixed_part(path.unwrap_or_default());
        let date = match export.read_schedule() {
            Some(schedule) => at.with_timezone(&schedule.timezone).date_naive(),
            None => at.date_naive(),
        };
        Self {
            name: export.name.clone(),
            run,
            date,
            folder: PathTemplate::new(varying.trim_matches('/')),
            file: PathTemplate::new(&options.file_name),
            again: match fence {
                2.. if existing == Existing::Keep => format!("-{fence}"),
                _ => String::new(),
            },
            ending: ending(export.format, options),
        }
    }

    /// The key of an entity's file, below what is the same for every run.
    pub(super) fn file(&self, entity: &str) -> String {
        self.key(entity, &self.ending)
    }

    /// The key of the schema beside a file of XML.
    pub(super) fn schema(&self, entity: &str) -> String {
        self.key(entity, ".xsd")
    }

    /// The key of the manifest: as if it were an entity, or beside the one file.
    pub(super) fn manifest(&self) -> String {
        match self.file.tells(Placeholder::Entity) || self.folder.tells(Placeholder::Entity) {
            true => self.key(MANIFEST, ".json"),
            false => self.key(MANIFEST, ".manifest.json"),
        }
    }

    fn key(&self, entity: &str, ending: &str) -> String {
        let of = FileOf {
            name: &self.name,
            run: self.run,
            date: self.date,
            entity,
        };
        let folder = self.folder.fill(of);
        let file = self.file.fill(of);
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{file}{}{ending}", self.again)
    }
}

fn ending(format: ExportFormat, options: &FileOptions) -> String {
    let of_format = match (format, options.layout) {
        (ExportFormat::Csv, _) => ".csv",
        (ExportFormat::Json, JsonLayout::Array) => ".json",
        (ExportFormat::Json, JsonLayout::Lines) => ".ndjson",
        (ExportFormat::Parquet, _) => return ".parquet".to_owned(),
        (ExportFormat::Xml, _) => ".xml",
    };
    format!("{of_format}{}", options.compression.extension())
}
