//! Which parts are read, which are left out because they are known, and what is known afterwards.

use std::sync::{Arc, Mutex};

use super::*;
use crate::connectors::{Coverage, Span};
use crate::domain::Window;

/// Midnight, so many days before the run.
fn days_ago(days: i64) -> DateTime<Utc> {
    "2026-06-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() - TimeDelta::days(days)
}

fn span(from_days_ago: i64, until_days_ago: i64) -> Span {
    window(from_days_ago, until_days_ago).into()
}

fn window(from_days_ago: i64, until_days_ago: i64) -> Window {
    Window {
        from: days_ago(from_days_ago),
        until: days_ago(until_days_ago),
    }
}

/// Everything up to a hundred days ago, and these.
fn known(more: &[Span]) -> Checkpoint {
    let before = read_up_to(days_ago(100));
    Checkpoint {
        coverage: before.coverage.and(&more.iter().copied().collect()),
        ..before
    }
}

/// Whether what was not seen is gone.
fn reads_everything(pages: &[Page]) -> bool {
    let everything = |page: &Page| matches!(page.coverage, Coverage::Everything { .. });
    pages.iter().all(everything)
}

fn through() -> DateTime<Utc> {
    now() - TimeDelta::minutes(10)
}

/// What a list was asked for: from when, until when, after which id.
type Bounds = (Option<String>, Option<String>, Option<String>);

/// A vendor with a record for each of the last 200 days, at noon, who keeps account of what was asked.
struct Ledger {
    server: Canned,
    asked: Arc<Mutex<Vec<Bounds>>>,
}

impl Ledger {
    async fn start() -> Self {
        let asked: Arc<Mutex<Vec<Bounds>>> = Arc::default();
        let log = Arc::clone(&asked);
        let server = Canned::start(move |request| {
            let one = |name| request.query(name).first().map(|value| (*value).to_owned());
            let (from, until) = (one("created[gte]"), one("created[lt]"));
            let inside = |at: i64| {
                from.as_ref()
                    .is_none_or(|from| from.parse::<i64>().unwrap() <= at)
                    && until
                        .as_ref()
                        .is_none_or(|until| at < until.parse().unwrap())
            };
            let records: Vec<Value> = (1..=200)
                .map(|days| (days, (days_ago(days) + TimeDelta::hours(12)).timestamp()))
                .filter(|(_, created)| inside(*created))
                .map(|(days, created)| json!({ "id": format!("txn_{days}"), "created": created }))
                .collect();
            log.lock()
                .unwrap()
                .push((from.clone(), until.clone(), one("starting_after")));
            listed(request, &records)
        })
        .await;
        Self { server, asked }
    }

    /// The spans that were asked for, each once however many pages it has, in days before the run.
    fn spans(&self) -> Vec<(Option<i64>, Option<i64>)> {
        let days = |at: &Option<String>| {
            let at = DateTime::from_timestamp(at.as_ref()?.parse().unwrap(), 0).unwrap();
            Some((days_ago(0) - at).num_days())
        };
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let firsts = asked.iter().filter(|(_, _, after)| after.is_none());
        firsts
            .map(|(from, until, _)| (days(from), days(until)))
            .collect()
    }
}

#[tokio::test]
async fn what_never_changes_is_read_where_it_was_not_read_before_the_newest_first() {
    let ledger = Ledger::start().await;
    let asked = Ask {
        checkpoint: known(&[span(90, 60), span(50, 40)]),
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&stripe(&ledger.server), "balance_transactions", &asked)
        .await
        .unwrap();
    assert_eq!(
        ledger.spans(),
        [
            (Some(40), None),
            (Some(60), Some(50)),
            (Some(100), Some(90))
        ]
    );
    let days: Vec<String> = (1..=40)
        .chain(51..=60)
        .chain(91..=100)
        .map(|day| format!("txn_{day}"))
        .collect();
    assert_eq!(ids(&pages), days);
    assert!(pages.iter().all(|page| page.coverage == Coverage::Some));
    assert_eq!(left(&asked, &pages), read_up_to(through()));
}

