//! A request that may be sent.

use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Budgets;
use super::line::Script;

/// How long one that is on its way counts without a sign of life: the others wait as long for a process that died.
const LEASE: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// What was left of a limit when a request was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub place: usize,
    pub left: i64,
    pub of: i64,
}

/// A request that may be sent now. Where those on their way are counted it is one of them until this is dropped.
pub struct Pass {
    pub(super) budgets: Budgets,
    pub(super) left: Vec<Left>,
    pub(super) flying: Option<Flying>,
}

/// One of those on their way.
pub(super) struct Flying {
    pub key: String,
    /// Its name in Redis, where it is counted there.
    pub lease: Option<String>,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

pub(super) fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}

impl Pass {
    /// Does what the pass is for, and says meanwhile that it goes on.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(Flying {
            key,
            lease: Some(lease),
        }) = &self.flying
        else {
            return work.await;
        };
        let inner = &self.budgets.inner;
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(RENEW_EVERY) => {}
            }
            let arguments = [
                inner.ticks.told_ms().to_string(),
                lease.clone(),
                lease_ms().to_string(),
            ];
            let keys = [key.clone()];
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = inner.line.run(Script::Renew, &keys, &arguments) => {}
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(Flying { key, lease }) = self.flying.take() else {
            return;
        };
        self.budgets.inner.shares.is_back(&key);
        // Nobody waits for this; if it does not come to it, the lease runs out.
        if let (Some(lease), Ok(runtime)) = (lease, Handle::try_current()) {
            let budgets = self.budgets.clone();
            runtime.spawn(async move { budgets.inner.line.take_out(&key, &lease).await });
        }
    }
}
