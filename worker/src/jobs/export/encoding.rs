//! From records to the bytes of a file: learn the fields where the format wants to know them first, then write.

use std::pin::pin;

use futures::TryStreamExt;
use rail_shared::domain::{ExportFormat, Failure, FailureKind, Nested, Origin, Packing};
use rail_shared::formats::{
    CsvEncoder, CsvOptions, Encoder, Field, FormatError, Formulas, JsonEncoder, Packer,
    ParquetEncoder, ParquetOptions, RecordView, Survey, XmlEncoder, columns_of, leaves,
};
use rail_shared::store::Transaction;
use rail_shared::store::extract::{self, ExtractedRow, Source};
use serde_json::json;

use super::plan::Plan;
use super::writing::ROWS_A_LOOK;
use crate::runtime::{Attempt, Halt};

/// Bytes that are compressed together.
const PACKED_AT_ONCE: usize = 64 * 1024;

/// Writes the bytes of one file, and learns what its fields hold.
pub(super) struct Encoding {
    encoder: Encoder,
    /// Where the file is compressed.
    packer: Option<Packer>,
    learnt: Learnt,
    /// Whether rows are flattened, and of which fields the owner wants to know.
    flattened: bool,
    chosen: Option<Vec<String>>,
    /// What waits to be compressed.
    plain: Vec<u8>,
}

/// What is known of the fields.
enum Learnt {
    Before(Vec<Field>),
    OnTheWay(Survey),
    /// There are too many to tell.
    Nothing,
}

/// A record as a format sees it.
pub(super) fn view_of(row: &ExtractedRow) -> RecordView<'_> {
    RecordView {
        external_id: &row.external_id,
        payload: &row.payload,
        created_at: row.source_created_at,
        updated_at: row.source_updated_at,
    }
}

impl Encoding {
    /// Gets ready to write an entity; for that, Parquet and flattened rows have all records looked at once before.
    pub(super) async fn of(
        attempt: &Attempt,
        plan: &Plan,
        entity: &str,
        source: &Source,
        view: &mut Transaction,
    ) -> Result<Self, Halt> {
        let options = &plan.options;
        let chosen = options.fields.clone();
        let flattened =
            plan.export.format == ExportFormat::Csv && options.nested == Nested::Flattened;
        let mut learnt = Learnt::OnTheWay(survey_of(plan));
        let encoder = match plan.export.format {
            ExportFormat::Csv => {
                let columns = if let Some(chosen) = chosen {
                    chosen
                } else if flattened {
                    let fields = survey(attempt, plan, source, view).await?;
                    let names = fields.iter().map(|field| field.name.clone()).collect();
                    learnt = Learnt::Before(fields);
                    names
                } else {
                    columns_of(extract::keys(view, source, plan.filter.as_ref()).await?)
                };
                let formulas = match options.guard_formulas {
                    true => Formulas::Guarded,
                    false => Formulas::Verbatim,
                };
                let options = CsvOptions {
                    formulas,
                    nested: options.nested,
                    raw: options.raw,
                };
                Encoder::Csv(CsvEncoder::new(columns, options))
            }
            ExportFormat::Json => Encoder::Json(JsonEncoder::new(options.layout, chosen)),
            ExportFormat::Xml => Encoder::Xml(XmlEncoder::new(entity.to_owned(), chosen)),
            ExportFormat::Parquet => {
                let fields = survey(attempt, plan, source, view).await?;
                learnt = Learnt::Before(fields.clone());
                let options = ParquetOptions { raw: options.raw };
                let encoder = ParquetEncoder::new(fields, options, footer(plan, entity));
                Encoder::Parquet(encoder.map_err(unwritable)?)
            }
        };
        Ok(Self {
            encoder,
            packer: match options.compression {
                Packing::None => None,
                compressed => Some(compressed.packer().map_err(unwritable)?),
            },
            learnt,
            flattened,
            chosen: options.fields.clone(),
            plain: Vec::new(),
        })
    }

