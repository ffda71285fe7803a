//! Starts what is due by its own schedule: each due time once, however many workers look.

use rail_shared::domain::{JobKind, SyncMode, Tolerance, Trigger};
use rail_shared::queue::Ring;
use rail_shared::store::runs::Cause;
use rail_shared::store::syncs::{self, NewSync};
use rail_shared::store::{StoreError, exports, runs, sync_schedules};

use crate::Worker;

/// Starts a round.
const AT_MOST: i64 = 100;

/// Accepts a sync for each connection whose interval is over. One whose last sync is still active is passed over: a
/// schedule never piles up.
pub(super) async fn start_due_syncs(worker: &Worker) -> Result<(), StoreError> {
    let mut transaction = worker.store.begin().await?;
    let due = sync_schedules::claim_due(&mut transaction, AT_MOST).await?;
    let mut accepted = Vec::new();
    for connection in due {
        let Some(connector) = worker.catalogue.get(&connection.connector_id) else {
            continue;
        };
        let entities: Vec<String> = connector.entities().map(str::to_owned).collect();
        let new = NewSync {
            tenant_id: connection.tenant_id,
            connection_id: connection.connection_id,
            mode: SyncMode::Incremental,
            date_range: None,
            targets: None,
            tolerance: Tolerance::default(),
            entities: &entities,
            trigger: Trigger::Schedule,
            created_at: worker.clock.now(),
        };
        let id = syncs::accept_unless_active(&mut transaction, &new).await?;
        accepted.extend(id.map(|id| (id, connection.tenant_id)));
    }
    transaction.commit().await?;
    for (id, tenant) in accepted {
        worker
            .ringer
            .ring(JobKind::Sync, Ring::new(id.into(), tenant, 0));
    }
    Ok(())
}

/// Accepts a run for each export whose due time has come.
pub(super) async fn start_due_exports(worker: &Worker) -> Result<(), StoreError> {
    let mut transaction = worker.store.begin().await?;
    let due = exports::lock_due(&mut transaction, AT_MOST).await?;
    // Whatever the clock of this machine says: Postgres has said what is due.
    let now = transaction.began_at().await?;
    let mut accepted = Vec::new();
    for export in due {
        let schedule = export.read_schedule();
        let next = schedule.map(|schedule| schedule.next_after(now));
        exports::set_next_run(&mut transaction, export.id, next).await?;
        let due = export.next_run_at.unwrap_or(now);
        if schedule.is_some_and(|schedule| schedule.leaves_out(due, now)) {
            continue;
        }
        let (tenant, id) = (export.tenant_id, export.id);
        let run = runs::accept(&mut transaction, tenant, id, now, Cause::Due(due)).await?;
        accepted.extend(run.map(|run| (run.row.id, export.tenant_id)));
    }
    transaction.commit().await?;
    for (id, tenant) in accepted {
        worker
            .ringer
            .ring(JobKind::Export, Ring::new(id.into(), tenant, 0));
    }
    Ok(())
}
