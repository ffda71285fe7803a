//! Whose requests go first.

use std::time::Duration;

use rail_shared::domain::{Priority, SyncMode, Trigger};
use rail_shared::store::syncs::SyncRow;

/// Who got nowhere goes a step further to the front each time so much passed: nobody waits for ever.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// How urgent the requests of a sync are that committed nothing for so long.
pub(super) fn of(asked: &SyncRow, idle_for: Duration) -> Priority {
    let reads_what_is_old = asked.date_range().is_some() || asked.mode != SyncMode::Incremental;
    let usual = match asked.trigger {
        // The vendor told of it a moment ago; nobody looks at it yet, and there may be thousands.
        Trigger::Webhook => Priority::Manual,
        // Somebody looks at these records.
        _ if asked.targets.is_some() => Priority::Interactive,
        _ if reads_what_is_old => Priority::Backfill,
        Trigger::Request => Priority::Manual,
        Trigger::Schedule => Priority::Scheduled,
    };
    let steps = idle_for.as_secs() / PATIENCE.as_secs();
    (0..steps.min(3)).fold(usual, |priority, _| match priority {
        Priority::Backfill => Priority::Scheduled,
        Priority::Scheduled => Priority::Manual,
        Priority::Manual | Priority::Interactive => Priority::Interactive,
    })
}

#[cfg(test)]
mod tests {
    use rail_shared::domain::{ConnectionId, SyncId};
    use serde_json::json;

    use super::*;

    fn asked(mode: SyncMode, trigger: Trigger) -> SyncRow {
        SyncRow {
            id: SyncId::new(),
            connection_id: ConnectionId::new(),
            mode,
            date_from: None,
            date_to: None,
            max_delete_fraction: None,
            max_error_rate: None,
            trigger,
            targets: None,
        }
    }

    #[test]
    fn records_by_hand_go_before_a_sync_by_hand_and_that_before_a_due_one_and_what_is_old_last() {
        let now = |asked: &SyncRow| of(asked, Duration::ZERO);
        let mut by_hand = asked(SyncMode::Incremental, Trigger::Request);
        assert_eq!(now(&by_hand), Priority::Manual);
        by_hand.date_from = "2026-01-01".parse().ok();
        by_hand.date_to = by_hand.date_from;
        assert_eq!(now(&by_hand), Priority::Backfill);
        by_hand.targets = Some(json!([]));
        assert_eq!(now(&by_hand), Priority::Interactive);
        let due = asked(SyncMode::Incremental, Trigger::Schedule);
        assert_eq!(now(&due), Priority::Scheduled);
        for mode in [SyncMode::Full, SyncMode::Snapshot] {
            assert_eq!(now(&asked(mode, Trigger::Request)), Priority::Backfill);
        }
    }

    #[test]
    fn what_a_vendor_told_goes_before_a_due_sync_and_not_before_records_by_hand() {
        let mut told = asked(SyncMode::Incremental, Trigger::Webhook);
        assert_eq!(of(&told, Duration::ZERO), Priority::Manual);
        told.targets = Some(json!([]));
        assert_eq!(of(&told, Duration::ZERO), Priority::Manual);
    }

    #[test]
    fn who_gets_nowhere_is_a_step_more_urgent_with_each_hour() {
        let backfill = asked(SyncMode::Full, Trigger::Request);
        let after = |hours: u32| of(&backfill, PATIENCE * hours);
        assert_eq!(after(1), Priority::Scheduled);
        assert_eq!(after(2), Priority::Manual);
        assert_eq!(after(3), Priority::Interactive);
        assert_eq!(after(100), Priority::Interactive);
        let due = asked(SyncMode::Incremental, Trigger::Schedule);
        assert_eq!(of(&due, PATIENCE), Priority::Manual);
    }
}
