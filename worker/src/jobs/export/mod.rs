//! An export run: reads each entity under one view and writes it as one file; nothing is visible before all is whole.
//!
//! ```text
//! plan ─▶ view ─▶ entity: batches of rows ─▶ encoding ─▶ upload … ─▶ every file made visible ─▶ manifest
//! ```

mod batches;
mod encoding;
mod guess;
mod manifest;
mod naming;
mod plan;
mod writing;

use std::time::Duration;

use bytes::Bytes;
use rail_shared::blobs::{Existing, Written};
use rail_shared::domain::{ExportFormat, Failure, FailureKind, Origin};
use rail_shared::failpoints::step;
use rail_shared::formats::{FormatError, xml_schema};
use rail_shared::store::exports;
use rail_shared::store::runs::{self, Begun, MANIFEST, RunFile};

use self::manifest::{Manifest, Whole};
use self::plan::{Plan, Reading};
use self::writing::{Full, Writing};
use crate::destinations;
use crate::runtime::{Attempt, Halt, Outcome};

/// How long a run waits for another one whose files have the names of its own.
const WAIT: Duration = Duration::from_secs(2);

/// Runs the export from its beginning: bytes that came from two views would not belong together.
pub(super) async fn run(attempt: &Attempt) -> Result<Outcome, Halt> {
    let Some(plan) = Plan::of(attempt).await? else {
        return Ok(Outcome::Done);
    };
    match write(attempt, &plan).await {
        Err(Halt::Failed(failure)) if failure.kind == FailureKind::CredentialsRejected => {
            let retryable = destinations::has_other_credentials(attempt, &plan.export).await?;
            Err(Failure {
                retryable,
                ..failure
            }
            .into())
        }
        ended => ended,
    }
}

async fn write(attempt: &Attempt, plan: &Plan) -> Result<Outcome, Halt> {
    if !may_write(attempt, plan).await? {
        return Ok(Outcome::Snooze(WAIT));
    }
    // While nothing is visible, a stop ends the attempt at once: a query may bring nothing for minutes.
    let read = Box::pin(read(attempt, plan));
    let read = attempt.stop.run_until_cancelled(read).await;
    let (reading, full) = read.unwrap_or(Err(Halt::Stopping))?;

    let mut whole = Vec::with_capacity(full.len());
    for file in full {
        step("a file of an export is about to become visible");
        let schema = plan.naming.schema(&file.entity);
        may_still_write(attempt, plan, &[&file.key, &schema]).await?;
        whole.push(publish(plan, file).await?);
    }
    step("the manifest of an export is about to be written");
    let manifest = Manifest::of(plan, &reading, &whole);
    let manifest = manifest.text().map_err(|_| Failure::internal())?;
    let key = plan.naming.manifest();
    may_still_write(attempt, plan, &[&key]).await?;
    let manifest = beside(plan, MANIFEST, key, manifest).await?;
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for Whole { file, xsd, .. } in whole {
        files.push(file);
        others.extend(xsd);
    }
    others.push(manifest);
    step("the files of an export are about to be told");
    let mut transaction = attempt.worker.store.begin().await?;
    runs::finish(&mut transaction, &attempt.lease, &files, &others).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

/// Reads all entities from one view into files that have all their bytes, and that nobody sees.
async fn read(attempt: &Attempt, plan: &Plan) -> Result<(Reading, Vec<Full>), Halt> {
    let store = &attempt.worker.store;
    let mut view = store.view().await?;
    let reading = Reading::of(plan, &mut view).await?;
    let mut transaction = store.begin().await?;
    let begun = Begun {
        export: &plan.export,
        viewed_at: reading.viewed_at,
        expected_rows: reading.expected_rows,
        marks: &reading.marks,
    };
    runs::begin(&mut transaction, &attempt.lease, &begun).await?;
    transaction.commit().await?;

    let mut writing = Writing::new(attempt, plan);
    let mut full = Vec::with_capacity(reading.entities.len());
    for (entity, source) in &reading.entities {
        full.push(writing.entity(&mut view, entity, source).await?);
    }
    Ok((reading, full))
}

/// Files that replace those of other runs are written by one run at a time: two would each leave some of them.
async fn may_write(attempt: &Attempt, plan: &Plan) -> Result<bool, Halt> {
    if plan.destination.existing() == Existing::Keep {
        return Ok(true);
    }
    let mut conn = attempt.worker.store.connect().await?;
    Ok(exports::may_write(&mut conn, plan.export.id, plan.run).await?)
}

/// Whoever stood still until another took the run over does not replace the other's files. Those that it does replace it
/// notes before: from then on nobody is given them as an earlier run's.
async fn may_still_write(attempt: &Attempt, plan: &Plan, keys: &[&str]) -> Result<(), Halt> {
    if plan.destination.existing() == Existing::Replace {
        let places = keys.iter().map(|key| plan.destination.locate(key));
        let places: Vec<String> = places.collect();
        let mut transaction = attempt.worker.store.begin().await?;
        runs::replace(&mut transaction, &attempt.lease, &places).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Makes a file visible, and its schema where it is of XML.
async fn publish(plan: &Plan, full: Full) -> Result<Whole, Halt> {
    let Full {
        entity,
        key,
        rows,
        fields,
        upload,
    } = full;
    let names = match &plan.options.fields {
        Some(chosen) => Some(chosen.clone()),
        None => fields
            .as_ref()
            .map(|fields| fields.iter().map(|field| field.name.clone()).collect()),
    };
    let xsd = match (plan.export.format, names) {
        (ExportFormat::Xml, Some(names)) => {
            let schema = xml_schema(&entity, &names).into_bytes();
            let name = format!("{entity}.xsd");
            Some(beside(plan, &name, plan.naming.schema(&entity), schema).await?)
        }
        _ => None,
    };
    let written = upload.finish().await?;
    Ok(Whole {
        file: run_file(plan, entity, key, rows, written),
        fields,
        xsd,
    })
}

/// Writes a small file beside those of the data.
async fn beside(plan: &Plan, name: &str, key: String, text: Vec<u8>) -> Result<RunFile, Halt> {
    let mut upload = plan.destination.begin(&key).await?;
    upload.write(Bytes::from(text)).await?;
    let written = upload.finish().await?;
    Ok(run_file(plan, name.to_owned(), key, 0, written))
}

fn run_file(plan: &Plan, entity: String, key: String, rows: u64, written: Written) -> RunFile {
    RunFile {
        entity,
        location: plan.destination.locate(&key),
        key,
        rows,
        bytes: written.bytes,
        sha256: written.sha256,
    }
}

fn unwritable(error: FormatError) -> Failure {
    if let FormatError::TooManyFields { most } = error {
        let message = format!(
            "The records have more than {most} different fields. Name those you want in the export's options.fields."
        );
        return Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message);
    }
    let cause: Box<dyn std::error::Error> = error.into();
    tracing::error!(error = &*cause, "a stored record cannot be written");
    Failure::internal()
}
