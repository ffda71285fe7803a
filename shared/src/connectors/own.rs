//! What is read out of one record, whoever sends it: a vendor, or the platform itself.

use chrono::{DateTime, Utc};

use super::file::{IdPart, Order, Time};
use super::lift::{Members, Pointer, lift, word};
use super::rules::RecordRules;
use super::times::TimeFormat;
use crate::domain::{Fingerprint, Presence, Unstorable, fingerprint_showing};

/// Longer ids would not fit Postgres' indexes.
const MAX_ID_BYTES: usize = 512;

/// Why a record cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its id, where one could be read.
    pub external_id: Option<String>,
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            external_id: None,
            code,
            message: message.into(),
        }
    }

    /// JSON that Postgres cannot hold.
    pub(super) fn unstorable(external_id: Option<String>, why: Unstorable) -> Self {
        let code = match why {
            Unstorable::NulCharacter => "nul-character",
            Unstorable::LoneSurrogate => "lone-surrogate",
            Unstorable::TooDeep => "too-deep",
            Unstorable::NumberTooLarge => "number-too-large",
            Unstorable::NotJson => "not-json",
        };
        Self {
            external_id,
            code,
            message: why.to_string(),
        }
    }
}

/// What every record has.
pub(super) struct Lifted {
    pub id: String,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub presence: Presence,
    /// Or why Postgres could not hold it.
    pub fingerprint: Result<Fingerprint, Unstorable>,
}

/// Lifts what every record has out of one, in one pass. `parent` is that under which it is listed.
pub(super) fn lift_record(
    json: &str,
    rules: &RecordRules,
    parent: Option<&str>,
) -> Result<Lifted, Refused> {
    if !json.starts_with('{') {
        return Err(Refused::new(
            "not-an-object",
            "the record is not a JSON object",
        ));
    }
    let times = [&rules.created_at, &rules.updated_at].map(Option::as_ref);
    let [created, updated] = times.map(|time| time.map(|time| &time.at));
    let gone = rules.gone.as_ref();
    let part = |place: usize| match rules.id.get(place) {
        Some(IdPart::At(at)) => Some(at),
        Some(IdPart::Parent) | None => None,
    };
    let wanted = [
        part(0),
        created,
        updated,
        gone.map(|mark| &mark.at),
        part(1),
        part(2),
        part(3),
    ];
    let mut members = Members::new(wanted);
    let fingerprint = fingerprint_showing(json, |key, value| members.see(key, value));
    let lifted = match fingerprint {
        Ok(_) => members.lifted(json),
        // It is to be told which record it is.
        Err(_) => lift(json, wanted),
    };
    let Ok([first, created, updated, mark, second, third, fourth]) = lifted else {
        return Err(Refused::new(
            "unreadable-record",
            "the record cannot be read",
        ));
    };
    let parts = rules.id.iter().zip([first, second, third, fourth]);
    let mut id = String::new();
    for (place, (part, found)) in parts.enumerate() {
        let text = match part {
            IdPart::At(_) => found.and_then(word),
            IdPart::Parent => parent.map(str::to_owned),
        };
        let Some(text) = text else {
            let at = match part {
                IdPart::At(at) => format!(" at {at}"),
                IdPart::Parent => String::new(),
            };
            return Err(Refused::new("no-id", format!("the record has no id{at}")));
        };
        if place == 0 {
            id = text;
        } else {
            id.push(':');
            id.push_str(&text);
        }
    }
    if id.len() > MAX_ID_BYTES || id.contains('\0') {
        let message = "the record's id is too long or holds U+0000";
        return Err(Refused::new("unusable-id", message));
    }
    let read = |time: Option<&Time>, json: Option<&str>| time?.format.read(json?);
    let is_gone = gone.is_some_and(|gone| mark.is_some_and(|mark| says(mark, &gone.equals)));
    Ok(Lifted {
        id,
        created_at: read(times[0], created),
        updated_at: read(times[1], updated),
        presence: if is_gone {
            Presence::Gone
        } else {
            Presence::Here
        },
        fingerprint,
    })
}

/// Whether a value is this text, or is spelled so.
fn says(json: &str, text: &str) -> bool {
    json == text || word(json).is_some_and(|word| word == text)
}

/// A text that is no JSON pointer to a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a JSON pointer begins with a slash, as /id does")]
pub struct BadPointer;

/// How the records that the platform puts in itself are read.
#[derive(Debug, Clone)]
pub struct OwnRules(RecordRules);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRecord {
    /// Its id.
    pub external_id: String,
    /// Of its JSON.
    pub fingerprint: Fingerprint,
    /// When it says it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When it says it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

impl OwnRules {
    /// The id is where this pointer leads, a text or a whole number; the times at `/createdAt` and `/updatedAt`, as RFC 3339
    /// writes them.
    ///
    /// # Errors
    /// [`BadPointer`].
    pub fn new(id_at: &str) -> Result<Self, BadPointer> {
        let pointer = |text: &str| Pointer::try_from(text.to_owned()).map_err(|_| BadPointer);
        let time = |text: &str| {
            pointer(text).map(|at| Time {
                at,
                format: TimeFormat::Rfc3339,
            })
        };
        if id_at.is_empty() {
            return Err(BadPointer);
        }
        Ok(Self(RecordRules {
            id: vec![IdPart::At(pointer(id_at)?)],
            created_at: Some(time("/createdAt")?),
            updated_at: Some(time("/updatedAt")?),
            gone: None,
            order: Order::Unordered,
        }))
    }

    /// Reads a record: JSON without white space around it.
    ///
    /// # Errors
    /// [`Refused`], by the rules that a vendor's records go by.
    pub fn read(&self, json: &str) -> Result<OwnRecord, Refused> {
        let lifted = lift_record(json, &self.0, None)?;
        match lifted.fingerprint {
            Ok(fingerprint) => Ok(OwnRecord {
                external_id: lifted.id,
                fingerprint,
                created_at: lifted.created_at,
                updated_at: lifted.updated_at,
            }),
            Err(why) => Err(Refused::unstorable(Some(lifted.id), why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_own_records_go_by_the_rules_of_a_vendors() {
        let rules = OwnRules::new("/contract/no").unwrap();
        let read = rules.read(
            r#"{"contract":{"no":17},"createdAt":"2025-01-02T03:04:05+01:00","updatedAt":"soon"}"#,
        );
        let record = read.unwrap();
        assert_eq!(record.external_id, "17");
        assert_eq!(
            record.created_at,
            Some("2025-01-02T02:04:05Z".parse().unwrap())
        );
        assert_eq!(record.updated_at, None, "what is no time is left in place");
        for (json, code, id) in [
            ("[1]", "not-an-object", None),
            (r#"{"contract":{"no":1}"#, "unreadable-record", None),
            (r#"{"id":"a"}"#, "no-id", None),
            (r#"{"contract":{"no":"a\u0000"}}"#, "unusable-id", None),
            (
                r#"{"contract":{"no":"a"},"x":"\u0000"}"#,
                "nul-character",
                Some("a"),
            ),
        ] {
            let refused = rules.read(json).unwrap_err();
            assert_eq!(
                (refused.code, refused.external_id.as_deref()),
                (code, id),
                "{json}"
            );
        }
        assert!(OwnRules::new("id").is_err() && OwnRules::new("").is_err());
    }
}
