//! Takes the platform's own records in: a body of any length, a batch at a time.

use rail_shared::connectors::{OwnRecord, OwnRules, Refused};
use rail_shared::domain::{PayloadOf, Presence};
use rail_shared::store::audit;
use rail_shared::store::own_records::{self, OwnStream, Put};
use rail_shared::store::record_errors::{MAX_PAYLOAD_BYTES, NewRecordError};
use rail_shared::store::records::{Counts, NewRecord};

use super::pushed::Pushed;
use super::split::{Broken, Extent, Form, MAX_RECORD_BYTES, Piece, Splitter};

use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::records_put::{RecordsPut, RefusedRecord};
use crate::state::Api;

/// What one transaction writes, at most.
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// So many refused records are shown.
const SHOWN: usize = 100;

/// Stores the records of a body, each by itself: one that cannot be stored stops no other.
///
/// # Errors
/// When the body cannot be read on, or Postgres is away. What was read before is stored, and the problem says how much.
pub async fn put(
    api: &Api,
    caller: &Caller,
    entity: &str,
    rules: &OwnRules,
    mut body: Pushed,
) -> Result<RecordsPut, Problem> {
    let _place = api.uploads.take().await?;
    let mut intake = Intake {
        api,
        caller,
        entity,
        rules,
        form: body.form(),
        stream: None,
        batch: Vec::new(),
        rejected: Vec::new(),
        batch_bytes: 0,
        counts: Counts::default(),
        errors: 0,
        refused: Vec::new(),
    };
    match intake.read(&mut body).await {
        Ok(()) => Ok(RecordsPut::new(
            entity,
            intake.counts,
            intake.errors,
            intake.refused,
        )),
        Err(problem) => Err(problem.with_committed(intake.committed())),
    }
}

struct Intake<'a> {
    api: &'a Api,
    caller: &'a Caller,
    entity: &'a str,
    rules: &'a OwnRules,
    form: Form,
    /// Made with the first batch.
    stream: Option<OwnStream>,
    batch: Vec<(OwnRecord, String)>,
    /// What comes with the batch and cannot be stored.
    rejected: Vec<Rejected>,
    batch_bytes: usize,
    counts: Counts,
    errors: u64,
    refused: Vec<RefusedRecord>,
}

/// A record that cannot be stored, and its first bytes.
struct Rejected {
    why: Refused,
    bytes: Vec<u8>,
    truncated: bool,
}

