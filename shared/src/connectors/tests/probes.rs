use super::described::described;
use super::*;
use crate::domain::FailureKind;

fn forbidden() -> Reply {
    Reply::status(403, json!({ "error": { "message": "no" } }))
}

/// Stripe with another key.
fn with_key(server: &Canned, key: &str) -> Source {
    let overrides = BTreeMap::from([("stripe".to_owned(), server.url.clone())]);
    let catalogue = Catalogue::embedded(&overrides).unwrap();
    let session = session(&json!({ "apiKey": key }));
    catalogue
        .get("stripe")
        .unwrap()
        .open(&server.http(), session)
}

#[tokio::test]
async fn a_secret_key_reads_and_writes_by_one_request() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/account");
        Reply::json(r#"{"id": "acct_1"}"#).with("Stripe-Version", "2026-10-28.endive")
    })
    .await;
    let report = stripe(&server).test().await.unwrap();
    assert_eq!(report.version.as_deref(), Some("2026-10-28.endive"));
    assert_eq!(report.permissions, ["read", "write"]);
    assert!(report.missing_permissions.is_empty());
    assert!(report.latency_ms < 10_000);
    assert_eq!(server.asked().len(), 1);
    let report = with_key(&server, "rk_test_1").test().await.unwrap();
    assert_eq!(
        report.permissions,
        ["read"],
        "only what was tried is claimed"
    );
}

#[tokio::test]
async fn a_restricted_key_is_told_which_entities_it_may_not_read() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/balance" => Reply::json("{}"),
        "/v1/account" | "/v1/payouts" | "/v1/refunds" => forbidden(),
        _ => {
            assert_eq!(asked.query("limit"), ["1"]);
            listed(asked, &[])
        }
    })
    .await;
    let report = with_key(&server, "rk_test_1").test().await.unwrap();
    assert_eq!(report.permissions, ["read"]);
    assert_eq!(report.missing_permissions, ["refunds:read", "payouts:read"]);
    assert_eq!(server.asked().len(), 2 + 11);
}

#[tokio::test]
async fn a_survey_tells_what_a_good_key_may_not_read_and_minds_no_other_trouble() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/account" => Reply::json("{}"),
        "/v1/payouts" => forbidden(),
        "/v1/refunds" => Reply::status(500, "{}"),
        _ => listed(asked, &[]),
    })
    .await;
    let report = stripe(&server).survey().await.unwrap();
    assert_eq!(report.permissions, ["read", "write"]);
    assert_eq!(report.missing_permissions, ["payouts:read"]);
    assert_eq!(server.asked().len(), 1 + 11);
}

const FIELDS_AND_PARENTS: &str = r#"
    [lists]
    records = "/rows"
    id = "/id"
    paging = { kind = "none" }
    lookback_minutes = 0
    fields = { path = "/fields", fields = "/all", name = "/name", join = "," }
    [[entities]]
    name = "accounts"
    path = "/accounts"
    changes = { by = "whole_list", because = "it is a test" }
    [[entities]]
    name = "deals"
    path = "/deals"
    query = { fields = "{fields}" }
    changes = { by = "whole_list", because = "it is a test" }
    [[entities]]
    name = "notes"
    path = "/accounts/{parent}/notes"
    under = { entity = "accounts" }
    changes = { by = "whole_list", because = "it is a test" }
"#;

#[tokio::test]
async fn what_is_listed_by_its_fields_or_under_another_is_tried_too() {
    let server = Canned::start(|asked| match asked.path() {
        "/me" => Reply::json("{}"),
        "/fields" => Reply::json(json!({ "all": [{ "name": "id" }, { "name": "size" }] })),
        "/deals" if asked.query("fields") == ["id"] => forbidden(),
        "/accounts" => Reply::json(json!({ "rows": [{ "id": "a" }] })),
        "/accounts/a/notes" => forbidden(),
        path => panic!("{path} was asked for"),
    })
    .await;
    let report = described(&server, FIELDS_AND_PARENTS)
        .survey()
        .await
        .unwrap();
    assert_eq!(report.missing_permissions, ["deals:read", "notes:read"]);
}

#[tokio::test]
async fn a_key_that_may_read_nothing_fails_the_test() {
    let server = Canned::start(|_| forbidden()).await;
    let failure = with_key(&server, "rk_test_1").test().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::PermissionDenied);
}

#[tokio::test]
async fn a_rejected_key_and_a_vendor_that_is_down_fail_the_test_by_their_kind() {
    for (status, kind) in [
        (401, FailureKind::CredentialsRejected),
        (500, FailureKind::Unavailable),
    ] {
        let server = Canned::start(move |_| Reply::status(status, "{}")).await;
        assert_eq!(stripe(&server).test().await.unwrap_err().kind, kind);
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn tests_and_reads_can_run_on_any_thread() {
    let server = Canned::start(|asked| match asked.path() {
        "/v1/account" => Reply::json("{}"),
        _ => listed(asked, &customers(1)),
    })
    .await;
    let source = stripe(&server);
    let cursor = source.plan("customers", &ask(SyncMode::Full)).unwrap();
    let spawned = tokio::spawn(async move {
        source.test().await.unwrap();
        source
            .read("customers", &cursor)
            .await
            .unwrap()
            .records
            .len()
    });
    assert_eq!(spawned.await.unwrap(), 1);
}
