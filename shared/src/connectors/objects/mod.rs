//! Object stores: the second way to read a connection's records, behind the same methods as the first.
//!
//! There are two entities. `objects` is the listing itself, a record for each object. `rows` are the records inside the
//! objects that the connection's settings choose: CSV, JSON, NDJSON and Parquet, packed by gzip or not.
//!
//! No store tells what changed since an instant, so the listing is read whole each time; of it, an INCREMENTAL walk through
//! `rows` opens what was last modified after the checkpoint. What is gone shows only in a whole walk.

mod csv;
mod gather;
mod gzip;
mod json;
mod lines;
mod page_header;
mod parquet;
mod place;
mod plan;
mod probe;
mod remote;
mod render;
mod rows;
mod schema;
mod settings;
mod text;
mod thrift;
mod walk;

#[cfg(test)]
mod tests;

pub(super) use self::place::WalkPlace;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;

use self::gather::Known;
use self::rows::Room;
use self::settings::Settings;
use self::walk::Held;
use super::classify::Vendor;
use super::file::{Errors, Rate};
use super::lift::Pointer;
use super::one::{Kept, One};
use super::session::Session;
use crate::blobs::{Bucket, NotRead, Turns};
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::Http;

/// The listing.
pub(super) const OBJECTS: &str = "objects";
/// What is inside the objects.
pub(super) const ROWS: &str = "rows";

/// The section of a catalogue file whose records are in an object store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreRules {
    pub kind: StoreKind,
    /// How far before its own beginning a run's checkpoint is set, unless the connection says otherwise.
    pub lookback_minutes: u32,
    /// Where requests go in place of the store's own address: the operator's word.
    #[serde(skip)]
    pub base_url: Option<String>,
    /// How many requests it bears, as the file says of every vendor.
    #[serde(skip)]
    pub rate: Option<Rate>,
}

impl StoreRules {
    /// The operator's address, by which budgets are told apart.
    pub(super) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or_default()
    }
}

/// The protocols that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoreKind {
    S3,
    AzureBlob,
}

/// A connection's bucket, and what is to be read of it.
#[derive(Debug)]
pub(super) struct ObjectStore {
    name: String,
    errors: Errors,
    bucket: Bucket,
    settings: Settings,
    room: Room,
    /// The object that is being read: whoever asks for the page after the last one goes on in it.
    held: Mutex<Option<Held>>,
}

impl ObjectStore {
    /// From what a connection says; nothing is asked of the store yet.
    pub(super) fn open(
        name: &str,
        rules: &StoreRules,
        http: &Http,
        session: &Session,
    ) -> Result<Self, Failure> {
        Ok(Self {
            name: name.to_owned(),
            errors: Errors::default(),
            bucket: settings::bucket(rules, http, session)?,
            settings: Settings::of(rules, session)?,
            room: Room::PAGE,
            held: Mutex::default(),
        })
    }

    /// The same, whose requests are sent when it is their turn.
    pub(super) fn paced(self, turns: Turns) -> Self {
        Self {
            bucket: self.bucket.paced(turns),
            ..self
        }
    }

    /// Reads bytes that were kept whole, by the rules of today.
    pub(super) fn read_again(&self, entity: &str, kept: &Kept) -> Result<One, Failure> {
        self.knows(entity)?;
        let known = Known::again(entity, &self.settings);
        Ok(gather::again(known, kept))
    }

    fn knows(&self, entity: &str) -> Result<(), Failure> {
        if matches!(entity, OBJECTS | ROWS) {
            return Ok(());
        }
        Err(misconfigured(format!("{} has no {entity}.", self.name)))
    }

    /// The failure behind what was not read, where that is about more than one object.
    fn failure(&self, not_read: NotRead, session: &Session, what: &str) -> Failure {
        match not_read {
            NotRead::Refused(failure) => failure,
            NotRead::Unanswered(error) => Vendor {
                name: &self.name,
                errors: &self.errors,
                session,
                rules: &[],
                secrets: &[],
            }
            .silence(&error, what),
            // Only objects are changed, gone or unreadable; of a listing these are no answers.
            NotRead::Changed | NotRead::Gone | NotRead::Unreadable { .. } => {
                let message = format!("{} gave no sense for {what}.", self.name);
                let kind = FailureKind::MalformedAnswer;
                Failure::passing(Origin::Vendor, kind, message)
            }
        }
    }
}

fn misconfigured(message: impl Into<String>) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}

/// Where the member of this name is in a record; what begins with a slash leads further inside.
fn pointer(field: &str) -> Result<Pointer, Failure> {
    let text = if field.starts_with('/') {
        field.to_owned()
    } else {
        format!("/{}", field.replace('~', "~0").replace('/', "~1"))
    };
    Pointer::try_from(text).map_err(misconfigured)
}
