//! From records to the bytes of a file, away from the threads that wait for the network.

use rail_shared::domain::{ExportFormat, Failure, Packing};
use rail_shared::formats::{
    CsvEncoder, CsvOptions, Encoder, Field, FormatError, Formulas, JsonEncoder, Packer,
    ParquetEncoder, ParquetOptions, RecordView, Survey, XmlEncoder, columns_of,
};
use rail_shared::store::Transaction;
use rail_shared::store::extract::{self, Source};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender};

use super::batches::Batch;
use super::guess::{self, Guess, in_order, survey_of};
use super::plan::Plan;
use super::unwritable;
use crate::runtime::Halt;

/// Writes the bytes of one file, and learns what its fields hold.
pub(super) struct Encoding {
    encoder: Encoder,
    /// Where the file is compressed.
    packer: Option<Packer>,
    learnt: Learnt,
    chosen: Option<Vec<String>>,
    /// What waits to be compressed.
    plain: Vec<u8>,
}

/// What is known of the fields.
enum Learnt {
    /// All, before the first record was written.
    Before(Vec<Field>),
    /// What the records so far tell.
    OnTheWay(Survey),
    /// The same, and the file was begun as if the others told no more.
    Guessed(Survey, Guess),
    /// The others told more. The file is lost, but those that are left are looked at.
    Surprised(Survey),
    /// There are too many to tell.
    Nothing,
}

/// What became of a batch.
pub(super) struct Piece {
    /// How many records are in it.
    pub rows: u64,
    pub bytes: Vec<u8>,
}

/// How a file ended.
pub(super) enum Ended {
    /// Whole; what its fields hold, unless there are too many.
    Whole(Option<Vec<Field>>),
    /// It has to be written anew: this is what the fields hold.
    Surprised(Vec<Field>),
}

impl Encoding {
    /// Gets ready to write an entity.
    pub(super) async fn of(
        plan: &Plan,
        entity: &str,
        source: &Source,
        view: &mut Transaction,
    ) -> Result<Self, Halt> {
        let options = &plan.options;
        if guess::is_needed(plan) {
            let survey = guess::first_look(plan, source, view).await?;
            let guess = Guess::of(plan, &survey);
            let encoder = encoder(plan, entity, guess.fields().to_vec())?;
            let survey = survey.arranged(encoder.columns());
            return Self::new(plan, encoder, Learnt::Guessed(survey, guess));
        }
        if plan.export.format == ExportFormat::Csv && options.fields.is_none() {
            let encoder = csv(plan, header(plan, source, view).await?);
            let survey = Survey::knowing(encoder.columns().to_vec());
            return Self::new(plan, encoder, Learnt::OnTheWay(survey));
        }
        let encoder = encoder(plan, entity, Vec::new())?;
        let survey = survey_of(plan).arranged(encoder.columns());
        Self::new(plan, encoder, Learnt::OnTheWay(survey))
    }

    /// Gets ready to write an entity of which all is known.
    pub(super) fn knowing(plan: &Plan, entity: &str, fields: Vec<Field>) -> Result<Self, Halt> {
        let encoder = encoder(plan, entity, fields.clone())?;
        Self::new(plan, encoder, Learnt::Before(fields))
    }

    fn new(plan: &Plan, encoder: Encoder, learnt: Learnt) -> Result<Self, Halt> {
        let options = &plan.options;
        Ok(Self {
            encoder,
            packer: match options.compression {
                Packing::None => None,
                compressed => Some(compressed.packer().map_err(unwritable)?),
            },
            learnt,
            chosen: options.fields.clone(),
            plain: Vec::new(),
        })
    }

    /// Writes all batches that come, each as a piece. Blocks the thread.
    pub(super) fn run(
        mut self,
        mut batches: Receiver<Batch>,
        pieces: &Sender<Piece>,
    ) -> Result<Ended, Failure> {
        let mut bytes = Vec::new();
        self.encoder.begin(match self.packer {
            Some(_) => &mut self.plain,
            None => &mut bytes,
        });
        while let Some(batch) = batches.blocking_recv() {
            for row in &batch {
                let record = RecordView {
                    external_id: &row.external_id,
                    payload: &row.payload,
                };
                self.record(&record, &mut bytes).map_err(unwritable)?;
            }
            self.pack(&mut bytes).map_err(unwritable)?;
            // Pieces of one file are about as long as each other: a little more than the last one seldom has to be moved.
            let capacity = bytes.len() + bytes.len() / 8;
            let piece = Piece {
                rows: batch.len() as u64,
                bytes: std::mem::replace(&mut bytes, Vec::with_capacity(capacity)),
            };
            if pieces.blocking_send(piece).is_err() {
                return Err(Failure::internal());
            }
        }
        let ended = self.finish(&mut bytes).map_err(unwritable)?;
        // Whether somebody takes it they know themselves.
        let _ = pieces.blocking_send(Piece { rows: 0, bytes });
        Ok(ended)
    }

