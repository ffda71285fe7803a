//! How the files of an export are written, on the wire.

use std::path::PathBuf;

use chrono::NaiveDate;
use poem_openapi::Object;
use rail_shared::blobs::LocalPlace;
use rail_shared::domain::{
    ExportFormat, Faults, FileOf, JsonLayout, Nested, Packing, PathTemplate, Placeholder, RunId,
};
use rail_shared::formats::FileOptions;
use rail_shared::store::runs::MANIFEST;
use serde_json::Value;

use super::wire::Word;
use crate::http::body::Json;
use crate::http::shapes::AT_MOST;

const OPTIONS: &str = "/options";

/// How the files are written.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", rename = "ExportOptions")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct OptionsAsked {
    /// Only these fields of each record, in this order; all of them when left out. A field that no record has is an empty
    /// column. With `nested` FLATTENED: the flattened names.
    #[oai(validator(min_items = 1, max_items = 1000, unique_items))]
    fields: Option<Vec<String>>,
    /// What a file is called, without its ending: `{entity}`, `{runId}`, `{date}` and `{name}` stand for what it is of.
    /// `{entity}-{runId}` when left out. The manifest is called as if it were an entity `manifest`.
    #[oai(validator(min_length = 1, max_length = 200))]
    file_name: Option<String>,
    /// How each file is compressed as a whole. Not with PARQUET, which compresses its columns.
    compression: Option<Word<Packing>>,
    /// With CSV: whether texts that a spreadsheet would run as formulas get a `'` in front.
    guard_formulas: Option<bool>,
    /// With CSV: what happens to objects within a record.
    nested: Option<Word<Nested>>,
    /// With JSON: one array, or an object a line.
    layout: Option<Word<JsonLayout>>,
    /// With CSV and PARQUET: whether a last column `_raw` holds the whole record as JSON.
    raw: Option<bool>,
}

/// The longest name of a field.
const MAX_FIELD: usize = 200;

/// The options as they are stored: as given, without what is null. See [`FileOptions::stored`].
pub fn read(
    body: &Json,
    format: Option<ExportFormat>,
    entities: &[&str],
    faults: &mut Faults,
) -> Option<Value> {
    let mut given = body
        .at(OPTIONS)
        .cloned()
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if let Some(given) = given.as_object_mut() {
        given.retain(|_, value| !value.is_null());
    }
    // What is of the wrong form was told by the schema; the rest is judged all the same.
    let fields = body.texts_at("/options/fields").unwrap_or_default();
    for (place, field) in fields.iter().enumerate().take(AT_MOST) {
        if field.len() > MAX_FIELD || field.contains('\0') {
            let detail = format!("A field's name has at most {MAX_FIELD} bytes and no U+0000.");
            faults.add(format!("{OPTIONS}/fields/{place}"), "bad-field", detail);
        }
    }
    if let Some(format) = format {
        check_formats(body, format, faults);
    }
    check_names(body, format, entities, faults);
    FileOptions::stored(&given).ok()?;
    Some(given)
}

fn check_formats(body: &Json, format: ExportFormat, faults: &mut Faults) {
    for (name, formats) in FORMATS_OF {
        let pointer = format!("{OPTIONS}/{name}");
        if body.at(&pointer).is_some() && !formats.contains(&format) {
            let words: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
            let detail = format!("{name} goes with {}, not with {format}.", words.join(", "));
            faults.add(pointer, "option-of-another-format", detail);
        }
    }
}

/// No two files of a run may be called the same.
fn check_names(body: &Json, format: Option<ExportFormat>, entities: &[&str], faults: &mut Faults) {
    if let Some(place) = entities.iter().position(|entity| *entity == MANIFEST)
        && format == Some(ExportFormat::Json)
    {
        let detail = "A file of JSON of this entity would be called as the manifest is.";
        faults.add(format!("/entities/{place}"), "names-collide", detail);
    }
    let usual = FileOptions::default().file_name;
    let name = body.text_at("/options/fileName").unwrap_or(&usual);
    let at = format!("{OPTIONS}/fileName");
    if let Err(detail) = PathTemplate::parse(name) {
        faults.add(at, "bad-file-name", detail);
        return;
    }
    if !is_one_part(name) {
        let detail = "A file's name has no slashes; they belong into the destination's path.";
        faults.add(at, "bad-file-name", detail);
        return;
    }
    let path = body.text_at("/destination/path").unwrap_or_default();
    let tells_entity = [name, path]
        .iter()
        .any(|template| PathTemplate::new(template).tells(Placeholder::Entity));
    if entities.len() > 1 && !tells_entity {
        let detail = "With several entities, {entity} stands in fileName or in the destination's path: each is a file.";
        faults.add(at, "names-collide", detail);
        return;
    }
    if let Some(longest) = entities.iter().max_by_key(|entity| entity.len())
        && !faults.touch("/destination/path")
    {
        let of = FileOf {
            name: body.text_at("/name").unwrap_or_default(),
            run: RunId::new(),
            date: NaiveDate::default(),
            entity: longest,
        };
        let [folder, file] =
            [path.trim_matches('/'), name].map(|it| PathTemplate::new(it).fill(of));
        let key = format!("{folder}/{file}{LONGEST_ENDING}");
        if let Err(failure) = LocalPlace::new(PathBuf::new(), &key) {
            faults.add(at, "bad-file-name", failure.message);
        }
    }
}

/// Of a run that was taken over many times.
const LONGEST_ENDING: &str = "-1000000000.manifest.json";

const FORMATS_OF: [(&str, &[ExportFormat]); 5] = [
    (
        "compression",
        &[ExportFormat::Csv, ExportFormat::Json, ExportFormat::Xml],
    ),
    ("guardFormulas", &[ExportFormat::Csv]),
    ("nested", &[ExportFormat::Csv]),
    ("layout", &[ExportFormat::Json]),
    ("raw", &[ExportFormat::Csv, ExportFormat::Parquet]),
];

fn is_one_part(file_name: &str) -> bool {
    !file_name.contains(['/', '\\'])
        && !file_name.chars().any(char::is_control)
        && !matches!(file_name, "." | "..")
}
