//! Reading one record: at the vendor by its id, or again out of bytes that were kept.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Source;
use super::draft::Draft;
use super::exchange::{Exchanged, path_segment};
use super::lift::lift;
use super::page::{Record, Rejected};
use super::rules::{EntityRules, ItemRules};
use super::select::{Context, Section, Selection, bounded, from_feed, from_list};
use crate::domain::{Failure, FailureKind, Origin, PayloadOf};

/// What reading one record brought.
#[derive(Debug, Clone)]
pub enum One {
    /// The record.
    Found(Box<Record>),
    /// A record that cannot be stored.
    Rejected(Box<Rejected>),
    /// The vendor has no such record (any more).
    Gone {
        /// The instant for which the vendor vouched for that.
        as_of: DateTime<Utc>,
    },
    /// Bytes that, as they are read now, are about no record of the entity.
    Nothing,
}

/// What was kept of a record that could not be stored.
#[derive(Debug, Clone)]
pub struct Kept {
    /// All of its bytes.
    pub payload: Bytes,
    /// What they are.
    pub payload_of: PayloadOf,
    /// The instant for which the vendor vouched for them.
    pub as_of: DateTime<Utc>,
}

impl Source {
    /// Whether single records of the entity can be asked for.
    #[must_use]
    pub fn reads_one(&self, entity: &str) -> bool {
        self.rules(entity).is_ok_and(|rules| rules.item.is_some())
    }

    /// Reads the record of this id at the vendor.
    ///
    /// # Errors
    /// A typed [`Failure`] that is not about this record alone, or that may pass.
    pub async fn read_one(&self, entity: &str, id: &str) -> Result<One, Failure> {
        let rules = &*self.rules(entity)?;
        let Some(item) = &rules.item else {
            let message = format!(
                "{} cannot be asked for single {entity}.",
                self.definition.name
            );
            let kind = FailureKind::Refused;
            return Err(Failure::lasting(Origin::Configuration, kind, message));
        };
        if matches!(id, "" | "." | "..") {
            let message = format!("{} cannot be asked for this id.", self.definition.name);
            return Err(Failure::lasting(
                Origin::Vendor,
                FailureKind::Refused,
                message,
            ));
        };
        let mut draft = Draft::get(&item.path.replace("{id}", &path_segment(id)));
        draft.query.clone_from(&item.query);
        let exchange = self.exchange()?;
        let draft = self.with_fields(&exchange, rules, draft).await?;
        let exchanged = exchange.send(&draft).await?;
        let Exchanged { answer, .. } = &exchanged;
        let as_of = answer.date().unwrap_or(answer.received_at);
        if exchange.vendor().is_success(answer) {
            return Ok(read_answer(&answer.body, rules, item, id, as_of));
        }
        if exchange
            .vendor()
            .is_missing(answer, item.missing_codes.as_deref())
        {
            return Ok(One::Gone { as_of });
        }
        Err(exchange.refusal(&exchanged))
    }

    /// Reads bytes that were kept whole, by the rules of today.
    ///
    /// # Errors
    /// When the entity is not known.
    pub fn read_again(&self, entity: &str, kept: &Kept) -> Result<One, Failure> {
        if let Some(store) = self.store()? {
            return store.read_again(entity, kept);
        }
        let rules = &*self.rules(entity)?;
        let Kept {
            payload,
            payload_of,
            as_of,
        } = kept;
        let Ok(text) = std::str::from_utf8(payload) else {
            return Ok(unreadable(payload, None, *as_of));
        };
        let selection = match (payload_of, &rules.feed) {
            (PayloadOf::Change, Some(feed)) => {
                from_feed(payload, &[text], rules, feed, None, *as_of)
            }
            (PayloadOf::Change, None) => return Ok(unreadable(payload, None, *as_of)),
            (PayloadOf::Record, _) => single(payload, text, rules, *as_of),
        };
        Ok(the_one(selection))
    }
}

/// An answer of success.
fn read_answer(
    body: &Bytes,
    rules: &EntityRules,
    item: &ItemRules,
    id: &str,
    as_of: DateTime<Utc>,
) -> One {
    let text = std::str::from_utf8(body).ok();
    let places = [Some(&item.record), item.deleted.as_ref()];
    let Some(Ok([Some(record), deleted])) = text.map(|text| lift(text, places)) else {
        return unreadable(body, Some(id), as_of);
    };
    if deleted == Some("true") {
        return One::Gone { as_of };
    }
    match the_one(single(body, record, rules, as_of)) {
        One::Found(record) if record.external_id != id => One::Rejected(Box::new(Rejected {
            external_id: Some(id.to_owned()),
            code: "other-record",
            message: format!(
                "asked for {id}, the vendor answered with {}",
                record.external_id
            ),
            ..rejected(body, as_of)
        })),
        One::Rejected(mut rejected) => {
            rejected.external_id = Some(id.to_owned());
            One::Rejected(rejected)
        }
        one => one,
    }
}

fn single<'b>(
    body: &'b Bytes,
    record: &'b str,
    rules: &EntityRules,
    as_of: DateTime<Utc>,
) -> Selection {
    let section = Section {
        elements: vec![record],
        presence: None,
    };
    from_list(body, &[section], rules, &Context::default(), as_of)
}

fn the_one(mut selection: Selection) -> One {
    match (selection.records.pop(), selection.rejected.pop()) {
        (Some(record), _) => One::Found(Box::new(record)),
        (None, Some(rejected)) => One::Rejected(Box::new(rejected)),
        (None, None) => One::Nothing,
    }
}

fn unreadable(body: &Bytes, id: Option<&str>, as_of: DateTime<Utc>) -> One {
    One::Rejected(Box::new(Rejected {
        external_id: id.map(str::to_owned),
        ..rejected(body, as_of)
    }))
}

fn rejected(body: &Bytes, as_of: DateTime<Utc>) -> Rejected {
    // What is no text is kept as it came, up to where it ceases to be one.
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default(),
    };
    let (payload, cut) = bounded(body, text);
    Rejected {
        external_id: None,
        code: "unreadable-record",
        message: "the record cannot be read".to_owned(),
        as_of: Some(as_of),
        payload,
        payload_of: PayloadOf::Record,
        truncated: cut || text.len() < body.len(),
    }
}