#[tokio::test]
async fn what_a_backfill_read_of_what_never_changes_is_left_out_by_the_first_incremental_walk() {
    let ledger = Ledger::start().await;
    let source = stripe(&ledger.server);
    let backfill = Ask {
        window: Some(window(90, 60)),
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&source, "balance_transactions", &backfill)
        .await
        .unwrap();
    assert_eq!(ledger.spans(), [(Some(90), Some(60))]);
    let first = Ask {
        checkpoint: left(&backfill, &pages),
        ..ask(SyncMode::Incremental)
    };
    assert_eq!(first.checkpoint.through, None);
    let pages = walk(&source, "balance_transactions", &first).await.unwrap();
    assert_eq!(ledger.spans(), [(Some(60), None), (None, Some(90))]);
    assert_eq!(ids(&pages).len(), 200 - 30);
    assert_eq!(left(&first, &pages), read_up_to(through()));
}

#[tokio::test]
async fn what_may_have_changed_is_all_read_by_the_first_incremental_walk_whatever_a_backfill_read()
{
    let ledger = Ledger::start().await;
    let source = stripe(&ledger.server);
    let first = Ask {
        checkpoint: Checkpoint {
            coverage: [span(90, 60)].into_iter().collect(),
            ..Checkpoint::default()
        },
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&source, "customers", &first).await.unwrap();
    assert_eq!(ledger.spans(), [(None, None)]);
    assert_eq!(ids(&pages).len(), 200);
    assert!(reads_everything(&pages));
    assert_eq!(left(&first, &pages), read_up_to(through()));
}

#[tokio::test]
async fn a_full_walk_reads_everything_whatever_is_known() {
    let ledger = Ledger::start().await;
    for entity in ["customers", "balance_transactions"] {
        let asked = Ask {
            checkpoint: known(&[span(90, 60)]),
            ..ask(SyncMode::Full)
        };
        let pages = walk(&stripe(&ledger.server), entity, &asked).await.unwrap();
        assert_eq!(ledger.spans(), [(None, None)]);
        assert!(reads_everything(&pages));
        assert_eq!(left(&asked, &pages), read_up_to(through()));
    }
}

#[tokio::test]
async fn of_a_range_an_incremental_walk_reads_only_the_holes_and_a_full_one_all_of_it_again() {
    let ledger = Ledger::start().await;
    for entity in ["customers", "balance_transactions"] {
        let holes = Ask {
            window: Some(window(120, 30)),
            checkpoint: known(&[span(90, 60)]),
            ..ask(SyncMode::Incremental)
        };
        let pages = walk(&stripe(&ledger.server), entity, &holes).await.unwrap();
        assert_eq!(
            ledger.spans(),
            [(Some(60), Some(30)), (Some(100), Some(90))]
        );
        let after = left(&holes, &pages);
        assert_eq!(
            after.through,
            Some(days_ago(100)),
            "a backfill moves nothing"
        );
        assert_eq!(after.coverage, Covered::up_to(days_ago(30)));

        let again = Ask {
            mode: SyncMode::Full,
            checkpoint: after.clone(),
            ..holes
        };
        let pages = walk(&stripe(&ledger.server), entity, &again).await.unwrap();
        assert_eq!(ledger.spans(), [(Some(120), Some(30))]);
        assert_eq!(ids(&pages).len(), 90);
        assert_eq!(left(&again, &pages), after);
    }
}

#[tokio::test]
async fn a_range_that_is_known_asks_the_vendor_nothing() {
    let ledger = Ledger::start().await;
    let asked = Ask {
        window: Some(window(120, 110)),
        checkpoint: known(&[]),
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&stripe(&ledger.server), "customers", &asked)
        .await
        .unwrap();
    assert_eq!((pages.len(), pages[0].requests), (1, 0));
    assert_eq!(
        pages[0].coverage,
        Coverage::Some,
        "nothing is taken for gone"
    );
    assert_eq!(ledger.spans(), []);
    assert_eq!(left(&asked, &pages), asked.checkpoint);
}

#[tokio::test]
async fn a_range_that_reaches_into_the_future_covers_what_the_walk_can_vouch_for() {
    let ledger = Ledger::start().await;
    for mode in [SyncMode::Full, SyncMode::Incremental] {
        let asked = Ask {
            window: Some(window(10, -30)),
            ..ask(mode)
        };
        let pages = walk(&stripe(&ledger.server), "customers", &asked)
            .await
            .unwrap();
        let covered = Span {
            from: Some(days_ago(10)),
            until: Some(through()),
        };
        assert_eq!(left(&asked, &pages).coverage, covered.into());
        // The next walk of the same range has the rest to read.
        let next = Ask {
            mode: SyncMode::Incremental,
            checkpoint: left(&asked, &pages),
            now: now() + TimeDelta::days(2),
            ..asked
        };
        ledger.spans();
        walk(&stripe(&ledger.server), "customers", &next)
            .await
            .unwrap();
        let asked = ledger.spans();
        assert_eq!(asked, [(Some(0), Some(-30))]);
    }
}

