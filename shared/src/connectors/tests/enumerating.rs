//! Which walks tell of everything, so that what they did not show may be deleted.

use super::described::{described, told};
use super::*;
use crate::connectors::Coverage;

/// Whether each page says that the walk tells of everything.
fn tells_all(pages: &[Page]) -> Vec<bool> {
    let all = |page: &Page| matches!(page.coverage, Coverage::Everything { .. });
    pages.iter().map(all).collect()
}

#[tokio::test]
async fn a_cursor_that_told_of_a_record_without_an_id_does_not_tell_all_and_is_put_once() {
    let server = Canned::start(|asked| {
        let (added, next, more) = match asked.query("cursor").pop().as_deref() {
            None => (json!([{ "id": "a" }, { "name": "no id" }]), "c1", true),
            Some("c1") => (json!([{ "id": "b" }]), "c2", false),
            Some(_) => (json!([]), "c3", false),
        };
        Reply::json(json!({ "added": added, "next": next, "more": more }))
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/added"
        id = "/id"
        paging = { kind = "token", parameter = "cursor", next = "/next", more = "/more" }
        page_size = { parameter = "size", size = 2 }
        lookback_minutes = 0
        [[entities]]
        name = "things"
        path = "/things"
        changes = { by = "cursor", gone = [] }
        "#,
    );
    let first = ask(SyncMode::Incremental);
    let pages = walk(&source, "things", &first).await.unwrap();
    assert_eq!(tells_all(&pages), [false, false]);
    let second = Ask {
        checkpoint: left(&first, &pages),
        ..ask(SyncMode::Incremental)
    };
    walk(&source, "things", &second).await.unwrap();
    let last = server.asked().pop().unwrap();
    assert_eq!(last.query("cursor"), ["c2"]);
    assert_eq!(last.query("size"), ["2"]);
}

const UNDER_ACCOUNTS: &str = r#"
    [lists]
    records = "/rows"
    id = "/id"
    gone = { at = "/state", equals = "gone" }
    paging = { kind = "none" }
    lookback_minutes = 0
    [[entities]]
    name = "accounts"
    path = "/accounts"
    changes = { by = "whole_list", because = "it is a test" }
    [[entities]]
    name = "notes"
    path = "/accounts/{parent}/notes"
    under = { entity = "accounts" }
    changes = { by = "whole_list", because = "it is a test" }
"#;

/// The notes under such accounts: what was handed over, and whether the last page tells all.
async fn notes_under(accounts: Value) -> (Vec<String>, Option<bool>) {
    let server = Canned::start(move |asked| {
        let rows = match asked.path() {
            "/accounts" => accounts.clone(),
            path => json!([{ "id": path.replace("/accounts/", "") }]),
        };
        Reply::json(json!({ "rows": rows }))
    })
    .await;
    let source = described(&server, UNDER_ACCOUNTS);
    let pages = walk(&source, "notes", &ask(SyncMode::Full)).await.unwrap();
    (told(&pages), tells_all(&pages).pop())
}

#[tokio::test]
async fn records_under_others_are_only_told_in_full_where_all_of_those_are_named() {
    let all_named = notes_under(json!([{ "id": "a" }, { "id": "b" }])).await;
    assert_eq!(all_named.1, Some(true));
    let one_unnamed = notes_under(json!([{ "id": "a" }, { "name": "no id" }])).await;
    assert_eq!(one_unnamed, (vec!["a/notes".to_owned()], Some(false)));
    let none = notes_under(json!([{ "name": "no id" }])).await;
    assert_eq!(none, (vec![], Some(false)));
    let gone = notes_under(json!([{ "id": "a", "state": "gone" }, { "id": "b" }])).await;
    assert_eq!(gone, (vec!["b/notes".to_owned()], Some(true)));
}

#[tokio::test]
async fn records_under_one_that_cannot_be_stored_are_read_all_the_same() {
    let unstorable = json!([{ "id": "a", "name": "\u{0}" }, { "id": "b" }]);
    let (told, tells_all) = notes_under(unstorable).await;
    assert_eq!(told, ["b/notes", "a/notes"]);
    assert_eq!(tells_all, Some(true));
}

#[tokio::test]
async fn a_walk_whose_next_url_died_goes_on_after_the_last_record_and_still_tells_all() {
    let server = Canned::start(|asked| {
        let rows = match (asked.query("after").pop().as_deref(), asked.before) {
            (None, 0) => json!({ "rows": [{ "id": "a" }], "next": "/things?dead=1" }),
            (None, 1) => return Reply::status(400, json!({ "code": "DIED" })),
            (Some("a"), 2) => json!({ "rows": [{ "id": "b" }], "next": null }),
            other => panic!("{other:?} was asked for"),
        };
        Reply::json(rows)
    })
    .await;
    let source = described(
        &server,
        r#"
        [lists]
        records = "/rows"
        id = "/id"
        paging = { kind = "next_url", next = "/next", resume = "after", restart_codes = ["DIED"] }
        lookback_minutes = 0
        [errors]
        code = "/code"
        [[entities]]
        name = "things"
        path = "/things"
        changes = { by = "whole_list", because = "it is a test" }
        "#,
    );
    let pages = walk(&source, "things", &ask(SyncMode::Full)).await.unwrap();
    assert_eq!(told(&pages), ["a", "b"]);
    assert_eq!(tells_all(&pages), [true, true, true]);
}

#[tokio::test]
async fn what_a_walk_does_not_show_was_gone_when_it_began_by_the_vendors_clock() {
    for date in [
        "Mon, 01 Jun 2026 11:58:30 GMT",
        "Mon, 01 Jun 2026 12:01:30 GMT",
    ] {
        let answer = move |_: &Asked| Reply::json(json!({ "rows": [] })).with("Date", date);
        let server = Canned::start(answer).await;
        let source = described(&server, UNDER_ACCOUNTS);
        let vendors = DateTime::parse_from_rfc2822(date).unwrap().to_utc();
        for entity in ["accounts", "notes"] {
            let pages = walk(&source, entity, &ask(SyncMode::Full)).await.unwrap();
            let last = pages.last().unwrap();
            assert_eq!(last.coverage, Coverage::Everything { began_at: vendors });
        }
    }
}
