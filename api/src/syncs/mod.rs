//! Syncs: whether a connection may be synced, what is in the way of one, and accepting it.

pub mod error_retry;

use poem::http::{StatusCode, header};
use rail_shared::domain::{ConnectionId, ConnectionStatus, JobKind, SyncId, Trigger};
use rail_shared::queue::Ring;
use rail_shared::store::StoreError;
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::jobs::{self, ONE_ACTIVE_SYNC};
use rail_shared::store::syncs::{self, NewSync};

use crate::connections::not_active;
use crate::http::answer::Accepted;
use crate::http::auth::Caller;
use crate::http::idempotency::{Entry, Once, Stop};
use crate::http::problem::Problem;
use crate::routes::BASE;
use crate::schemas::sync::Sync;
use crate::schemas::sync_asked::{IfRunning, SyncMeant};
use crate::state::Api;

/// What a caller who wants a sync may do when there is one.
const OR_ATTACH: &str = "ask with ifRunning=attach";
/// What a caller may do who wants that there be none.
pub const OR_CANCEL: &str = "cancel it";

/// How often acceptance is tried when the sync that was in the way has just ended.
const TRIES: usize = 3;

/// Where a sync is.
pub fn location_of(connection: ConnectionId, sync: SyncId) -> String {
    format!("{BASE}/connections/{connection}/sync/{sync}")
}

/// Whether a connection is fit to be synced. One in ERROR may be tried: the sync itself shows whether the reason is gone.
///
/// # Errors
/// 409 `connection-not-active`.
pub fn may_sync(connection: &ConnectionRow) -> Result<(), Problem> {
    match connection.status {
        ConnectionStatus::Active | ConnectionStatus::Error => Ok(()),
        ConnectionStatus::PendingAuthorization
        | ConnectionStatus::ReauthRequired
        | ConnectionStatus::Paused => Err(not_active(connection)),
    }
}

/// Accepts a sync, or answers with the active one where that is asked for.
///
/// # Errors
/// 409 `sync-already-active`; 404 when the connection was erased meanwhile.
pub async fn accept(
    api: &Api,
    caller: &Caller,
    connection: ConnectionId,
    meant: &SyncMeant,
    if_running: IfRunning,
    entry: &Entry<'_>,
) -> Result<Once<Accepted<Sync>>, Stop> {
    let new = NewSync {
        tenant_id: caller.tenant(),
        connection_id: connection,
        mode: meant.mode,
        date_range: meant.date_range,
        tolerance: meant.tolerance,
        targets: meant.targets.as_deref(),
        entities: &meant.entities,
        trigger: Trigger::Request,
        created_at: api.clock.now(),
    };
    // Nobody attaches to a sync of other records.
    let instead = match meant.targets {
        Some(_) => OR_CANCEL,
        None => OR_ATTACH,
    };
    for _ in 0..TRIES {
        let mut transaction = entry.begin_single().await?;
        match syncs::accept(&mut transaction, &new, Some(caller.actor())).await {
            Ok(sync) => {
                let ring = Ring::new(sync.asked.id.into(), caller.tenant(), 0);
                let answer = entry.commit(transaction, accepted(sync)).await?;
                api.ringer.ring(JobKind::Sync, ring);
                return Ok(answer);
            }
            Err(refused) if refused.is_refusal_of(ONE_ACTIVE_SYNC) => drop(transaction),
            // Erased since it was read.
            Err(StoreError::Refused(_)) => return Err(Problem::not_found("connection").into()),
            Err(other) => return Err(other.into()),
        }
        let mut conn = api.store.connect().await?;
        let Some(active) = jobs::active_sync(&mut conn, connection).await? else {
            continue;
        };
        let active = SyncId::from(active);
        match if_running {
            IfRunning::Refuse => return Err(already_active(connection, active, instead).into()),
            IfRunning::Attach => {
                let sync = syncs::find(&mut conn, caller.tenant(), connection, active).await?;
                drop(conn);
                if let Some(sync) = sync {
                    return entry.answer(accepted(sync)).await;
                }
            }
        }
    }
    let detail = "Syncs of this connection begin and end right now; try again.";
    Err(Problem::unavailable("busy", detail).into())
}

fn accepted(sync: syncs::Sync) -> Accepted<Sync> {
    let location = location_of(sync.asked.connection_id, sync.asked.id);
    Accepted::new(sync).at(location)
}

/// The problem of a connection that has an active sync, and what else may be done about it than to wait.
pub fn already_active(connection: ConnectionId, active: SyncId, instead: &str) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "sync-already-active",
        format!("The sync {active} of this connection is active; wait for it, or {instead}."),
    )
    .with_sync(active.to_string())
    .with_header(header::LOCATION, location_of(connection, active))
}