impl Intake<'_> {
    async fn read(&mut self, body: &mut Pushed) -> Result<(), Problem> {
        let mut splitter = Splitter::new(self.form);
        let mut found = Vec::new();
        loop {
            let part = body.part().await;
            // What stands before the place where a body breaks is stored.
            let taken = match &part {
                Ok(Some(bytes)) => splitter.take(bytes, &mut found).map_err(broken),
                Ok(None) => Ok(()),
                Err(problem) => Err(problem.clone()),
            };
            let goes_on = taken.is_ok() && matches!(part, Ok(Some(_)));
            if taken.is_ok() && !goes_on {
                let ended = splitter.finish(&mut found).map_err(broken);
                self.add_all(&mut found).await?;
                self.commit().await?;
                ended?;
                // An entity without records is known from now on too.
                self.stream().await?;
                return Ok(());
            }
            self.add_all(&mut found).await?;
            if let Err(problem) = taken {
                self.commit().await?;
                return Err(problem);
            }
        }
    }

    async fn add_all(&mut self, found: &mut Vec<Piece>) -> Result<(), Problem> {
        for piece in found.drain(..) {
            if let Err(problem) = self.add(piece).await {
                self.commit().await?;
                return Err(problem);
            }
            if self.batch.len() + self.rejected.len() >= BATCH_RECORDS
                || self.batch_bytes >= BATCH_BYTES
            {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// Adds a record to the batch, or to those that cannot be stored.
    async fn add(&mut self, piece: Piece) -> Result<(), Problem> {
        let Piece {
            place,
            bytes,
            extent,
        } = piece;
        let refuse = |code, message: String| Refused {
            external_id: None,
            code,
            message,
        };
        let read = match (extent, std::str::from_utf8(&bytes)) {
            (Extent::Cut, _) => {
                let message = format!("the record has more than {MAX_RECORD_BYTES} bytes");
                Err(refuse("too-large", message))
            }
            (Extent::Whole, Err(_)) => {
                Err(refuse("not-utf8", "the record is not UTF-8".to_owned()))
            }
            (Extent::Whole, Ok(json)) => {
                let read = self.rules.read(json);
                read.map(|record| (record, json.to_owned()))
            }
        };
        match read {
            Ok((record, json)) => {
                self.batch_bytes += json.len();
                self.batch.push((record, json));
            }
            // Where the next element begins cannot be told.
            Err(refused) if self.form == Form::Array && refused.code == "unreadable-record" => {
                return Err(malformed(&format!(
                    "the array is no JSON, at record {place}"
                )));
            }
            Err(refused) => {
                // A version that follows one that can be stored is not resolved by it.
                if self.is_in_batch(refused.external_id.as_deref()) {
                    self.commit().await?;
                }
                self.reject(place, refused, bytes, extent);
            }
        }
        Ok(())
    }

    fn is_in_batch(&self, id: Option<&str>) -> bool {
        let mut ids = self.batch.iter().map(|(record, _)| &record.external_id);
        id.is_some_and(|id| ids.any(|other| other == id))
    }

    /// Counts a record that cannot be stored, shows it if it is one of the first, and keeps its first bytes.
    fn reject(&mut self, place: u64, why: Refused, mut bytes: Vec<u8>, extent: Extent) {
        self.errors += 1;
        if self.refused.len() < SHOWN {
            self.refused.push(RefusedRecord::new(place, why.clone()));
        }
        let truncated = extent == Extent::Cut || bytes.len() > MAX_PAYLOAD_BYTES;
        bytes.truncate(MAX_PAYLOAD_BYTES);
        self.batch_bytes += bytes.len();
        self.rejected.push(Rejected {
            why,
            bytes,
            truncated,
        });
    }

    async fn commit(&mut self) -> Result<(), Problem> {
        if self.batch.is_empty() && self.rejected.is_empty() {
            return Ok(());
        }
        let stream = self.stream().await?;
        let batch = std::mem::take(&mut self.batch);
        let rejected = std::mem::take(&mut self.rejected);
        self.batch_bytes = 0;
        let records: Vec<NewRecord<'_>> = batch
            .iter()
            .map(|(record, json)| NewRecord {
                external_id: &record.external_id,
                payload: json,
                fingerprint: record.fingerprint.to_bytes(),
                created_at: record.created_at,
                updated_at: record.updated_at,
                as_of: stream.now,
                presence: Presence::Here,
            })
            .collect();
        let rejected: Vec<NewRecordError<'_>> = rejected
            .iter()
            .map(|rejected| NewRecordError {
                external_id: rejected.why.external_id.as_deref(),
                code: rejected.why.code,
                message: &rejected.why.message,
                as_of: Some(stream.now),
                payload: &rejected.bytes,
                payload_of: PayloadOf::Record,
                truncated: rejected.truncated,
            })
            .collect();
        let put = Put {
            tenant_id: self.caller.tenant(),
            entity: self.entity,
            stream_id: stream.id,
            records: &records,
            rejected: &rejected,
        };
        let counts = own_records::put(&self.api.store, &put).await?;
        self.counts.created += counts.created;
        self.counts.updated += counts.updated;
        self.counts.unchanged += counts.unchanged;
        Ok(())
    }

    /// The stream, and the time of this request: all of its records are as of then.
    async fn stream(&mut self) -> Result<OwnStream, Problem> {
        if let Some(stream) = self.stream {
            return Ok(stream);
        }
        let mut transaction = self.api.store.begin().await?;
        let stream =
            own_records::ensure(&mut transaction, self.caller.tenant(), self.entity).await?;
        audit::write(
            &mut transaction,
            self.caller.actor(),
            "records.put",
            self.entity,
        )
        .await?;
        transaction.commit().await?;
        self.stream = Some(stream);
        Ok(stream)
    }

    fn committed(&self) -> u64 {
        let Counts {
            created,
            updated,
            unchanged,
            deleted: _,
        } = self.counts;
        u64::try_from(created + updated + unchanged).unwrap_or_default()
    }
}

fn broken(Broken(why): Broken) -> Problem {
    malformed(&why)
}

fn malformed(why: &str) -> Problem {
    let detail = format!("The body cannot be read on: {why}. What stands before is stored.");
    Problem::new(
        poem::http::StatusCode::BAD_REQUEST,
        "malformed-json",
        detail,
    )
}
