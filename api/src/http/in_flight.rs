//! Which requests with an Idempotency-Key this process is answering: the same request meanwhile waits here, in memory,
//! rather than on a connection to Postgres that others need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rail_shared::domain::TenantId;
use tokio_util::sync::CancellationToken;

type Key = (TenantId, String);
type Landings = HashMap<Key, CancellationToken>;

/// Requests that are being answered. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<Landings>>);

impl InFlight {
    /// Takes off with a key.
    ///
    /// # Errors
    /// When another request has it: what fires when that one has landed.
    pub fn take_off(&self, tenant: TenantId, key: &str) -> Result<Flight, CancellationToken> {
        let key = (tenant, key.to_owned());
        let mut landings = self.landings();
        if let Some(landing) = landings.get(&key) {
            return Err(landing.clone());
        }
        landings.insert(key.clone(), CancellationToken::new());
        Ok(Flight {
            in_flight: self.clone(),
            key,
        })
    }

    fn landings(&self) -> MutexGuard<'_, Landings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered. It lands when this is dropped.
#[derive(Debug)]
pub struct Flight {
    in_flight: InFlight,
    key: Key,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let landing = self.in_flight.landings().remove(&self.key);
        if let Some(landing) = landing {
            landing.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_request_is_in_flight_with_a_key_and_the_others_hear_when_it_lands() {
        let (in_flight, tenant) = (InFlight::default(), TenantId::new());
        let first = in_flight.take_off(tenant, "a").unwrap();
        let landing = in_flight.take_off(tenant, "a").unwrap_err();
        let another_key = in_flight.take_off(tenant, "b").unwrap();
        let another_tenant = in_flight.take_off(TenantId::new(), "a").unwrap();
        assert!(!landing.is_cancelled());

        drop(first);

        landing.cancelled().await;
        let again = in_flight.take_off(tenant, "a").unwrap();
        drop((again, another_key, another_tenant));
        assert_eq!(in_flight.landings().len(), 0);
    }
}
