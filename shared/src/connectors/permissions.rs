//! Whether credentials work, and what they may do.

use std::time::Duration;

use chrono::TimeDelta;
use futures::StreamExt;
use futures::stream;
use secrecy::ExposeSecret;

use super::cursor::Position;
use super::draft::Draft;
use super::exchange::{Exchange, Exchanged};
use super::file::Under;
use super::rules::EntityRules;
use super::{Ask, Checkpoint, Source};
use crate::domain::{Failure, FailureKind, Origin, SyncMode};

/// How many lists are tried at once.
const PROBES_AT_ONCE: usize = 4;
/// How long the vendor may take to say whether credentials work.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long lists are tried then: a vendor that is slow is not waited for to the last one.
const PROBES_LIMIT: Duration = Duration::from_secs(15);

/// How much a test finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Whether the credentials are accepted.
    Credentials,
    /// And which entities they may read.
    Permissions,
}

/// What a test of a connection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// Of the first request.
    pub latency_ms: u64,
    /// The API version the vendor answered with, where it says.
    pub version: Option<String>,
    /// What the credentials may do: `read`, `write`.
    pub permissions: Vec<String>,
    /// What a sync would need and the credentials may not do: `invoices:read`.
    pub missing_permissions: Vec<String>,
}

/// Asks the test call. Where it is forbidden, asks the fallback, and tries each entity in any case.
pub(super) async fn test(source: &Source, extent: Extent) -> Result<TestReport, Failure> {
    let exchange = &source.exchange()?;
    let (first, forbidden_too) = tokio::time::timeout(ANSWER_WITHIN, asked(exchange))
        .await
        .map_err(|_| {
            let (name, seconds) = (exchange.name, ANSWER_WITHIN.as_secs());
            let message = format!("{name} gave no answer within {seconds} s.");
            Failure::passing(Origin::Vendor, FailureKind::Unavailable, message)
        })??;
    let latency_ms = u64::try_from(first.answer.latency.as_millis()).unwrap_or(u64::MAX);
    let mut report = TestReport {
        latency_ms,
        version: version_of(exchange, &first),
        permissions: vec!["read".to_owned()],
        missing_permissions: Vec::new(),
    };
    let forbidden = exchange.failure(&first);
    match &forbidden {
        None => report.permissions.extend(granted(exchange)),
        Some(failure) if failure.kind != FailureKind::PermissionDenied => {
            return Err(failure.clone());
        }
        Some(_) => {
            if let Some(second) = forbidden_too {
                report.version = report.version.or_else(|| version_of(exchange, &second));
                match exchange.failure(&second) {
                    Some(other) if other.kind != FailureKind::PermissionDenied => {
                        return Err(other);
                    }
                    _ => {}
                }
            }
        }
    }
    if extent == Extent::Credentials && forbidden.is_none() {
        return Ok(report);
    }
    let answers = probes(source, exchange).await;
    let none_allowed = answers.iter().all(|(_, failure)| failure.is_some());
    for (entity, failure) in answers {
        match (failure, &forbidden) {
            (Some(failure), _) if failure.kind == FailureKind::PermissionDenied => {
                report.missing_permissions.push(format!("{entity}:read"));
            }
            // Nothing else says that the credentials are good.
            (Some(other), Some(_)) => return Err(other),
            // What a list suffers from is no permission's business.
            (Some(_), None) | (None, _) => {}
        }
    }
    match forbidden {
        Some(forbidden) if none_allowed => Err(forbidden),
        _ => Ok(report),
    }
}

/// The answer of the test call and, where that is forbidden, of the fallback.
async fn asked(exchange: &Exchange<'_>) -> Result<(Exchanged, Option<Exchanged>), Failure> {
    let call = &exchange.reading.test;
    let first = exchange.send(&Draft::of_test(call)).await?;
    let is_forbidden = exchange
        .failure(&first)
        .is_some_and(|failure| failure.kind == FailureKind::PermissionDenied);
    let second = match call.fallback.as_ref().filter(|_| is_forbidden) {
        Some(path) => Some(exchange.send(&Draft::get(path)).await?),
        None => None,
    };
    Ok((first, second))
}