    /// Appends a record.
    fn record(&mut self, record: &RecordView<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let read = match &mut self.learnt {
            Learnt::Before(_) | Learnt::Nothing => None,
            Learnt::OnTheWay(survey) => match survey.record(record) {
                // The file can do without.
                Err(FormatError::TooManyFields { .. }) => {
                    self.learnt = Learnt::Nothing;
                    None
                }
                read => Some((read?, survey.names())),
            },
            Learnt::Guessed(survey, guess) => {
                let values = survey.record(record)?;
                if survey.take_news() && !guess.fits(survey) {
                    self.learnt = Learnt::Surprised(std::mem::take(survey));
                    return Ok(());
                }
                Some((values, survey.names()))
            }
            Learnt::Surprised(survey) => return survey.record(record).map(drop),
        };
        let out = match self.packer {
            Some(_) => &mut self.plain,
            None => out,
        };
        match read {
            Some((values, names)) => self.encoder.row(record, names, &values, out),
            None => self.encoder.record(record, out),
        }
    }

    /// Compresses what there is.
    fn pack(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if let Some(packer) = &mut self.packer {
            packer.write(&self.plain, out)?;
            self.plain.clear();
        }
        Ok(())
    }

    /// Appends the rest.
    fn finish(mut self, out: &mut Vec<u8>) -> Result<Ended, FormatError> {
        let chosen = self.chosen.take();
        let fields = match std::mem::replace(&mut self.learnt, Learnt::Nothing) {
            Learnt::Surprised(survey) => {
                return Ok(Ended::Surprised(in_order(&survey, chosen.as_deref())));
            }
            Learnt::Before(fields) => Some(fields),
            Learnt::OnTheWay(survey) | Learnt::Guessed(survey, _) => {
                Some(in_order(&survey, chosen.as_deref()))
            }
            Learnt::Nothing => None,
        };
        match self.packer {
            None => self.encoder.finish(out)?,
            Some(_) => {
                self.encoder.finish(&mut self.plain)?;
                self.pack(out)?;
            }
        }
        if let Some(packer) = self.packer {
            packer.finish(out)?;
        }
        Ok(Ended::Whole(fields))
    }
}

/// What writes an entity whose fields are these; only some formats ask.
fn encoder(plan: &Plan, entity: &str, fields: Vec<Field>) -> Result<Encoder, Failure> {
    let options = &plan.options;
    let chosen = options.fields.clone();
    Ok(match plan.export.format {
        ExportFormat::Csv => {
            let learnt = || fields.into_iter().map(|field| field.name).collect();
            csv(plan, chosen.unwrap_or_else(learnt))
        }
        ExportFormat::Json => Encoder::Json(JsonEncoder::new(options.layout, chosen)),
        ExportFormat::Xml => Encoder::Xml(XmlEncoder::new(entity.to_owned(), chosen)),
        ExportFormat::Parquet => {
            let options = ParquetOptions { raw: options.raw };
            let encoder = ParquetEncoder::new(fields, options, footer(plan, entity));
            Encoder::Parquet(encoder.map_err(unwritable)?)
        }
    })
}

/// The columns of CSV whose fields nobody chose.
async fn header(plan: &Plan, source: &Source, view: &mut Transaction) -> Result<Vec<String>, Halt> {
    let most = Survey::MAX_FIELDS;
    let keys = extract::keys(view, source, plan.filter.as_ref(), most + 1).await?;
    if keys.len() > most {
        return Err(unwritable(FormatError::TooManyFields { most }).into());
    }
    Ok(columns_of(keys))
}

fn csv(plan: &Plan, columns: Vec<String>) -> Encoder {
    let options = &plan.options;
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

/// What a Parquet file tells of itself.
fn footer(plan: &Plan, entity: &str) -> Vec<(String, String)> {
    let told = json!({"entity": entity, "exportId": plan.export.id, "runId": plan.run});
    vec![("rail".to_owned(), told.to_string())]
}
