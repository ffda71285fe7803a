//! What a file may say beside pages and feeds: lists under others, spans in pieces, the vendor's own cursor, removed ones.

use super::*;
use crate::connectors::Coverage;
use crate::domain::{DateRange, Presence};

const HEAD: &str = r#"
    id = "invented"
    name = "Invented"
    category = "CRM"
    status = "AVAILABLE"
    features = []
    auth = { kind = "placed" }
    [credentials.key]
    title = "Key"
    [headers]
    X-Key = "{key}"
    [test]
    path = "/me"
"#;

pub(super) fn described(server: &Canned, rest: &str) -> Source {
    Connector::parse(&format!("{HEAD}{rest}"), Some(&server.url))
        .unwrap()
        .open(&server.http(), session(&json!({ "key": KEY })))
}

/// Every record that was handed over, removed ones marked.
pub(super) fn told(pages: &[Page]) -> Vec<String> {
    let records = pages.iter().flat_map(|page| &page.records);
    records
        .map(|record| match record.presence {
            Presence::Here => record.external_id.clone(),
            Presence::Gone => format!("-{}", record.external_id),
        })
        .collect()
}

#[tokio::test]
async fn a_list_under_another_is_read_for_each_of_its_records_and_resumes_anywhere() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.header("x-key"), Some(KEY));
        let page: u32 = asked.query("page")[0].parse().unwrap();
        let rows: Vec<Value> = match (asked.path(), page) {
            ("/accounts", 1) => vec![json!({ "id": "a/1" }), json!({ "id": "b" })],
            ("/accounts", _) => vec![json!({ "id": "c" })],
            ("/accounts/a%2F1/notes", 1) => vec![json!({ "no": 1 }), json!({ "no": 2 })],
            ("/accounts/a%2F1/notes", _) => vec![json!({ "no": 3 })],
            ("/accounts/b/notes", _) => vec![],
            ("/accounts/c/notes", _) => vec![json!({ "no": 1 })],
            (path, _) => panic!("{path} was asked for"),
        };
        Reply::json(json!({ "rows": rows }))
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/rows"
        id = "/id"
        paging = { kind = "page", parameter = "page" }
        page_size = { parameter = "size", size = 2 }
        lookback_minutes = 0
        [[entities]]
        name = "accounts"
        path = "/accounts"
        changes = { by = "whole_list", because = "it is a test" }
        [[entities]]
        name = "notes"
        path = "/accounts/{parent}/notes"
        id = ["{parent}", "/no"]
        under = { entity = "accounts" }
        changes = { by = "whole_list", because = "it is a test" }
        "#,
    );
    let asked = ask(SyncMode::Full);
    let pages = walk(&source, "notes", &asked).await.unwrap();
    assert_eq!(ids(&pages), ["a/1:1", "a/1:2", "a/1:3", "c:1"]);
    assert_eq!(left(&asked, &pages), read_up_to(now()));
    for (place, page) in pages.iter().enumerate() {
        let mut found = ids(&pages[..=place]).len();
        let mut cursor = page.next.clone();
        while let Some(here) = cursor {
            let page = source.read("notes", &here).await.unwrap();
            found += page.records.len();
            cursor = page.next;
        }
        assert_eq!(found, 4, "from page {place}");
    }
}

#[tokio::test]
async fn long_spans_are_read_in_pieces_without_a_gap_and_halved_where_they_hold_too_much() {
    let rules = r#"
        [lists]
        records = "/rows"
        empty_if = "/total"
        id = "/id"
        paging = { kind = "none" }
        lookback_minutes = 0
        window = { from = "from", until = "to", format = "rfc3339", at_most_days = 31, reaches_back_days = 100, split_codes = ["TOO_MUCH"] }
        [errors]
        code = "/name"
        [[entities]]
        name = "payments"
        path = "/payments"
        changes = { by = "created", because = "it is a test", again_days = 3 }
    "#;
    let server = Canned::start(|asked| {
        let [from, to] = ["from", "to"].map(|name| {
            let text = asked.query(name).remove(0);
            text.parse::<DateTime<Utc>>().unwrap()
        });
        assert!(to - from <= TimeDelta::days(31), "{from} to {to}");
        // One busy day, of which half a day is as much as an answer may hold.
        let busy = now() - TimeDelta::days(40);
        if from < busy && to > busy && to - from > TimeDelta::hours(12) {
            return Reply::status(400, json!({ "name": "TOO_MUCH" }));
        }
        if from < busy && to > busy {
            return Reply::json(json!({ "rows": [{ "id": "busy" }], "total": 1 }));
        }
        Reply::json(json!({ "total": 0 }))
    })
    .await;
    let source = described(&server, rules);
    let asked = ask(SyncMode::Full);
    let pages = walk(&source, "payments", &asked).await.unwrap();
    assert_eq!(ids(&pages), ["busy"]);
    assert_eq!(left(&asked, &pages), read_up_to(now()));
    let newest = server.asked()[0].query("from").remove(0);
    let newest: DateTime<Utc> = newest.parse().unwrap();
    assert_eq!(newest, now() - TimeDelta::days(31), "it is a whole one");
    // Those that were answered leave no gap between a hundred days ago and now.
    let mut answered: Vec<(String, String)> = Vec::new();
    for asked in server.asked() {
        answered.push((asked.query("from").remove(0), asked.query("to").remove(0)));
    }
    answered.sort();
    let first: DateTime<Utc> = answered[0].0.parse().unwrap();
    assert!((now() - TimeDelta::days(100) - first).abs() < TimeDelta::seconds(2));
    let mut reached = answered[0].0.clone();
    for (from, to) in &answered {
        assert!(
            *from <= reached,
            "nothing was asked for between {reached} and {from}"
        );
        reached = reached.max(to.clone());
    }

    // The next walk begins three days before the last one ended.
    let before = server.asked().len();
    walk(&source, "payments", &since(TimeDelta::days(1)))
        .await
        .unwrap();
    let asked = server.asked().split_off(before);
    assert_eq!(asked.len(), 1);
    let from: DateTime<Utc> = asked[0].query("from")[0].parse().unwrap();
    assert_eq!(from, now() - TimeDelta::days(3));
}

