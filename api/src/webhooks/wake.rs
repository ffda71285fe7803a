//! Waking webhooks: their jobs look for what there is to tell.

use rail_shared::domain::{JobKind, TenantId, WebhookId};
use rail_shared::queue::Ring;
use rail_shared::store::webhooks::{self, Whose};

use crate::state::Api;

/// Wakes the webhooks of tenants to whose logs something was just appended. What goes wrong is mended by upkeep.
pub async fn wake(api: &Api, tenants: &[TenantId]) {
    if !tenants.is_empty() {
        wake_those(api, Whose::Tenants(tenants)).await;
    }
}

/// Wakes one webhook, whose owner wants something.
pub async fn wake_one(api: &Api, id: WebhookId) {
    wake_those(api, Whose::Webhooks(&[id])).await;
}

async fn wake_those(api: &Api, whose: Whose<'_>) {
    let woken = async { webhooks::wake(&mut *api.store.connect().await?, whose).await };
    match woken.await {
        Ok(woken) => {
            for job in woken {
                let ring = Ring::new(job.job_id, job.tenant_id, job.dispatch_no);
                api.ringer.ring(JobKind::Delivery, ring);
            }
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "webhooks could not be woken; upkeep wakes them"
        ),
    }
}
