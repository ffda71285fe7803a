//! The fakes of the vendors send, and what they tell is read.

use std::collections::BTreeSet;

use rail_tests::harness::Rail;
use rail_tests::sandbox::hubspot::{self, HubSpot};
use rail_tests::sandbox::paypal::{PayPal, WEBHOOK_ID};
use rail_tests::sandbox::plaid::Plaid;
use rail_tests::sandbox::quickbooks::{self, QuickBooks};
use rail_tests::sandbox::tink::{EXTERNAL_USER_ID, Tink, WEBHOOK_SECRET};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::xero::{self, Xero};
use rail_tests::sandbox::{Mutation, Sandbox, Vendor};
use serde_json::{Value, json};

use super::{TOLD_SYNCS, all_read, connect_with, taken, tell, told_syncs};

/// A sandbox of a vendor, and a rail that reaches it.
async fn rail_at<V: Vendor + Clone>(id: &str, vendor: fn(&Start) -> V) -> (Rail, Sandbox<V>) {
    let sandbox = Start::new(5, 20).serve(vendor);
    let variable = format!("RAIL_CONNECTOR_{}_BASE_URL", id.to_uppercase());
    let rail = Rail::builder()
        .variable(&variable, &sandbox.base_url())
        .start()
        .await;
    (rail, sandbox)
}

/// Its credentials, with one more.
fn credentials(vendor: &impl Vendor, name: &str, value: &str) -> Value {
    let mut credentials = vendor.credentials();
    credentials[name] = json!(value);
    credentials
}

fn change(vendor: &impl Vendor, entity: &str, id: &str, patch: Value) {
    vendor
        .mutate(Mutation::AdvanceClock { seconds: 5 })
        .unwrap();
    let update = Mutation::Update {
        entity: entity.to_owned(),
        id: id.to_owned(),
        patch,
    };
    vendor.mutate(update).unwrap();
}

async fn read(rail: &Rail, connection: &str, entity: &str) {
    let done = rail
        .sync(connection, &json!({"entities": [entity], "mode": "FULL"}))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
}

