//! How much may go wrong in a sync before it is taken for a mistake.

/// Unless somebody says otherwise, no sync deletes more than this part of an entity.
pub const DEFAULT_MAX_DELETE_FRACTION: f64 = 0.3;

/// Fractions from 0 to 1; `None` leaves the decision to whoever is asked next.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tolerance {
    /// The greatest part of an entity's records that may be deleted because a complete walk did not see them any more.
    pub max_delete_fraction: Option<f64>,
    /// The greatest part of what was fetched that may be impossible to store.
    pub max_error_rate: Option<f64>,
}

impl Tolerance {
    /// What this says, and where it says nothing, what `other` says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            max_delete_fraction: self.max_delete_fraction.or(other.max_delete_fraction),
            max_error_rate: self.max_error_rate.or(other.max_error_rate),
        }
    }

    /// Whether `missing` records of `present` may be deleted.
    #[must_use]
    pub fn allows_deleting(self, missing: i64, present: i64) -> bool {
        let at_most = self
            .max_delete_fraction
            .unwrap_or(DEFAULT_MAX_DELETE_FRACTION);
        #[allow(
            clippy::cast_precision_loss,
            reason = "a fraction of billions need not be exact"
        )]
        let allowed = at_most * present as f64;
        #[allow(
            clippy::cast_precision_loss,
            reason = "a fraction of billions need not be exact"
        )]
        let missing = missing as f64;
        missing <= allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_the_fraction_may_go_and_not_one_more() {
        let tolerance = Tolerance::default();
        assert!(tolerance.allows_deleting(3, 10));
        assert!(!tolerance.allows_deleting(4, 10));
        assert!(tolerance.allows_deleting(0, 0));
    }

    #[test]
    fn what_a_sync_says_goes_before_what_its_connection_says() {
        let of = |fraction| Tolerance {
            max_delete_fraction: fraction,
            max_error_rate: None,
        };
        assert!(of(Some(1.0)).or(of(Some(0.0))).allows_deleting(10, 10));
        assert!(!of(None).or(of(Some(0.0))).allows_deleting(1, 10));
    }
}
