//! The small types that wire types are made of.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use rail_shared::domain::{
    AttemptOutcome, Category, ChangeKind, ConnectionId, ConnectionStatus, ConnectorStatus,
    CountedFor, Counting, DeliveryOutcome, DestinationType, Difference, EventId, EventType,
    ExportFormat, ExportId, FailureKind, Frequency, JobId, JobKind, JobState, JsonLayout, KeyId,
    LogKind, MissedRuns, Nested, Origin, Packing, Priority, RecordErrorId, RecordErrorStatus,
    RunId, Scope, SnapshotId, SyncId, SyncMode, Trigger, WebhookId, WebhookStatus,
};
use rail_shared::store::JsonText;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Gives a type what poem-openapi asks of every type. None of these is read from JSON by poem-openapi: bodies are read
/// by [`Body`](crate::http::body::Body).
macro_rules! wire {
    ([$($bounds:tt)*] $type:ty, $name:expr, $schema_ref:expr, $register:expr) => {
        impl<$($bounds)*> Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn schema_ref() -> MetaSchemaRef {
                $schema_ref
            }

            fn register(registry: &mut Registry) {
                let register: fn(&mut Registry) = $register;
                register(registry);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl<$($bounds)*> ParseFromJSON for $type {
            fn parse_from_json(_: Option<Value>) -> ParseResult<Self> {
                Err(ParseError::custom("bodies are read elsewhere"))
            }
        }

        impl<$($bounds)*> ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}
pub(crate) use wire;

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

/// A closed set of the contract.
pub trait ClosedSet: Copy + Send + Sync + 'static {
    /// What the set is called in the document.
    const NAME: &'static str;
    /// Every spelling.
    const WORDS: &'static [&'static str];
    /// This one's spelling.
    fn word(self) -> &'static str;
}

macro_rules! closed_sets {
    ($($type:ty = $name:literal),+ $(,)?) => {$(
        impl ClosedSet for $type {
            const NAME: &'static str = $name;
            const WORDS: &'static [&'static str] = <$type>::WORDS;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

closed_sets!(
    AttemptOutcome = "AttemptOutcome",
    Category = "Category",
    ChangeKind = "ChangeKind",
    ConnectorStatus = "ConnectorStatus",
    ConnectionStatus = "ConnectionStatus",
    CountedFor = "CountedFor",
    Counting = "BudgetCounting",
    DeliveryOutcome = "DeliveryOutcome",
    DestinationType = "DestinationType",
    Difference = "Difference",
    EventType = "EventType",
    ExportFormat = "ExportFormat",
    Frequency = "Frequency",
    JobState = "JobStatus",
    JsonLayout = "JsonLayout",
    LogKind = "LogKind",
    MissedRuns = "MissedRuns",
    Nested = "NestedValues",
    Packing = "Compression",
    Priority = "RequestPriority",
    RecordErrorStatus = "RecordErrorStatus",
    Scope = "Scope",
    SyncMode = "SyncMode",
    Trigger = "SyncTrigger",
    WebhookStatus = "WebhookStatus",
);

/// Those that callers see: a webhook's job is the webhook.
impl ClosedSet for JobKind {
    const NAME: &'static str = "JobKind";
    const WORDS: &'static [&'static str] = &[Self::Sync.as_str(), Self::Export.as_str()];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedSet for Origin {
    const NAME: &'static str = "ErrorOrigin";
    const WORDS: &'static [&'static str] = &["VENDOR", "DESTINATION", "CONFIGURATION", "INTERNAL"];
    fn word(self) -> &'static str {
        match self {
            Self::Vendor => "VENDOR",
            Self::Destination => "DESTINATION",
            Self::Configuration => "CONFIGURATION",
            Self::Internal => "INTERNAL",
        }
    }
}

impl ClosedSet for FailureKind {
    const NAME: &'static str = "ErrorKind";
    const WORDS: &'static [&'static str] = &[
        "credentials-rejected",
        "permission-denied",
        "rate-limited",
        "unavailable",
        "malformed-answer",
        "refused",
        "not-found",
        "misconfigured",
        "deletes-refused",
        "too-many-record-errors",
        "internal",
    ];
    fn word(self) -> &'static str {
        match self {
            Self::CredentialsRejected => "credentials-rejected",
            Self::PermissionDenied => "permission-denied",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::MalformedAnswer => "malformed-answer",
            Self::Refused => "refused",
            Self::NotFound => "not-found",
            Self::Misconfigured => "misconfigured",
            Self::DeletesRefused => "deletes-refused",
            Self::TooManyRecordErrors => "too-many-record-errors",
            Self::Internal => "internal",
        }
    }
}

/// A word of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word<T>(pub T);

wire!([T: ClosedSet] Word<T>, T::NAME, MetaSchemaRef::Reference(T::NAME.to_owned()), |registry| {
    registry.create_schema::<Self, _>(T::NAME.to_owned(), |_| MetaSchema {
        enum_items: T::WORDS.iter().map(|word| Value::from(*word)).collect(),
        ..MetaSchema::new("string")
    });
});

impl<T: ClosedSet> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: ClosedSet + FromStr> ParseFromParameter for Word<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let known = T::WORDS.contains(&text).then(|| text.parse().ok());
        known
            .flatten()
            .map(Self)
            .ok_or_else(|| ParseError::custom(format!("it is one of {}", T::WORDS.join(", "))))
    }
}

/// An identity.
pub trait Identity: Copy + Display + FromStr + Send + Sync + 'static {
    /// What it begins with.
    const PREFIX: &'static str;
    /// The number inside.
    fn number(self) -> Uuid;
}

macro_rules! identities {
    ($($type:ty),+ $(,)?) => {$(
        impl Identity for $type {
            const PREFIX: &'static str = <$type>::PREFIX;
            fn number(self) -> Uuid {
                self.uuid()
            }
        }
    )+};
}

identities!(
    ConnectionId,
    EventId,
    ExportId,
    JobId,
    KeyId,
    RecordErrorId,
    RunId,
    SnapshotId,
    SyncId,
    WebhookId
);

/// An identity as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id<T>(pub T);

wire!([T: Identity] Id<T>, T::PREFIX, inline(MetaSchema {
    pattern: Some(format!("^{}[0-7][0-9a-hjkmnp-tv-z]{{25}}$", T::PREFIX)),
    example: Some(Value::from(format!("{}01k9c4e7rzf8tv5b2n6wq3xm0d", T::PREFIX))),
    ..MetaSchema::new("string")
}), |_| {});

impl<T: Identity> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<T: Identity> ParseFromParameter for Id<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map(Self).map_err(|_| {
            ParseError::custom(format!("it begins with {} and 26 digits follow", T::PREFIX))
        })
    }
}

fn any_object() -> MetaSchemaRef {
    inline(MetaSchema {
        additional_properties: Some(Box::new(inline(MetaSchema::ANY))),
        ..MetaSchema::new("object")
    })
}

/// An object of any fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnyObject(pub Map<String, Value>);

wire!([] AnyObject, "AnyObject", any_object(), |_| {});

impl From<Value> for AnyObject {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(members) => Self(members),
            _ => Self(Map::new()),
        }
    }
}

/// An object as it is stored, numbers with all their digits.
#[derive(Debug, Clone)]
pub struct ExactObject(Box<RawValue>);

wire!([] ExactObject, "ExactObject", any_object(), |_| {});

impl From<JsonText> for ExactObject {
    fn from(text: JsonText) -> Self {
        Self(RawValue::from_string(text.to_string()).unwrap_or_default())
    }
}

impl Serialize for ExactObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
