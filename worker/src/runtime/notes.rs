//! Notes of deliveries: attempts that end at about the same time share one commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rail_shared::domain::JobId;
use rail_shared::store::webhooks::{self, Note};
use rail_shared::store::{Store, StoreError};
use tokio::time::Instant;

use super::Halt;
use super::grouped::Grouped;

/// Notes in one statement.
const AT_MOST: usize = 256;
/// Between two tries to write one while Postgres is away.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Where notes are written. Cheap to clone.
#[derive(Clone)]
pub struct Notes(Grouped<Note, Result<(), Arc<StoreError>>>);

impl Notes {
    /// Writes to this store. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(Grouped::new(AT_MOST, move |notes: Vec<Note>| {
            let store = store.clone();
            async move {
                let written = match write(&store, &notes).await {
                    Ok(written) => written,
                    Err(error) => {
                        let error = Arc::new(error);
                        return notes.iter().map(|_| Err(error.clone())).collect();
                    }
                };
                let one = |note: &Note| match written.contains(&(note.lease.job_id, note.seq)) {
                    true => Ok(()),
                    false => Err(Arc::new(StoreError::LeaseLost)),
                };
                notes.iter().map(one).collect()
            }
        }))
    }

    /// Writes one, trying again while the lease may still be held: what was sent and is not noted is sent again.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more.
    pub(crate) async fn note(&self, note: Note) -> Result<(), Halt> {
        let deadline = Instant::now() + note.lease.length;
        loop {
            let error = match self.0.ask(note.clone()).await {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => error,
                None => return Err(StoreError::LeaseLost.into()),
            };
            match &*error {
                StoreError::LeaseLost => return Err(StoreError::LeaseLost.into()),
                error if Instant::now() >= deadline => {
                    tracing::error!(%error, "an attempt could not be noted; its event is sent again");
                    return Err(StoreError::LeaseLost.into());
                }
                _ => tokio::time::sleep(TRY_AGAIN).await,
            }
        }
    }
}

async fn write(store: &Store, notes: &[Note]) -> Result<HashSet<(JobId, i64)>, StoreError> {
    let mut conn = store.connect().await?;
    Ok(webhooks::note(&mut conn, notes)
        .await?
        .into_iter()
        .collect())
}
