//! Retrying record errors: a sync that is limited to their records.

use poem::http::StatusCode;
use rail_shared::domain::{ConnectionId, RecordErrorId, SyncMode, Targets, Tolerance};
use rail_shared::store::record_errors::{self, Retriable};

use crate::connections;
use crate::http::answer::Accepted;
use crate::http::auth::Caller;
use crate::http::idempotency::{Entry, Once, Stop};
use crate::http::problem::Problem;
use crate::schemas::sync::Sync;
use crate::schemas::sync_asked::{IfRunning, SyncMeant};
use crate::state::Api;

/// Accepts a sync that reads the record of one error again.
///
/// # Errors
/// 404; 409 `not-retriable`, and what stands in the way of a sync.
pub async fn one(
    api: &Api,
    caller: &Caller,
    connection: ConnectionId,
    id: RecordErrorId,
    entry: &Entry<'_>,
) -> Result<Once<Accepted<Sync>>, Stop> {
    let tenant = caller.tenant();
    let mut conn = api.store.connect().await?;
    let found = record_errors::find(&mut conn, tenant, connection, id).await?;
    let error = found.ok_or_else(|| Problem::not_found("record error"))?;
    let retriable = record_errors::retriable_one(&mut conn, tenant, connection, id).await?;
    drop(conn);
    let Some(retriable) = retriable else {
        let detail = if error.resolved_at.is_some() {
            "This error is resolved."
        } else {
            "Neither the record's id nor all of its bytes are known; a FULL sync reads it again."
        };
        let refused = Problem::new(StatusCode::CONFLICT, "not-retriable", detail);
        return Err(refused.into());
    };
    start(api, caller, connection, vec![retriable], entry).await
}

/// Accepts a sync that reads the records of all open errors again, or of all of one entity.
///
/// # Errors
/// 404; 409 `nothing-to-retry`, and what stands in the way of a sync.
pub async fn all(
    api: &Api,
    caller: &Caller,
    connection: ConnectionId,
    entity: Option<&str>,
    entry: &Entry<'_>,
) -> Result<Once<Accepted<Sync>>, Stop> {
    let mut conn = api.store.connect().await?;
    let id = connections::find(&mut conn, caller, connection).await?.id;
    let at_most = i64::try_from(Targets::AT_MOST).unwrap_or(i64::MAX);
    let found = record_errors::retriable(&mut conn, caller.tenant(), id, entity, at_most).await?;
    drop(conn);
    if found.is_empty() {
        let detail = "No open error of this connection can be retried.";
        return Err(Problem::new(StatusCode::CONFLICT, "nothing-to-retry", detail).into());
    }
    start(api, caller, id, found, entry).await
}

async fn start(
    api: &Api,
    caller: &Caller,
    connection: ConnectionId,
    retriable: Vec<Retriable>,
    entry: &Entry<'_>,
) -> Result<Once<Accepted<Sync>>, Stop> {
    let row = connections::find(&mut api.store.connect().await?, caller, connection).await?;
    connections::connector(api, &row)?;
    super::may_sync(&row)?;
    let targets = targets(retriable);
    let meant = SyncMeant {
        entities: targets.iter().map(|of| of.entity.clone()).collect(),
        mode: SyncMode::Incremental,
        date_range: None,
        tolerance: Tolerance::default(),
        targets: Some(targets),
    };
    super::accept(api, caller, row.id, &meant, IfRunning::Refuse, entry).await
}

/// By entity, in the order in which each is first named; a record that has several errors once.
fn targets(retriable: Vec<Retriable>) -> Vec<Targets> {
    let mut targets: Vec<Targets> = Vec::new();
    for Retriable {
        id,
        entity,
        external_id,
    } in retriable
    {
        let at = match targets.iter().position(|of| of.entity == entity) {
            Some(at) => at,
            None => {
                targets.push(Targets {
                    entity,
                    ids: Vec::new(),
                    error_ids: Vec::new(),
                });
                targets.len() - 1
            }
        };
        let of = &mut targets[at];
        match external_id {
            Some(external_id) if of.ids.contains(&external_id) => {}
            Some(external_id) => of.ids.push(external_id),
            None => of.error_ids.push(id),
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_named_once_by_entity_and_those_without_an_id_by_their_errors() {
        let error = |entity: &str, external_id: Option<&str>| Retriable {
            id: RecordErrorId::new(),
            entity: entity.to_owned(),
            external_id: external_id.map(str::to_owned),
        };
        let nameless = error("invoices", None);
        let found = targets(vec![
            error("customers", Some("a")),
            nameless.clone(),
            error("customers", Some("b")),
            error("customers", Some("a")),
        ]);
        let of = |entity: &str, ids: &[&str], error_ids| Targets {
            entity: entity.to_owned(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            error_ids,
        };
        assert_eq!(
            found,
            [
                of("customers", &["a", "b"], vec![]),
                of("invoices", &[], vec![nameless.id]),
            ]
        );
    }
}
