//! How much may go wrong in a sync before it is taken for a mistake.

/// Unless somebody says otherwise, no sync deletes more than this part of an entity.
pub const DEFAULT_MAX_DELETE_FRACTION: f64 = 0.3;

/// Of fewer records than this, no part that could not be stored is too great.
const FEW_RECORDS: i64 = 20;

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

    /// Whether `errors` of `fetched` records may be impossible to store.
    #[must_use]
    pub fn allows_errors(self, errors: i64, fetched: i64) -> bool {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a fraction of billions need not be exact"
        )]
        let within = |at_most: f64| errors as f64 <= at_most * fetched as f64;
        fetched < FEW_RECORDS || self.max_error_rate.is_none_or(within)
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
    fn errors_up_to_the_rate_are_allowed_and_of_few_records_all() {
        let tolerance = Tolerance {
            max_error_rate: Some(0.1),
            ..Tolerance::default()
        };
        assert!(tolerance.allows_errors(10, 100) && !tolerance.allows_errors(11, 100));
        assert!(tolerance.allows_errors(19, 19) && !tolerance.allows_errors(20, 20));
        assert!(Tolerance::default().allows_errors(100, 100));
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
