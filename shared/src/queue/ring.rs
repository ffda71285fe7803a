//! What is written into the list: 21 bytes, a version first.

use uuid::Uuid;

use crate::domain::JobId;

const VERSION: u8 = 1;
pub(super) const LENGTH: usize = 1 + 16 + 4;

/// "Look at this job now." It carries no work: the row in Postgres does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ring {
    /// The job to look at.
    pub job_id: JobId,
    /// Which dispatch of the job this ring announces; a claim refuses one that is no longer current.
    pub dispatch_no: i32,
}

impl Ring {
    pub(super) fn encode(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(self.job_id.uuid().as_bytes());
        bytes[17..].copy_from_slice(&self.dispatch_no.to_be_bytes());
        bytes
    }

    /// Reads what a list held; anybody may have written there, so `None` is an ordinary answer.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (id, dispatch_no) = rest.split_first_chunk::<16>()?;
        if *version != VERSION {
            return None;
        }
        Some(Self {
            job_id: JobId::from(Uuid::from_bytes(*id)),
            dispatch_no: i32::from_be_bytes(dispatch_no.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ring_reads_back_as_itself(number: u128, dispatch_no: i32) {
            let ring = Ring { job_id: JobId::from(Uuid::from_u128(number)), dispatch_no };
            prop_assert_eq!(Ring::decode(&ring.encode()), Some(ring));
        }

        #[test]
        fn bytes_of_another_length_or_version_are_no_ring(bytes: Vec<u8>) {
            let whole = bytes.len() == LENGTH && bytes[0] == VERSION;
            prop_assert_eq!(Ring::decode(&bytes).is_some(), whole);
        }
    }

    #[test]
    fn a_ring_of_a_later_version_or_cut_short_is_refused() {
        let mut bytes = Ring {
            job_id: JobId::new(),
            dispatch_no: 7,
        }
        .encode();
        assert_eq!(Ring::decode(&bytes[..LENGTH - 1]), None);
        bytes[0] = VERSION + 1;
        assert_eq!(Ring::decode(&bytes), None);
    }
}