/// What the entities' lists answer, by their names and in their order: of those that do in time.
async fn probes<'e>(
    source: &Source,
    exchange: &'e Exchange<'_>,
) -> Vec<(&'e str, Option<Failure>)> {
    let entities = &exchange.reading.entities;
    // Made before they are streamed, or the whole test could not be sent to another thread.
    let asking: Vec<_> = entities
        .iter()
        .enumerate()
        .map(|(place, rules)| async move { (place, probe(source, exchange, rules).await) })
        .collect();
    let mut answers: Vec<(usize, Option<Failure>)> = stream::iter(asking)
        .buffer_unordered(PROBES_AT_ONCE)
        .take_until(tokio::time::sleep(PROBES_LIMIT))
        .collect()
        .await;
    answers.sort_by_key(|(place, _)| *place);
    answers
        .into_iter()
        .map(|(place, failure)| (entities[place].name.as_str(), failure))
        .collect()
}

/// Asks for as little of an entity as can be asked for; `None` when that is allowed.
async fn probe(source: &Source, exchange: &Exchange<'_>, rules: &EntityRules) -> Option<Failure> {
    if let Some(Under::Entity(_)) = &rules.under {
        return first_page(source, exchange, rules).await.err();
    }
    let mut draft = Draft::of(&rules.list);
    if let Some(Under::Each(names)) = &rules.under {
        draft.word("parent", names.first().cloned().unwrap_or_default());
    }
    if let Some(call) = rules.fields.as_ref().filter(|_| draft.mentions("fields")) {
        match source.fields_of(exchange, rules).await {
            // One tells as much as all.
            Ok(fields) => draft.fields(fields.names.get(..1).unwrap_or_default(), &call.join),
            Err(failure) => return Some(failure),
        }
    }
    if let Some(window) = rules
        .window
        .as_ref()
        .filter(|window| window.at_most_days.is_some())
    {
        // Both ends are always asked for; the newest hours may come late.
        let until = exchange.http.now() - TimeDelta::days(1);
        draft.put(
            &window.from,
            window.format.write(until - TimeDelta::days(1)),
        );
        draft.put(&window.until, window.format.write_end(until));
    }
    let mut list = rules.list.clone();
    if let Some(size) = &mut list.page_size {
        size.size = 1;
    }
    list.page(&mut draft, &Position::Start, None);
    match exchange.send(&draft).await {
        Ok(exchanged) => exchange.failure(&exchanged),
        Err(failure) => Some(failure),
    }
}

/// Reads what an entity has under the first record of another.
async fn first_page(
    source: &Source,
    exchange: &Exchange<'_>,
    rules: &EntityRules,
) -> Result<(), Failure> {
    let ask = Ask {
        mode: SyncMode::Full,
        window: None,
        checkpoint: Checkpoint::default(),
        now: exchange.http.now(),
    };
    let first = source.plan(&rules.name, &ask)?;
    // The first tells what the other has.
    let parents = source.read(&rules.name, &first).await?;
    if let Some(next) = parents.next {
        source.read(&rules.name, &next).await?;
    }
    Ok(())
}

fn version_of(exchange: &Exchange<'_>, exchanged: &Exchanged) -> Option<String> {
    let header = exchange.reading.test.version_header.as_ref()?;
    exchanged.answer.header(header).map(str::to_owned)
}

/// What credentials of this look may do besides reading.
fn granted(exchange: &Exchange<'_>) -> Vec<String> {
    exchange
        .reading
        .test
        .grants
        .iter()
        .filter(|grant| {
            exchange
                .session
                .credential(&grant.credential)
                .is_some_and(|secret| secret.expose_secret().starts_with(&grant.starts_with))
        })
        .map(|grant| grant.permission.clone())
        .collect()
}