#[tokio::test]
async fn paypal_is_never_asked_for_more_than_31_days_whatever_the_clock_shows() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/oauth2/token" => Reply::json(json!({ "access_token": "a", "expires_in": 32_400 })),
        _ => Reply::json(json!({ "links": [] })),
    })
    .await;
    let overrides = BTreeMap::from([("paypal".to_owned(), server.url.clone())]);
    let paypal = Catalogue::embedded(&overrides)
        .unwrap()
        .get("paypal")
        .unwrap();
    let session = session(&json!({ "clientId": "c", "clientSecret": "s" }));
    let source = paypal.open(&server.http(), session);
    let asked = Ask {
        now: now() + TimeDelta::microseconds(123_456),
        ..ask(SyncMode::Full)
    };
    walk(&source, "transactions", &asked).await.unwrap();
    let asked = server.asked();
    let spans = asked
        .iter()
        .filter(|asked| asked.path() != "/v1/oauth2/token");
    let lengths: Vec<TimeDelta> = spans
        .map(|asked| {
            let [from, until] = ["start_date", "end_date"].map(|name| {
                let text = asked.query(name).remove(0);
                text.parse::<DateTime<Utc>>().unwrap()
            });
            until - from
        })
        .collect();
    assert!(lengths.len() > 35, "{lengths:?}");
    assert!(lengths.iter().all(|length| *length < TimeDelta::days(31)));
}

