//! The names of an entity's fields, asked of vendors that send only what they are asked for.

use std::sync::Arc;

use super::Source;
use super::draft::Draft;
use super::exchange::Exchange;
use super::lift::{lift, open, word};
use super::rules::EntityRules;
use crate::domain::{Failure, FailureKind, Origin};

impl Source {
    /// The names of all fields, joined as the file says; asked for once.
    pub(super) async fn fields_of(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
    ) -> Result<Arc<str>, Failure> {
        let mut known = self.fields.lock().await;
        if let Some(fields) = known.get(&rules.name) {
            return Ok(Arc::clone(fields));
        }
        let Some(call) = &rules.fields else {
            return Err(Failure::internal());
        };
        let exchanged = exchange.send(&Draft::get(&call.path)).await?;
        if let Some(failure) = exchange.failure(&exchanged) {
            return Err(failure);
        }
        let body = std::str::from_utf8(&exchanged.answer.body).unwrap_or_default();
        let opened = open(body, &call.fields, [None; 0]).ok();
        let elements = opened
            .and_then(|opened| opened.elements)
            .unwrap_or_default();
        let names = elements.iter().filter_map(|field| {
            let [name] = lift(field, [Some(&call.name)]).ok()?;
            word(name?)
        });
        let fields = names.collect::<Vec<_>>().join(&call.join);
        if fields.is_empty() {
            let message = format!(
                "{}'s answer to {} names no fields of {}.",
                exchange.name,
                exchanged.what(),
                rules.name
            );
            let kind = FailureKind::MalformedAnswer;
            return Err(Failure::passing(Origin::Vendor, kind, message));
        }
        let fields: Arc<str> = fields.into();
        known.insert(rules.name.clone(), Arc::clone(&fields));
        Ok(fields)
    }
}