async fn stored(rail: &Rail, id: &str, member: &str) -> Value {
    let sql = format!("SELECT payload->'{member}' FROM records WHERE external_id = '{id}'");
    rail.database.ask(&sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn quickbooks_tells_in_both_forms() {
    let (rail, sandbox) = rail_at("quickbooks", QuickBooks::new).await;
    let books = sandbox.vendor();
    let credentials = credentials(books, "webhookVerifierToken", books.verifier_token());
    let connection = connect_with(&rail, "quickbooks", &credentials).await;
    let path = format!("/connections/{connection}/webhooks/quickbooks");
    read(&rail, &connection, "customers").await;
    let ids = books.ids("customers");
    let forms: [fn(&QuickBooks, &[quickbooks::Change<'_>]) -> String; 2] = [
        QuickBooks::webhook_notifications,
        QuickBooks::webhook_cloud_events,
    ];
    let send = async |signature: &str, body: String| {
        tell(&rail, &path, &[("intuit-signature", signature)], body).await
    };
    for (form, id) in forms.iter().zip(&ids) {
        change(books, "customers", id, json!({"Notes": "told"}));
        let changes = [quickbooks::Change {
            entity: "customers",
            id,
            operation: "Update",
        }];
        let body = form(books, &changes);
        let signature = books.webhook_signature(body.as_bytes());

        taken(&send(&signature, body.clone()).await);
        all_read(&rail).await;
        assert_eq!(stored(&rail, id, "Notes").await, "told", "{body}");

        let forged = send(&signature, format!("{body} ")).await;
        assert_eq!(forged.problem(401), "bad-signature");
    }
    assert_eq!(told_syncs(&rail, &connection).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn xero_sends_once_its_intent_to_receive_was_answered_rightly() {
    let (rail, sandbox) = rail_at("xero", Xero::new).await;
    let xero = sandbox.vendor();
    let connection = connect_with(
        &rail,
        "xero",
        &credentials(xero, "webhookKey", xero.webhook_key()),
    )
    .await;
    let path = format!("/connections/{connection}/webhooks/xero");
    let send = async |xero::Webhook { body, signature }: xero::Webhook| {
        tell(&rail, &path, &[("x-xero-signature", &signature)], body).await
    };
    let [right, wrong] = xero.intent_to_receive();
    taken(&send(right).await);
    assert_eq!(send(wrong).await.status, 401);
    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 0);

    read(&rail, &connection, "contacts").await;
    let id = xero.ids("contacts").remove(0);
    change(xero, "contacts", &id, json!({"AccountNumber": "told"}));
    let changes = [xero::Change {
        entity: "contacts",
        id: &id,
        event: "UPDATE",
    }];
    taken(&send(xero.webhook(1, &changes)).await);
    all_read(&rail).await;
    assert_eq!(stored(&rail, &id, "AccountNumber").await, "told");
}

#[tokio::test(flavor = "multi_thread")]
async fn plaid_tells_by_a_token_and_what_is_new_is_read_by_its_cursor() {
    let (rail, sandbox) = rail_at("plaid", Plaid::new).await;
    let plaid = sandbox.vendor();
    let connection = connect_with(&rail, "plaid", &plaid.credentials()).await;
    let path = format!("/connections/{connection}/webhooks/plaid");
    read(&rail, &connection, "transactions").await;
    let body = json!({"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item",
                      "initial_update_complete": true, "historical_update_complete": true, "environment": "sandbox"})
    .to_string();
    let send = async |token: &str, body: String| {
        tell(&rail, &path, &[("plaid-verification", token)], body).await
    };
    for round in 0..2 {
        if round == 1 {
            plaid.rotate_webhook_key();
        }
        let added = plaid.add(2);
        let token = plaid.sign(body.as_bytes());
        taken(&send(&token, body.clone()).await);
        taken(&send(&token, body.clone()).await);
        all_read(&rail).await;
        for id in added {
            assert_eq!(stored(&rail, &id, "transaction_id").await, json!(id));
        }
        let forged = send(&token, format!("{body} ")).await;
        assert_eq!(forged.problem(401), "bad-signature");
    }
    let syncs = told_syncs(&rail, &connection).await;
    assert_eq!(
        syncs.len(),
        2,
        "the same body with another token is another webhook"
    );
    assert!(
        syncs.iter().all(|sync| sync["targets"].is_null()),
        "{syncs:?}"
    );
    assert_eq!(
        sandbox.requests().count("/webhook_verification_key/get"),
        2,
        "each key once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paypals_certificate_proves_its_webhooks() {
    let (rail, sandbox) = rail_at("paypal", PayPal::new).await;
    let paypal = sandbox.vendor();
    let credentials = credentials(paypal, "webhookId", WEBHOOK_ID);
    let connection = connect_with(&rail, "paypal", &credentials).await;
    let path = format!("/connections/{connection}/webhooks/paypal");
    read(&rail, &connection, "plans").await;
    let id = paypal.holds("plans").remove(0).0;
    change(paypal, "plans", &id, json!({"description": "told"}));
    let body = json!({"id": "WH-1", "event_type": "BILLING.PLAN.UPDATED", "resource": {"id": id}});
    let body = body.to_string();
    let signed = paypal.sign(body.as_bytes());
    let headers: Vec<_> = signed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();

    taken(&tell(&rail, &path, &headers, body.clone()).await);
    taken(&tell(&rail, &path, &headers, body.clone()).await);

    all_read(&rail).await;
    assert_eq!(stored(&rail, &id, "description").await, "told");
    assert_eq!(told_syncs(&rail, &connection).await.len(), 1);
    let forged = tell(&rail, &path, &headers, format!("{body} ")).await;
    assert_eq!(forged.problem(401), "bad-signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_signs_the_url_that_it_calls() {
    let (rail, sandbox) = rail_at("hubspot", HubSpot::new).await;
    let portal = sandbox.vendor();
    let connection = connect_with(&rail, "hubspot", &portal.credentials()).await;
    let path = format!("/connections/{connection}/webhooks/hubspot");
    let url = format!("{}/api/v1/integrations{path}", rail.url());
    read(&rail, &connection, "contacts").await;
    let id = portal.ids("contacts").remove(0);
    change(
        portal,
        "contacts",
        &id,
        json!({"properties": {"city": "Told"}}),
    );
    let changes = [hubspot::Change {
        subscription: "contact.propertyChange",
        id: &id,
        property: Some(("city", "Told")),
    }];
    let send = async |called: &str| {
        let sent = portal.webhook(called, &changes);
        let headers = [
            ("x-hubspot-signature-v3", sent.signature.as_str()),
            ("x-hubspot-request-timestamp", sent.timestamp.as_str()),
        ];
        tell(&rail, &path, &headers, sent.body).await
    };

    let elsewhere = send("https://rail.example.com/").await;
    assert_eq!(elsewhere.problem(401), "bad-signature");
    taken(&send(&url).await);

    all_read(&rail).await;
    let properties = stored(&rail, &id, "properties").await;
    assert_eq!(properties["city"], "Told", "{properties}");
}

/// What these syncs read.
fn entities(syncs: &[Value]) -> Vec<&str> {
    let stats = syncs.iter().filter_map(|sync| sync["stats"].as_object());
    let read: BTreeSet<&str> = stats
        .flat_map(|stats| stats.keys())
        .map(String::as_str)
        .collect();
    read.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tink_tells_of_its_own_user_only() {
    let (rail, sandbox) = rail_at("tink", Tink::new).await;
    let tink = sandbox.vendor();
    let credentials = credentials(tink, "webhookSecret", WEBHOOK_SECRET);
    let connection = connect_with(&rail, "tink", &credentials).await;
    let path = format!("/connections/{connection}/webhooks/tink");
    read(&rail, &connection, "transactions").await;
    for (user, event, expected) in [
        ("another", "refresh:finished", vec![]),
        (
            EXTERNAL_USER_ID,
            "account-transactions:modified",
            vec!["transactions"],
        ),
        (
            EXTERNAL_USER_ID,
            "account:updated",
            vec!["accounts", "balances"],
        ),
        (
            EXTERNAL_USER_ID,
            "refresh:finished",
            vec!["accounts", "balances", "transactions"],
        ),
    ] {
        let added = tink.refresh(1).remove(0);
        let before = told_syncs(&rail, &connection).await.len();
        let context = json!({"userId": "u", "externalUserId": user});
        let body = json!({"context": context, "event": event, "content": {}}).to_string();
        let signature = tink.sign(body.as_bytes());
        let headers = [("x-tink-signature", signature.as_str())];
        taken(&tell(&rail, &path, &headers, body.clone()).await);
        all_read(&rail).await;
        let syncs = told_syncs(&rail, &connection).await;
        assert_eq!(entities(&syncs[before..]), expected, "{user} {event}");
        if expected.contains(&"transactions") {
            assert_eq!(stored(&rail, &added, "id").await, json!(added));
        }
        let forged = tell(&rail, &path, &headers, format!("{body} ")).await;
        assert_eq!(forged.problem(401), "bad-signature");
    }
}
