//! Tokens that a caller brings, in place of a person's consent.

use rail_tests::harness::text;
use rail_tests::sandbox::quickbooks::QuickBooks;
use rail_tests::sandbox::{Fault, Vendor};
use serde_json::{Value, json};

use super::{app, connect, customers, status, with_quickbooks};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_replaced_before_a_refusal_is_not_lost() {
    for (vendor, is_kept) in [
        (QuickBooks::stern as fn(&_) -> _, true),
        // It replaces none that is younger than a day.
        (QuickBooks::new, false),
    ] {
        let (rail, quickbooks) = with_quickbooks(vendor).await;
        let mut credentials = quickbooks.vendor().credentials();
        credentials.as_object_mut().unwrap().remove("accessToken");
        let realm = quickbooks.vendor().realm();
        let company = format!("/v3/company/{realm}/companyinfo/{realm}");
        // With one token, and with the one that is fetched in its place.
        quickbooks
            .faults()
            .on(&company, 2, Fault::Status { status: 401 });
        let body =
            json!({"connectorId": "quickbooks", "name": "Books", "credentials": credentials});
        let made = rail.caller.post("/connections", &body).await;
        if !is_kept {
            assert_eq!(made.problem(422), "credentials-rejected");
            assert_eq!(
                rail.database.ask("SELECT count(*) FROM connections").await,
                0
            );
            continue;
        }
        let made = made.expect(201);
        assert_eq!(made["status"], "REAUTH_REQUIRED", "{made}");
        let reason = text(&made, "statusReason");
        assert!(reason.contains("the new one is kept"), "{reason}");
        let id = text(&made, "connectionId");

        let tested = rail
            .caller
            .post(&format!("/connections/{id}/test"), &Value::Null)
            .await
            .expect(200);
        assert_eq!(tested["success"], true, "{tested}");
        assert_eq!(status(&rail, id).await, "ACTIVE");
        let done = rail.sync(id, &customers("FULL")).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        assert_eq!(quickbooks.vendor().oauth().counts().refused_refreshes, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_still_being_fetched_when_the_test_was_cut_off_is_kept() {
    let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
    let credentials = quickbooks.vendor().credentials();
    quickbooks.vendor().oauth().expire_access_tokens();
    // The test ends after ten seconds: in the middle of the renewal.
    let renewal = "/oauth2/v1/tokens/bearer";
    let late = Fault::Slow { delay_ms: 11_000 };
    quickbooks.faults().on(renewal, 1, late);

    let body = json!({"connectorId": "quickbooks", "name": "Books", "credentials": credentials});
    let made = rail.caller.post("/connections", &body).await.expect(201);

    assert_eq!(made["status"], "ERROR", "{made}");
    assert_eq!(quickbooks.requests().count(renewal), 1, "it was renewed");
    let id = text(&made, "connectionId");
    let done = format!("/connections/{id}/test");
    let tested = rail.caller.post(&done, &Value::Null).await.expect(200);
    assert_eq!(tested["success"], true, "{tested}");
    let counts = quickbooks.vendor().oauth().counts();
    assert_eq!(counts.refused_refreshes, 0, "the new token was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_brought_later_end_the_waiting_for_a_person() {
    let connected = "SELECT count(*) FROM events WHERE type = 'integration.connected'";
    for verify in [true, false] {
        let (rail, quickbooks) = with_quickbooks(QuickBooks::stern).await;
        let made = connect(&rail, "quickbooks", &app(quickbooks.vendor())).await;
        let id = text(&made, "connectionId");
        let path = format!("/connections/{id}?verify={verify}");
        let waiting = json!({"name": "Other books", "credentials": {"webhookVerifierToken": "x"}});
        let patched = rail.caller.patch(&path, &waiting).await.expect(200);
        assert_eq!(patched["status"], "PENDING_AUTHORIZATION", "{patched}");
        assert_eq!(rail.database.ask(connected).await, 0);

        let tokens = json!({"credentials": quickbooks.vendor().credentials()});
        let patched = rail.caller.patch(&path, &tokens).await.expect(200);
        assert_eq!(patched["status"], "ACTIVE", "{patched}");
        assert_eq!(patched["statusReason"], Value::Null, "{patched}");
        assert_eq!(rail.database.ask(connected).await, 1);
        let done = rail.sync(id, &customers("FULL")).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
    }
}