#[tokio::test]
async fn the_vendors_own_cursor_is_kept_from_walk_to_walk_and_begins_again_when_told_to() {
    let server = Canned::start(|asked| {
        let cursor = asked.query("cursor").pop().unwrap_or_default();
        let (added, removed, next, more) = match (cursor.as_str(), asked.before) {
            ("", 0) => (json!([{ "id": "a" }]), json!([]), "c1", true),
            // What it told so far has changed: the walk begins again from where it began.
            ("c1", 1) => return Reply::status(400, json!({ "code": "MUTATION" })),
            ("", 2) => (json!([{ "id": "a" }]), json!([]), "c2", true),
            ("c2", 3) => (json!([{ "id": "b" }]), json!([]), "c3", false),
            ("c3", 4) => (json!([]), json!([{ "id": "a" }]), "c4", false),
            other => panic!("{other:?} was asked for"),
        };
        Reply::json(json!({ "added": added, "removed": removed, "next": next, "more": more }))
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/added"
        id = "/id"
        paging = { kind = "token", parameter = "cursor", next = "/next", more = "/more", restart_codes = ["MUTATION"] }
        lookback_minutes = 0
        [errors]
        code = "/code"
        [[entities]]
        name = "things"
        path = "/things"
        changes = { by = "cursor", gone = ["/removed"] }
        "#,
    );
    let first = ask(SyncMode::Incremental);
    let pages = walk(&source, "things", &first).await.unwrap();
    assert_eq!(told(&pages), ["a", "a", "b"]);
    assert!(matches!(pages[0].coverage, Coverage::Everything { .. }));
    let checkpoint = left(&first, &pages);
    assert_eq!(checkpoint.token.as_deref(), Some("c3"));
    let second = Ask {
        checkpoint,
        ..ask(SyncMode::Incremental)
    };
    let pages = walk(&source, "things", &second).await.unwrap();
    assert_eq!(told(&pages), ["-a"]);
    assert_eq!(pages[0].coverage, Coverage::Some);
    assert_eq!(left(&second, &pages).token.as_deref(), Some("c4"));
}

#[tokio::test]
async fn what_changed_is_followed_by_what_was_removed_and_a_list_at_its_cap_by_everything() {
    let rules = r#"
        [lists]
        records = "/rows"
        id = "/id"
        gone = { at = "/state", equals = "gone" }
        paging = { kind = "none" }
        since = { slot = "since", format = "unix_seconds", overlap_seconds = 5 }
        lookback_minutes = 0
        [removed]
        path = "/removed"
        records = "/rows"
        paging = { kind = "none" }
        since = { slot = "since", format = "unix_seconds" }
        cap = 3
        reaches_back_days = 30
        [[entities]]
        name = "things"
        path = "/things"
        changes = { by = "updated" }
    "#;
    let removed = std::sync::atomic::AtomicUsize::new(1);
    let removed = std::sync::Arc::new(removed);
    let how_many = std::sync::Arc::clone(&removed);
    let server = Canned::start(move |asked| {
        let rows: Vec<Value> = match asked.path() {
            "/things" if asked.query("since").is_empty() => vec![json!({ "id": "whole" })],
            "/things" => vec![json!({ "id": "changed" })],
            _ => (0..how_many.load(std::sync::atomic::Ordering::Relaxed))
                .map(|no| json!({ "id": format!("r{no}"), "state": "gone" }))
                .collect(),
        };
        Reply::json(json!({ "rows": rows }))
    })
    .await;
    let source = described(&server, rules);
    let asked = since(TimeDelta::days(1));
    let pages = walk(&source, "things", &asked).await.unwrap();
    assert_eq!(told(&pages), ["changed", "-r0"]);
    assert_eq!(left(&asked, &pages), read_up_to(now()));
    let since_s = (now() - TimeDelta::days(1)).timestamp();
    let requests = server.asked();
    assert_eq!(requests[0].query("since"), [(since_s - 5).to_string()]);
    assert_eq!(requests[1].query("since"), [since_s.to_string()]);

    removed.store(3, std::sync::atomic::Ordering::Relaxed);
    let pages = walk(&source, "things", &asked).await.unwrap();
    assert_eq!(told(&pages), ["changed", "whole"]);
    assert!(matches!(pages[2].coverage, Coverage::Everything { .. }));

    let old = since(TimeDelta::days(31));
    let pages = walk(&source, "things", &old).await.unwrap();
    assert_eq!(
        told(&pages),
        ["whole"],
        "older than what was removed is told"
    );
}

#[tokio::test]
async fn a_range_of_days_is_put_into_a_query_language_beside_other_conditions() {
    let server = Canned::start(|_| Reply::json(json!({ "rows": [] }))).await;
    let source = described(
        &server,
        r#"
        [lists]
        query = { q = "SELECT * FROM {object}{where} ORDER BY Id" }
        records = "/rows"
        id = "/Id"
        paging = { kind = "none" }
        window = { from = "where:Made >= '{}'", until = "where:Made < '{}'", format = "date" }
        lookback_minutes = 0
        [[entities]]
        name = "things"
        path = "/query"
        values = { object = "Thing" }
        where = "Active IN (true, false)"
        changes = { by = "whole_list", because = "it is a test" }
        "#,
    );
    let range = DateRange {
        from: "2025-01-01".parse().unwrap(),
        to: "2025-01-15".parse().unwrap(),
    };
    let asked = Ask {
        window: Some(range.window()),
        ..ask(SyncMode::Full)
    };
    walk(&source, "things", &asked).await.unwrap();
    walk(&source, "things", &ask(SyncMode::Full)).await.unwrap();
    let asked: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| asked.query("q").remove(0))
        .collect();
    assert_eq!(
        asked,
        [
            "SELECT * FROM Thing WHERE Active IN (true, false) AND Made >= '2025-01-01' AND Made < '2025-01-16' ORDER BY Id",
            "SELECT * FROM Thing WHERE Active IN (true, false) ORDER BY Id",
        ]
    );
}

#[tokio::test]
async fn an_entitys_own_path_takes_its_values_as_well_as_what_all_lists_say() {
    let server = Canned::start(|asked| match asked.path() {
        "/tables/Thing" => Reply::json(json!({ "rows": [{ "id": "a" }] })),
        "/tables/Thing/a" => Reply::json(json!({ "id": "a" })),
        path => panic!("{path} was asked for"),
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/rows"
        id = "/id"
        item = { path = "{path}/{id}" }
        paging = { kind = "none" }
        lookback_minutes = 0
        [[entities]]
        name = "things"
        path = "/tables/{table}"
        values = { table = "Thing" }
        changes = { by = "whole_list", because = "it is a test" }
        "#,
    );
    let pages = walk(&source, "things", &ask(SyncMode::Full)).await.unwrap();
    assert_eq!(ids(&pages), ["a"]);
    source.read_one("things", "a").await.unwrap();
}
