//! Follows up what vendors told by webhook: a sync starts whenever there is something to read and none is active, and what a
//! sync did not read after all is read by another.

use rail_shared::connectors::Connector;
use rail_shared::domain::JobKind;
use rail_shared::queue::Ring;
use rail_shared::store::StoreError;
use rail_shared::store::told_changes::{self, Claimant};

use crate::Worker;

/// Syncs a round that ended, and that are started.
const AT_MOST: i64 = 100;
/// Events a round that are forgotten: the rest is left to the next.
const EVENTS: i64 = 1_000;

pub(super) async fn take_up(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    told_changes::settle_ended(&mut conn, AT_MOST).await?;
    let connectors = worker.catalogue.connectors();
    let known: Vec<&str> = connectors.iter().map(Connector::id).collect();
    let startable = told_changes::startable(&mut conn, &known, AT_MOST).await?;
    drop(conn);
    for connection in startable {
        let Some(connector) = worker.catalogue.get(&connection.connector_id) else {
            continue;
        };
        let entities: Vec<String> = connector.entities().map(str::to_owned).collect();
        let claimant = Claimant {
            tenant_id: connection.tenant_id,
            connection_id: connection.connection_id,
            entities: &entities,
            now: worker.clock.now(),
        };
        // A transaction each: whoever notes the same changes meanwhile waits for it.
        let mut transaction = worker.store.begin().await?;
        told_changes::forget_others(&mut transaction, claimant.connection_id, &entities).await?;
        let sync = told_changes::take_up(&mut transaction, &claimant).await?;
        transaction.commit().await?;
        if let Some(sync) = sync {
            let ring = Ring::new(sync.into(), claimant.tenant_id, 0);
            worker.ringer.ring(JobKind::Sync, ring);
        }
    }
    Ok(())
}

pub(super) async fn forget_old(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    told_changes::forget_old_events(&mut conn, EVENTS).await?;
    Ok(())
}
