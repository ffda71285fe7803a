//! Takes the platform's own records in: a body of any length, a batch at a time.

mod pushed;
mod split;

use rail_shared::connectors::{OwnRecord, OwnRules, Refused};
use rail_shared::domain::Presence;
use rail_shared::store::audit;
use rail_shared::store::own_records::{self, OwnStream};
use rail_shared::store::records::{Counts, NewRecord};

pub use pushed::Pushed;
use split::{Form, MAX_RECORD_BYTES, Piece, Splitter};

use crate::auth::Caller;
use crate::problem::Problem;
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
pub async fn feed(
    api: &Api,
    caller: &Caller,
    entity: &str,
    rules: &OwnRules,
    mut body: Pushed,
) -> Result<RecordsPut, Problem> {
    let _place = api.uploads.take().await?;
    let mut feeding = Feeding {
        api,
        caller,
        entity,
        rules,
        form: body.form(),
        stream: None,
        batch: Vec::new(),
        batch_bytes: 0,
        counts: Counts::default(),
        errors: 0,
        refused: Vec::new(),
    };
    match feeding.read(&mut body).await {
        Ok(()) => Ok(RecordsPut::new(
            entity,
            feeding.counts,
            feeding.errors,
            feeding.refused,
        )),
        Err(problem) => Err(problem.with_committed(feeding.committed())),
    }
}

struct Feeding<'a> {
    api: &'a Api,
    caller: &'a Caller,
    entity: &'a str,
    rules: &'a OwnRules,
    form: Form,
    /// Made with the first batch.
    stream: Option<OwnStream>,
    batch: Vec<(OwnRecord, String)>,
    batch_bytes: usize,
    counts: Counts,
    errors: u64,
    refused: Vec<RefusedRecord>,
}

impl Feeding<'_> {
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
            if let Err(problem) = self.add(piece) {
                self.commit().await?;
                return Err(problem);
            }
            if self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// Adds a record to the batch, or to those that cannot be stored.
    fn add(&mut self, piece: Piece) -> Result<(), Problem> {
        let Piece { place, bytes } = piece;
        let refuse = |code, message: String| Refused {
            external_id: None,
            code,
            message,
        };
        let read = match bytes.map(String::from_utf8) {
            None => {
                let message = format!("the record has more than {MAX_RECORD_BYTES} bytes");
                Err(refuse("too-large", message))
            }
            Some(Err(_)) => Err(refuse("not-utf8", "the record is not UTF-8".to_owned())),
            Some(Ok(json)) => self.rules.read(&json).map(|record| (record, json)),
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
                self.errors += 1;
                if self.refused.len() < SHOWN {
                    self.refused.push(RefusedRecord::new(place, refused));
                }
            }
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Problem> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let stream = self.stream().await?;
        let batch = std::mem::take(&mut self.batch);
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
        let tenant = self.caller.tenant();
        let counts =
            own_records::put(&self.api.store, tenant, self.entity, stream.id, &records).await?;
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

fn broken(split::Broken(why): split::Broken) -> Problem {
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
