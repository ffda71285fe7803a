use super::*;
use crate::connectors::Coverage;
use crate::domain::{DateRange, FailureKind, Presence, Ties};

#[tokio::test]
async fn a_full_walk_reads_every_record_once_and_leaves_a_checkpoint_on_its_last_page_only() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/customers");
        assert_eq!(asked.query("limit"), ["100"]);
        assert_eq!(asked.header("stripe-version"), Some("2026-10-28.endive"));
        assert_eq!(asked.header("authorization"), Some("Bearer sk_test_hidden"));
        listed(asked, &customers(250)).with("Date", "Mon, 01 Jun 2026 12:00:30 GMT")
    })
    .await;
    let asked = ask(SyncMode::Full);
    let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
    let found = ids(&pages);
    assert_eq!(
        (found.len(), found[0], found[249]),
        (250, "cus_249", "cus_0")
    );
    let lengths: Vec<usize> = pages.iter().map(|page| page.records.len()).collect();
    assert_eq!(lengths, [100, 100, 50]);
    let through = now() - TimeDelta::minutes(10);
    assert_eq!(left(&asked, &pages), read_up_to(through));
    let vendors = now() + TimeDelta::seconds(30);
    assert!(
        pages
            .iter()
            .all(|page| page.coverage == Coverage::Everything { began_at: vendors })
    );
    assert!(
        pages
            .iter()
            .all(|page| page.ties == Ties::TakeNew && page.requests == 1)
    );

    let record = &pages[0].records[0];
    assert_eq!(
        record.body,
        r#"{"created":1700000249,"id":"cus_249","object":"customer"}"#
    );
    assert_eq!(record.created_at.unwrap().timestamp(), 1_700_000_249);
    assert_eq!(record.updated_at, None);
    assert_eq!(record.as_of, vendors);
    assert_eq!(record.presence, Presence::Here);
}

#[tokio::test]
async fn a_first_incremental_walk_and_a_snapshot_read_everything_and_only_the_former_says_so() {
    let server = Canned::start(|asked| {
        assert!(asked.query("created[gte]").is_empty());
        listed(asked, &customers(3))
    })
    .await;
    let source = stripe(&server);
    for (mode, leaves) in [(SyncMode::Incremental, true), (SyncMode::Snapshot, false)] {
        let pages = walk(&source, "customers", &ask(mode)).await.unwrap();
        let everything = matches!(pages[0].coverage, Coverage::Everything { .. });
        assert_eq!(everything, leaves, "{mode}");
        assert_eq!(pages[0].gain.is_some(), leaves, "{mode}");
    }
}

#[tokio::test]
async fn a_window_limits_the_list_in_every_mode_and_never_moves_the_cursor() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.query("created[gte]"), ["1735689600"]);
        assert_eq!(asked.query("created[lt]"), ["1736985600"]);
        listed(asked, &customers(150))
    })
    .await;
    let day = |d| chrono::NaiveDate::from_ymd_opt(2025, 1, d).unwrap();
    let window = DateRange {
        from: day(1),
        to: day(15),
    }
    .window();
    let early = "2024-06-01T00:00:00Z".parse().unwrap();
    for mode in SyncMode::ALL {
        let asked = Ask {
            window: Some(window),
            checkpoint: read_up_to(early),
            ..ask(*mode)
        };
        let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
        assert_eq!(ids(&pages).len(), 150);
        let left = left(&asked, &pages);
        assert_eq!(left.through, Some(early));
        assert_eq!(
            left.coverage.spans().len() == 2,
            *mode != SyncMode::Snapshot
        );
        assert!(pages.iter().all(|page| page.coverage == Coverage::Some));
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_limited_by_date_refuses_a_window() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let source = invented(&server, &paging::lists(r#"{ kind = "none" }"#));
    let day = chrono::NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
    let asked = Ask {
        window: Some(DateRange { from: day, to: day }.window()),
        ..ask(SyncMode::Full)
    };
    let failure = source.plan("things", &asked).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(!failure.retryable);
}

#[tokio::test]
async fn cancelled_subscriptions_are_asked_for() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.query("status"), ["all"]);
        listed(asked, &[json!({ "id": "sub_1", "created": 1 })])
    })
    .await;
    let pages = walk(&stripe(&server), "subscriptions", &ask(SyncMode::Full)).await;
    assert_eq!(ids(&pages.unwrap()), ["sub_1"]);
}

#[tokio::test]
async fn what_never_changes_is_listed_from_the_checkpoint_on() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/balance_transactions");
        let checkpoint = (now() - TimeDelta::days(100)).timestamp().to_string();
        assert_eq!(asked.query("created[gte]"), [checkpoint]);
        assert!(asked.query("created[lt]").is_empty());
        listed(asked, &[json!({ "id": "txn_1", "created": 1 })])
    })
    .await;
    let asked = since(TimeDelta::days(100));
    let pages = walk(&stripe(&server), "balance_transactions", &asked)
        .await
        .unwrap();
    assert_eq!(pages[0].coverage, Coverage::Some);
    let through = now() - TimeDelta::minutes(10);
    assert_eq!(left(&asked, &pages), read_up_to(through));
}

#[tokio::test]
async fn a_vendors_clock_that_is_behind_ours_holds_the_checkpoint_back() {
    let server = Canned::start(|asked| {
        let date = match asked.before {
            0 => "Mon, 01 Jun 2026 11:30:00 GMT",
            _ => "Mon, 01 Jun 2026 11:45:00 GMT",
        };
        listed(asked, &customers(150)).with("Date", date)
    })
    .await;
    let asked = ask(SyncMode::Full);
    let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
    let through = now() - TimeDelta::minutes(40);
    assert_eq!(left(&asked, &pages), read_up_to(through));
}
