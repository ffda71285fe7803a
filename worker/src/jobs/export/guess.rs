//! Formats that want to know the fields before the first record: a few records tell, and the file is begun. Where a later
//! one tells more, the others are only looked at, and the file is written anew, knowing all.

use std::pin::pin;

use futures::TryStreamExt;
use rail_shared::domain::{ExportFormat, Nested};
use rail_shared::formats::{Field, RecordView, Survey};
use rail_shared::store::Transaction;
use rail_shared::store::extract::{self, Source};

use super::plan::Plan;
use super::unwritable;
use crate::runtime::Halt;

/// What a file is begun with.
pub(super) struct Guess {
    fields: Vec<Field>,
    matter: Matter,
}

/// What of a field the file depends on.
#[derive(Clone, Copy)]
enum Matter {
    Names,
    Columns,
}

impl Guess {
    /// That other records tell no more than those that were seen.
    pub(super) fn of(plan: &Plan, seen: &Survey) -> Self {
        Self {
            fields: in_order(seen, plan.options.fields.as_deref()),
            matter: match plan.export.format {
                ExportFormat::Parquet => Matter::Columns,
                ExportFormat::Csv | ExportFormat::Json | ExportFormat::Xml => Matter::Names,
            },
        }
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether it is as good as what is known now.
    pub(super) fn fits(&self, seen: &Survey) -> bool {
        let seen = seen.fields();
        let is_as_guessed = |field: &Field| {
            let mut guessed = self.fields.iter();
            guessed.any(|guessed| match self.matter {
                Matter::Names => guessed.name == field.name,
                Matter::Columns => guessed.has_column_of(field),
            })
        };
        seen.iter().all(is_as_guessed)
    }
}

/// Whether the format wants to know the fields first, and no query tells them.
pub(super) fn is_needed(plan: &Plan) -> bool {
    let options = &plan.options;
    match plan.export.format {
        ExportFormat::Parquet => true,
        ExportFormat::Csv => options.nested == Nested::Flattened && options.fields.is_none(),
        ExportFormat::Json | ExportFormat::Xml => false,
    }
}

/// Looks at the first records and the last ones.
pub(super) async fn first_look(
    plan: &Plan,
    source: &Source,
    view: &mut Transaction,
) -> Result<Survey, Halt> {
    let mut survey = survey_of(plan);
    let mut rows = pin!(extract::ends(view, source, plan.filter.as_ref()).await?);
    while let Some(row) = rows.try_next().await? {
        let record = RecordView {
            external_id: &row.external_id,
            payload: &row.payload,
        };
        survey.record(&record).map_err(unwritable)?;
    }
    Ok(survey)
}

/// A survey of the fields that the owner wants.
pub(super) fn survey_of(plan: &Plan) -> Survey {
    let survey = match &plan.options.fields {
        Some(chosen) => Survey::of(chosen.clone()),
        None => Survey::new(),
    };
    match plan.export.format {
        ExportFormat::Csv => survey.with_nested(plan.options.nested),
        ExportFormat::Json | ExportFormat::Xml | ExportFormat::Parquet => survey,
    }
}

/// What was learnt, in the order of the owner's choice where there is one.
pub(super) fn in_order(survey: &Survey, chosen: Option<&[String]>) -> Vec<Field> {
    let mut fields = survey.fields();
    if let Some(chosen) = chosen {
        fields.sort_by_key(|field| chosen.iter().position(|name| *name == field.name));
    }
    fields
}
