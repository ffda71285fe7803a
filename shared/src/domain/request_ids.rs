//! Ids for requests, of which there are many.

use std::sync::atomic::{AtomicU32, Ordering};

use uuid::{Builder, Uuid};

use super::{Clock, RequestId};

/// Makes ids of one process: the time, what tells this process from others, and a number that counts up. Nothing is asked
/// of the system's dice, unlike for ids of rows: an id of a request proves nothing and is looked up by nobody.
#[derive(Debug)]
pub struct RequestIds {
    clock: Clock,
    process: [u8; 6],
    count: AtomicU32,
}

impl RequestIds {
    /// Ids that no other process makes.
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "made on purpose, never by default"
    )]
    pub fn new() -> Self {
        let [.., a, b, c, d, e, f] = Uuid::now_v7().into_bytes();
        Self {
            clock: Clock::system(),
            process: [a, b, c, d, e, f],
            count: AtomicU32::new(0),
        }
    }

    /// An id that was not there before.
    pub fn next(&self) -> RequestId {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        let [a, b, c, d, e, f] = self.process;
        let [w, x, y, z] = self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        // Six bits of what is first and third give way to the version.
        Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, w, x, y, z])
            .into_uuid()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_within_a_process_and_between_two() {
        let (one, another) = (RequestIds::new(), RequestIds::new());
        let ids: HashSet<String> = (0..10_000)
            .flat_map(|_| [one.next(), another.next()])
            .map(|id| id.to_string())
            .collect();
        assert_eq!(ids.len(), 20_000);
        assert!(ids.iter().all(|id| id.starts_with("req_")));
    }
}
