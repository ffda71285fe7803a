//! Waking the delivery jobs of webhooks that have something to send: what came up while one statement ran shares the next.

use std::collections::BTreeSet;

use rail_shared::domain::{JobKind, TenantId, WebhookId};
use rail_shared::queue::{Ring, Ringer};
use rail_shared::store::webhooks::{self, Whose};
use rail_shared::store::{Store, StoreError};
use tokio::sync::mpsc;

/// Wishes that may wait; more are left to upkeep.
const WAITING_AT_MOST: usize = 4_096;

enum Wish {
    Tenant(TenantId),
    Webhook(WebhookId),
}

/// Where it is said who has something to send. Cheap to clone; the task behind it ends with the last clone.
#[derive(Clone)]
pub struct Waking(mpsc::Sender<Wish>);

impl Waking {
    /// Wakes by this store and rings. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Store, ringer: Ringer) -> Self {
        let (wishes, mut waiting) = mpsc::channel(WAITING_AT_MOST);
        tokio::spawn(async move {
            let mut group = Vec::new();
            while waiting.recv_many(&mut group, WAITING_AT_MOST).await > 0 {
                let (mut tenants, mut webhooks) = (BTreeSet::new(), BTreeSet::new());
                for wish in group.drain(..) {
                    match wish {
                        Wish::Tenant(id) => tenants.insert(id),
                        Wish::Webhook(id) => webhooks.insert(id),
                    };
                }
                let (tenants, webhooks) = (Vec::from_iter(tenants), Vec::from_iter(webhooks));
                for whose in [Whose::Tenants(&tenants), Whose::Webhooks(&webhooks)] {
                    let nobody = matches!(whose, Whose::Tenants([]) | Whose::Webhooks([]));
                    if nobody {
                        continue;
                    }
                    if let Err(error) = wake(&store, &ringer, whose).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "webhooks could not be woken; upkeep wakes them"
                        );
                    }
                }
            }
        });
        Self(wishes)
    }

    /// Something was appended to the logs of these tenants, and is committed.
    pub fn tenants(&self, tenants: impl IntoIterator<Item = TenantId>) {
        for tenant in tenants {
            // What finds no room is found by upkeep.
            let _ = self.0.try_send(Wish::Tenant(tenant));
        }
    }

    /// The job of this webhook was put back: something may have been appended while it looked for the last time.
    pub(super) fn webhook(&self, id: WebhookId) {
        let _ = self.0.try_send(Wish::Webhook(id));
    }
}

/// Makes due what has something to send, and rings for it.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn wake(
    store: &Store,
    ringer: &Ringer,
    whose: Whose<'_>,
) -> Result<(), StoreError> {
    let woken = webhooks::wake(&mut *store.connect().await?, whose).await?;
    for job in woken {
        let ring = Ring::new(job.job_id, job.tenant_id, job.dispatch_no);
        ringer.ring(JobKind::Delivery, ring);
    }
    Ok(())
}
