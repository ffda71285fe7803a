//! The format of catalogue files, for editors and programs: its JSON Schema.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::ConnectorFile;

/// JSON Schema of a catalogue file, as text.
#[must_use]
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// JSON Schema of a catalogue file, made from the types that read it.
pub(super) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ConnectorFile>();
    schema.insert("title".to_owned(), "Connector".into());
    schema.to_value()
}
