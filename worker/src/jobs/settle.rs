//! What follows from the ends of attempts, written with them.

use std::collections::HashMap;
use std::time::Duration;

use rail_shared::domain::{
    ConnectionId, EventType, FailureKind, JobId, JobKind, JobState, RunId, SyncId, TenantId,
};
use rail_shared::failpoints::step;
use rail_shared::store::events::{self, NewEvent};
use rail_shared::store::leases::{self, Standing};
use rail_shared::store::{
    Settled, Store, StoreError, Transaction, connections, exports, sync_schedules,
};

use crate::runtime::Ending;

/// How long an end waits for rows that others hold.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Whether what follows from an end depends on what is found while it is written, so that no other shares its
/// transaction.
pub(crate) fn settles_alone(end: &Ending) -> bool {
    end.lease.kind == JobKind::Sync
        && matches!(&end.how, Settled::Failed(failure) if failure.kind == FailureKind::CredentialsRejected)
}

/// Writes how attempts ended, and what follows from it, in one transaction. An end that
/// [settles alone](settles_alone) comes alone. A job that is missing from the answer is no longer held, and nothing was
/// written for it.
///
/// Returned beside it are the tenants whose webhooks are to be woken.
///
/// Connections and exports are locked before their jobs: the order in which they are erased.
pub(crate) async fn settle(
    store: &Store,
    ends: &[&Ending],
) -> Result<(Vec<Standing>, Vec<TenantId>), StoreError> {
    if ends.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut transaction = store.begin().await?;
    // A row that somebody holds for long, such as of a connection that is being erased, does not hold up the other ends.
    transaction.give_up_locks_after(LOCK_PATIENCE).await?;
    let mut ends: Vec<Ending> = ends.iter().map(|end| (*end).clone()).collect();
    let mut happened = Vec::new();
    if let [end] = &mut ends[..]
        && settles_alone(end)
    {
        happened.extend(reject_credentials(&mut transaction, end).await?);
    } else {
        let done = |end: &Ending| matches!(end.how, Settled::Done);
        let over = |end: &Ending| matches!(end.how, Settled::Done | Settled::Failed(_));
        connections::lock(&mut transaction, &synced(&ends, over)).await?;
        exports::lock_of_runs(&mut transaction, &exported(&ends, done)).await?;
    }
    let pairs: Vec<_> = ends.iter().map(|end| (&end.lease, &end.how)).collect();
    let standings = leases::settle(&mut transaction, &pairs).await?;
    if standings.is_empty() {
        // Dropped, so undone.
        return Ok((standings, Vec::new()));
    }
    let states: HashMap<JobId, JobState> = standings
        .iter()
        .map(|standing| (standing.job_id, standing.state))
        .collect();
    let completed = |end: &Ending| states.get(&end.lease.job_id) == Some(&JobState::Completed);
    sync_schedules::note_completed(&mut transaction, &syncs(&ends, completed)).await?;
    let failed = |end: &Ending| states.get(&end.lease.job_id) == Some(&JobState::Failed);
    sync_schedules::note_failed(&mut transaction, &syncs(&ends, failed)).await?;
    exports::note_runs(&mut transaction, &exported(&ends, completed)).await?;
    happened.extend(ends.iter().filter_map(|end| {
        let state = states.get(&end.lease.job_id)?;
        let event_type = EventType::of_end(end.lease.kind, *state)?;
        Some(event(end, event_type))
    }));
    let listening = events::append(&mut transaction, &happened).await?;
    step("the end is about to be committed");
    transaction.commit().await?;
    step("the end is committed");
    Ok((standings, listening))
}

/// Asks for new credentials; or, if they were replaced while the attempt went on, has it tried again with those.
async fn reject_credentials(
    transaction: &mut Transaction,
    end: &mut Ending,
) -> Result<Option<NewEvent>, StoreError> {
    let (Settled::Failed(failure), Some(connection)) = (&end.how, end.lease.connection_id) else {
        return Ok(None);
    };
    let (used, reason) = (&end.credentials, &failure.message);
    if connections::reject_credentials(transaction, connection, used, reason).await? {
        return Ok(Some(NewEvent {
            subject_id: connection.uuid(),
            ..event(end, EventType::ReauthRequired)
        }));
    }
    end.how = Settled::Retry(failure.clone(), Duration::ZERO);
    Ok(None)
}

fn event(end: &Ending, event_type: EventType) -> NewEvent {
    NewEvent {
        tenant_id: end.lease.tenant_id,
        connection_id: end.lease.connection_id,
        event_type,
        subject_id: end.lease.job_id.uuid(),
    }
}

/// The connections of the syncs among these ends.
fn synced(ends: &[Ending], which: impl Fn(&Ending) -> bool) -> Vec<ConnectionId> {
    ends.iter()
        .filter(|end| end.lease.kind == JobKind::Sync && which(end))
        .filter_map(|end| end.lease.connection_id)
        .collect()
}

/// The syncs among these ends.
fn syncs(ends: &[Ending], which: impl Fn(&Ending) -> bool) -> Vec<SyncId> {
    ends.iter()
        .filter(|end| end.lease.kind == JobKind::Sync && which(end))
        .map(|end| end.lease.job_id.into())
        .collect()
}

/// The runs among these ends.
fn exported(ends: &[Ending], which: impl Fn(&Ending) -> bool) -> Vec<RunId> {
    ends.iter()
        .filter(|end| end.lease.kind == JobKind::Export && which(end))
        .map(|end| end.lease.job_id.into())
        .collect()
}