#[tokio::test]
async fn a_vendors_clock_that_is_behind_ours_holds_coverage_back_too() {
    let server =
        Canned::start(|asked| listed(asked, &[]).with("Date", "Sun, 31 May 2026 12:00:00 GMT"))
            .await;
    let asked = Ask {
        window: Some(window(2, -1)),
        ..ask(SyncMode::Full)
    };
    let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
    let until = left(&asked, &pages).coverage.spans()[0].until;
    assert_eq!(until, Some(through() - TimeDelta::days(1)));
}

#[tokio::test]
async fn coverage_from_a_clock_that_ran_ahead_skips_nothing() {
    let ledger = Ledger::start().await;
    for window in [None, Some(window(3, -1))] {
        let asked = Ask {
            window,
            checkpoint: read_up_to(days_ago(-30)),
            ..ask(SyncMode::Incremental)
        };
        let source = stripe(&ledger.server);
        let pages = walk(&source, "balance_transactions", &asked).await.unwrap();
        let (from, _, _) = ledger.asked.lock().unwrap().pop().unwrap();
        assert_eq!(from, Some(through().timestamp().to_string()));
        if window.is_none() {
            assert_eq!(left(&asked, &pages), read_up_to(through()));
        }
    }
}

#[tokio::test]
async fn a_hole_is_asked_for_to_its_last_second() {
    let ledger = Ledger::start().await;
    // Read up to half a second past noon of the day 100 days ago; what was created in that second is in doubt.
    let checkpoint = Checkpoint {
        coverage: [Span {
            from: Some(days_ago(100) + TimeDelta::hours(12) + TimeDelta::milliseconds(500)),
            until: None,
        }]
        .into_iter()
        .collect(),
        ..Checkpoint::default()
    };
    let asked = Ask {
        checkpoint,
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&stripe(&ledger.server), "balance_transactions", &asked)
        .await
        .unwrap();
    assert!(ids(&pages).contains(&"txn_100"));
}

#[tokio::test]
async fn a_walk_of_several_spans_goes_on_from_every_cursor_it_stored() {
    let ledger = Ledger::start().await;
    let source = stripe(&ledger.server);
    let asked = Ask {
        checkpoint: Checkpoint {
            coverage: [span(20, 10), span(170, 160)].into_iter().collect(),
            ..Checkpoint::default()
        },
        ..ask(SyncMode::Incremental)
    };
    let whole = walk(&source, "balance_transactions", &asked).await.unwrap();
    let all = ids(&whole);
    assert_eq!(
        (all.len(), whole.len()),
        (180, 4),
        "three spans, one of two pages"
    );
    let mut read = 0;
    for page in &whole[..whole.len() - 1] {
        read += page.records.len();
        let stored = serde_json::to_string(&page.next).unwrap();
        let mut cursor: Option<Cursor> = serde_json::from_str(&stored).unwrap();
        let mut rest = Vec::new();
        while let Some(here) = cursor {
            let page = source.read("balance_transactions", &here).await.unwrap();
            cursor = page.next.clone();
            rest.push(page);
        }
        assert_eq!(ids(&rest), all[read..]);
        assert_eq!(left(&asked, &rest), read_up_to(through()));
    }
}

#[tokio::test]
async fn a_cursor_that_was_stored_before_there_were_spans_goes_on() {
    let ledger = Ledger::start().await;
    let source = stripe(&ledger.server);
    let old = json!({
        "walk": { "list": { "from": days_ago(100), "someUnnamed": false } }, "position": { "after": "txn_98" },
        "through": through(), "page_before": null,
    });
    let cursor: Cursor = serde_json::from_value(old).unwrap();
    let page = source.read("balance_transactions", &cursor).await.unwrap();
    assert_eq!(ids(std::slice::from_ref(&page)), ["txn_99", "txn_100"]);
    let gain = page.gain.unwrap();
    let after = read_up_to(days_ago(100)).with(&gain);
    assert_eq!(after, read_up_to(through()));
}
