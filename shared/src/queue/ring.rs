//! What is written into the list: 21 bytes, a version first.

use uuid::Uuid;

use crate::domain::{JobId, TenantId};

/// Lists a kind has. One tenant's backlog holds up the few that share its lane, and those no longer than upkeep needs
/// to ring for them in front.
pub(super) const LANES: u8 = 16;

const VERSION: u8 = 1;
pub(super) const LENGTH: usize = 1 + 16 + 4;

/// "Look at this job now." It carries no work: the row in Postgres does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ring {
    /// The job to look at.
    pub job_id: JobId,
    /// Which dispatch of the job this ring announces; a claim refuses one that is no longer current.
    pub dispatch_no: i32,
    /// In which list of its kind it waits.
    pub(super) lane: u8,
}

impl Ring {
    /// A ring for a tenant's job. All rings of a tenant wait in one list.
    #[must_use]
    pub fn new(job_id: JobId, tenant_id: TenantId, dispatch_no: i32) -> Self {
        let tenant = tenant_id.uuid().into_bytes();
        let lane = tenant
            .iter()
            .fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte))
            % LANES;
        Self {
            job_id,
            dispatch_no,
            lane,
        }
    }

    pub(super) fn encode(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(self.job_id.uuid().as_bytes());
        bytes[17..].copy_from_slice(&self.dispatch_no.to_be_bytes());
        bytes
    }

    /// Reads what the list of a lane held; anybody may have written there, so `None` is an ordinary answer.
    pub(super) fn decode(lane: u8, bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (id, dispatch_no) = rest.split_first_chunk::<16>()?;
        if *version != VERSION {
            return None;
        }
        Some(Self {
            job_id: JobId::from(Uuid::from_bytes(*id)),
            dispatch_no: i32::from_be_bytes(dispatch_no.try_into().ok()?),
            lane,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ring_reads_back_as_itself(number: u128, tenant: u128, dispatch_no: i32) {
            let tenant = TenantId::from(Uuid::from_u128(tenant));
            let ring = Ring::new(JobId::from(Uuid::from_u128(number)), tenant, dispatch_no);
            prop_assert!(ring.lane < LANES);
            prop_assert_eq!(Ring::decode(ring.lane, &ring.encode()), Some(ring));
        }

        #[test]
        fn bytes_of_another_length_or_version_are_no_ring(bytes: Vec<u8>) {
            let whole = bytes.len() == LENGTH && bytes[0] == VERSION;
            prop_assert_eq!(Ring::decode(0, &bytes).is_some(), whole);
        }
    }

    #[test]
    fn a_ring_of_a_later_version_or_cut_short_is_refused() {
        let mut bytes = Ring::new(JobId::new(), TenantId::new(), 7).encode();
        assert_eq!(Ring::decode(0, &bytes[..LENGTH - 1]), None);
        bytes[0] = VERSION + 1;
        assert_eq!(Ring::decode(0, &bytes), None);
    }
}
