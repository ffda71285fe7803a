//! The names of an entity's fields, asked of vendors that send only what they are asked for.

use std::collections::HashMap;
use std::sync::Arc;

use super::coverage::Span;
use super::cursor::{Position, Walk};
use super::draft::Draft;
use super::exchange::Exchange;
use super::file::FieldsCall;
use super::lift::{lift, open, word};
use super::rules::EntityRules;
use super::{Cursor, Page, Source};
use crate::domain::{Failure, FailureKind, Origin};

/// What is known of an entity's fields.
#[derive(Debug)]
pub(super) struct Described {
    /// The names of those that are asked for.
    pub names: Vec<String>,
    /// The types by name, where they are told.
    pub kinds: HashMap<String, String>,
}

impl Source {
    /// A request with the names of all fields, where it mentions them.
    pub(super) async fn with_fields(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
        mut draft: Draft,
    ) -> Result<Draft, Failure> {
        if let Some(call) = rules.fields.as_ref().filter(|_| draft.mentions("fields")) {
            let fields = self.fields_of(exchange, rules).await?;
            draft.fields(&fields.names, &call.join);
        }
        Ok(draft)
    }

    /// The fields; asked for once.
    pub(super) async fn fields_of(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
    ) -> Result<Arc<Described>, Failure> {
        if let Some(fields) = self.fields.lock().await.get(&rules.name) {
            return Ok(Arc::clone(fields));
        }
        let Some(call) = &rules.fields else {
            return Err(Failure::internal());
        };
        let exchanged = exchange.send(&Draft::get(&call.path)).await?;
        let otherwise = call
            .otherwise
            .as_ref()
            .filter(|_| exchanged.answer.status == 404);
        let described = match (exchange.failure(&exchanged), otherwise) {
            (Some(_), Some(otherwise)) => Described {
                names: otherwise.clone(),
                kinds: HashMap::new(),
            },
            (Some(failure), None) => return Err(failure),
            (None, _) => described(&exchanged.answer.body, call).ok_or_else(|| {
                let message = format!(
                    "{}'s answer to {} names no fields of {}.",
                    exchange.name,
                    exchanged.what(),
                    rules.name
                );
                let kind = FailureKind::MalformedAnswer;
                Failure::passing(Origin::Vendor, kind, message)
            })?,
        };
        if let Some(other) = other_name(&exchanged.answer.body, call, rules) {
            let message = format!(
                "{} calls this entity {other}; name it so, and not {}.",
                exchange.name, rules.name
            );
            return Err(self.misconfigured(message));
        }
        let fields = Arc::new(described);
        let mut known = self.fields.lock().await;
        known.insert(rules.name.clone(), Arc::clone(&fields));
        Ok(fields)
    }

    /// Where a walk leads that its entity has not the fields for: to everything, where what changed cannot be told. `None`
    /// where it has them.
    ///
    /// # Errors
    /// Where it is to be limited by a time that its records do not have.
    pub(super) async fn detour(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
        cursor: &Cursor,
    ) -> Result<Option<Page>, Failure> {
        let Some(call) = rules.fields.as_ref() else {
            return Ok(None);
        };
        let needs = match &cursor.walk {
            // Those of further pages were looked at with the first.
            _ if cursor.position != Position::Start => return Ok(None),
            Walk::Changed { .. } => &call.changes_need,
            Walk::List { span, .. } if *span != Span::ALL => &call.window_needs,
            _ => return Ok(None),
        };
        if needs.is_empty() {
            return Ok(None);
        }
        let fields = self.fields_of(exchange, rules).await?;
        let Some(lacking) = needs.iter().find(|name| !fields.names.contains(name)) else {
            return Ok(None);
        };
        if let Walk::List { .. } = cursor.walk {
            return Err(self.misconfigured(format!(
                "{} cannot list {} by date, as it has no {lacking}; leave dateRange out.",
                exchange.name, rules.name
            )));
        }
        Ok(Some(Page {
            next: Some(cursor.clone().whole_list()),
            ..Page::of_nothing()
        }))
    }
}

/// The vendor's own name of an entity that a caller named otherwise.
fn other_name(body: &[u8], call: &FieldsCall, rules: &EntityRules) -> Option<String> {
    let at = call.called.as_ref().filter(|_| rules.named_by_caller)?;
    let [found] = lift(std::str::from_utf8(body).ok()?, [Some(at)]).ok()?;
    word(found?).filter(|called| *called != rules.name)
}

/// The fields in an answer; `None` where there are none.
fn described(body: &[u8], call: &FieldsCall) -> Option<Described> {
    let opened = open(std::str::from_utf8(body).ok()?, &call.fields, [None; 0]).ok()?;
    let (mut names, mut kinds) = (Vec::new(), HashMap::new());
    for field in opened.elements? {
        let Ok([Some(name), kind]) = lift(field, [Some(&call.name), call.kind.as_ref()]) else {
            continue;
        };
        let (Some(name), kind) = (word(name), kind.and_then(word)) else {
            continue;
        };
        if kind
            .as_ref()
            .is_some_and(|kind| call.leave_out.contains(kind))
        {
            continue;
        }
        kinds.extend(kind.map(|kind| (name.clone(), kind)));
        names.push(name);
    }
    (!names.is_empty()).then_some(Described { names, kinds })
}