    /// Appends what stands before the first record.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        self.encoder.begin(match self.packer {
            Some(_) => &mut self.plain,
            None => out,
        });
    }

    /// Appends a record.
    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if let Learnt::OnTheWay(survey) = &mut self.learnt {
            match see(survey, record, self.flattened) {
                // The file can do without.
                Err(FormatError::TooManyFields { .. }) => self.learnt = Learnt::Nothing,
                seen => seen.map_err(unwritable)?,
            }
        }
        let Some(packer) = &mut self.packer else {
            return self.encoder.record(record, out).map_err(unwritable);
        };
        let written = self.encoder.record(record, &mut self.plain);
        written.map_err(unwritable)?;
        if self.plain.len() >= PACKED_AT_ONCE {
            packer.write(&self.plain, out).map_err(unwritable)?;
            self.plain.clear();
        }
        Ok(())
    }

    /// Appends the rest; what the file's fields hold, unless there are too many.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<Option<Vec<Field>>, Failure> {
        match self.packer.take() {
            Some(mut packer) => {
                self.encoder.finish(&mut self.plain).map_err(unwritable)?;
                packer.write(&self.plain, out).map_err(unwritable)?;
                packer.finish(out).map_err(unwritable)?;
            }
            None => self.encoder.finish(out).map_err(unwritable)?,
        }
        Ok(match self.learnt {
            Learnt::Before(fields) => Some(fields),
            Learnt::OnTheWay(survey) => Some(in_order(&survey, self.chosen.as_deref())),
            Learnt::Nothing => None,
        })
    }
}

/// Looks at all records once.
async fn survey(
    attempt: &Attempt,
    plan: &Plan,
    source: &Source,
    view: &mut Transaction,
) -> Result<Vec<Field>, Halt> {
    let mut survey = survey_of(plan);
    let flattened = plan.export.format == ExportFormat::Csv;
    let mut rows = pin!(extract::rows(view, source, plan.filter.as_ref()).await?);
    while let Some(row) = rows.try_next().await? {
        see(&mut survey, &view_of(&row), flattened).map_err(unwritable)?;
        if survey.records().is_multiple_of(ROWS_A_LOOK) && attempt.stop.is_cancelled() {
            return Err(Halt::Stopping);
        }
    }
    Ok(in_order(&survey, plan.options.fields.as_deref()))
}

fn see(survey: &mut Survey, record: &RecordView<'_>, flattened: bool) -> Result<(), FormatError> {
    if !flattened {
        return survey.record(record);
    }
    let mut noted = Ok(());
    let read = leaves(record.payload, |name, value| {
        if noted.is_ok() {
            noted = survey.note(name, value);
        }
    });
    read.map_err(|cause| FormatError::payload(record, cause))?;
    noted?;
    survey.end(record);
    Ok(())
}

/// A survey of the fields that the owner wants.
fn survey_of(plan: &Plan) -> Survey {
    match &plan.options.fields {
        Some(chosen) => Survey::of(chosen.clone()),
        None => Survey::new(),
    }
}

/// What was learnt, in the order of the owner's choice where there is one.
fn in_order(survey: &Survey, chosen: Option<&[String]>) -> Vec<Field> {
    let mut fields = survey.fields();
    if let Some(chosen) = chosen {
        fields.sort_by_key(|field| chosen.iter().position(|name| *name == field.name));
    }
    fields
}

/// What a Parquet file tells of itself.
fn footer(plan: &Plan, entity: &str) -> Vec<(String, String)> {
    let told = json!({"entity": entity, "exportId": plan.export.id, "runId": plan.run});
    vec![("rail".to_owned(), told.to_string())]
}

fn unwritable(error: FormatError) -> Failure {
    if matches!(error, FormatError::TooManyFields { .. }) {
        let message = format!("{error}. Name those you want in the export's options.fields.");
        return Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message);
    }
    let cause: Box<dyn std::error::Error> = error.into();
    tracing::error!(error = &*cause, "a stored record cannot be written");
    Failure::internal()
}
