//! A person's consent: once, in time, for one connection.

use rail_shared::domain::Scope;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::quickbooks::QuickBooks;
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::xero::Xero;
use serde_json::Value;

use super::{CUSTOMERS, app, come_back, connect, consented, customers, status, with_quickbooks};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_for_a_person_and_syncs_once_it_is_authorized() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::new).await;
    let made = connect(&rail, "quickbooks", &app(quickbooks.vendor())).await;
    assert_eq!(made["status"], "PENDING_AUTHORIZATION");
    let id = text(&made, "connectionId").to_owned();
    let sync = format!("/connections/{id}/sync");
    let refused = rail.caller.post(&sync, &customers("FULL")).await;
    assert_eq!(refused.problem(409), "connection-not-active");

    let back = consented(&rail, &id).await;
    let page = come_back(&rail, &back).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.text.contains("Our &lt;books&gt; is connected"),
        "{}",
        page.text
    );

    assert_eq!(status(&rail, &id).await, "ACTIVE");
    let done = rail.sync(&id, &customers("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["created"], CUSTOMERS);
    let connected = "SELECT count(*) FROM events WHERE type = 'integration.connected'";
    assert_eq!(rail.database.ask(connected).await, 1);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'connection.authorize'";
    assert_eq!(rail.database.ask(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_authorized_is_asked_of_a_vendor_that_does_not_tell_it() {
    let xero = Start::new(5, 20).serve(Xero::new);
    // The vendor lists it first.
    xero.vendor().connect_another_before();
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_XERO_BASE_URL", &xero.base_url())
        .start()
        .await;
    let made = connect(&rail, "xero", &app(xero.vendor())).await;
    let id = text(&made, "connectionId");
    let back = consented(&rail, id).await;
    assert_eq!(come_back(&rail, &back).await.status, 200);
    let asked = serde_json::json!({"entities": ["contacts"], "mode": "FULL"});
    let done = rail.sync(id, &asked).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["contacts"]["created"], 20);

    // It names the account whose budget is shown, too.
    let path = format!("/connections/{id}/budget");
    let budget = rail.caller.get(&path).await.expect(200);
    let limits = budget["limits"].as_array().unwrap();
    let day = limits.iter().find(|limit| limit["name"] == "day").unwrap();
    assert!(day["remaining"].as_u64() < Some(5_000), "{budget}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_good_once_and_for_ten_minutes_and_only_the_newest_one() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::new).await;
    let made = connect(&rail, "quickbooks", &app(quickbooks.vendor())).await;
    let id = text(&made, "connectionId");

    let late = consented(&rail, id).await;
    rail.database
        .run("UPDATE consents SET expires_at = now() - interval '1 second'")
        .await;
    assert_eq!(come_back(&rail, &late).await.status, 400, "too late");

    let older = consented(&rail, id).await;
    let newest = consented(&rail, id).await;
    assert_eq!(come_back(&rail, &older).await.status, 400, "begun anew");
    for path in ["/oauth/callback", "/oauth/callback?state=guessed&code=x"] {
        assert_eq!(come_back(&rail, path).await.status, 400, "{path}");
    }
    assert_eq!(status(&rail, id).await, "PENDING_AUTHORIZATION");
    assert_eq!(quickbooks.vendor().oauth().counts().codes, 0);

    assert_eq!(come_back(&rail, &newest).await.status, 200);
    assert_eq!(come_back(&rail, &newest).await.status, 400, "used before");
    assert_eq!(quickbooks.vendor().oauth().counts().codes, 1);
    assert_eq!(status(&rail, id).await, "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_authorizes_a_connection_of_another_tenant() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::new).await;
    let made = connect(&rail, "quickbooks", &app(quickbooks.vendor())).await;
    let id = text(&made, "connectionId");
    let other = rail.caller_of("other", Scope::ALL).await;
    let path = format!("/connections/{id}/authorize");
    assert_eq!(
        other.post(&path, &Value::Null).await.problem(404),
        "not-found"
    );

    // A row that was moved to another tenant's connection does not open.
    let back = consented(&rail, id).await;
    let tenant = "UPDATE consents SET tenant_id = (SELECT id FROM tenants WHERE name = 'other')";
    rail.database.run(tenant).await;
    assert_eq!(come_back(&rail, &back).await.status, 400);
    assert_eq!(status(&rail, id).await, "PENDING_AUTHORIZATION");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_says_no_leaves_the_connection_as_it_is() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::new).await;
    let made = connect(&rail, "quickbooks", &app(quickbooks.vendor())).await;
    let id = text(&made, "connectionId");
    quickbooks.vendor().oauth().deny_next_consent();
    let back = consented(&rail, id).await;
    let page = come_back(&rail, &back).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("access_denied"), "{}", page.text);
    assert_eq!(status(&rail, id).await, "PENDING_AUTHORIZATION");

    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/authorize");
    let refused = rail.caller.post(&path, &Value::Null).await;
    assert_eq!(refused.problem(409), "not-authorizable");
}
