//! Whether credentials work, and what they may do.

use futures::StreamExt;
use futures::stream;
use secrecy::ExposeSecret;

use super::cursor::Position;
use super::draft::Draft;
use super::exchange::{Exchange, Exchanged};
use super::rules::EntityRules;
use crate::domain::{Failure, FailureKind};

/// How many lists are tried at once.
const PROBES_AT_ONCE: usize = 4;

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

/// Asks the test call; where it is forbidden, asks the fallback and tries the list of each entity.
pub(super) async fn test(exchange: &Exchange<'_>) -> Result<TestReport, Failure> {
    let call = &exchange.reading.test;
    let first = exchange.send(&Draft::of_test(call)).await?;
    let latency_ms = u64::try_from(first.answer.latency.as_millis()).unwrap_or(u64::MAX);
    let mut version = version_of(exchange, &first);
    if let Some(failure) = exchange.failure(&first) {
        if failure.kind != FailureKind::PermissionDenied {
            return Err(failure);
        }
        if let Some(path) = &call.fallback {
            let second = exchange.send(&Draft::get(path)).await?;
            version = version.or_else(|| version_of(exchange, &second));
            match exchange.failure(&second) {
                Some(other) if other.kind != FailureKind::PermissionDenied => return Err(other),
                _ => {}
            }
        }
        return restricted(exchange, latency_ms, version, failure).await;
    }
    let mut permissions = vec!["read".to_owned()];
    permissions.extend(granted(exchange));
    Ok(TestReport {
        latency_ms,
        version,
        permissions,
        missing_permissions: Vec::new(),
    })
}

/// For credentials that may not do everything: what of each entity they may read.
async fn restricted(
    exchange: &Exchange<'_>,
    latency_ms: u64,
    version: Option<String>,
    forbidden: Failure,
) -> Result<TestReport, Failure> {
    let entities = &exchange.reading.entities;
    // Made before they are streamed, or the whole test could not be sent to another thread.
    let asking: Vec<_> = entities
        .iter()
        .map(|rules| probe(exchange, rules))
        .collect();
    let probes: Vec<Option<Failure>> = stream::iter(asking)
        .buffered(PROBES_AT_ONCE)
        .collect()
        .await;
    let mut missing_permissions = Vec::new();
    for (rules, failure) in entities.iter().zip(probes) {
        match failure {
            None => {}
            Some(failure) if failure.kind == FailureKind::PermissionDenied => {
                missing_permissions.push(format!("{}:read", rules.name));
            }
            Some(other) => return Err(other),
        }
    }
    if missing_permissions.len() == entities.len() {
        return Err(forbidden);
    }
    Ok(TestReport {
        latency_ms,
        version,
        permissions: vec!["read".to_owned()],
        missing_permissions,
    })
}

/// Asks for one record of an entity; `None` when that is allowed, or cannot be tried by itself.
async fn probe(exchange: &Exchange<'_>, rules: &EntityRules) -> Option<Failure> {
    let mut list = rules.list.clone();
    if rules.under.is_some() || rules.fields.is_some() {
        return None;
    }
    if let Some(size) = &mut list.page_size {
        size.size = 1;
    }
    let mut draft = Draft::of(&list);
    list.page(&mut draft, &Position::Start, None);
    match exchange.send(&draft).await {
        Ok(exchanged) => exchange.failure(&exchanged),
        Err(failure) => Some(failure),
    }
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
