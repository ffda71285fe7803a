//! What signed webhooks tell.

use sha2::Sha256;

use super::*;
use crate::domain::Grant;

/// The body in place of the vendor's own, signed with the same secret.
fn resigned(sent: &Sent, body: &str) -> Sent {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let key = |name: &str| text(&Value::Object(sent.credentials.clone()), name);
    let hmac = |key: &str, parts: &[&str]| hmac_sha256(key.as_bytes(), parts.concat().as_bytes());
    let hex = |bytes: Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let timed = |key: &str| format!("t=1780315200,v1={}", hex(hmac(key, &["1780315200.", body])));
    let whole = |key: &str, parts: &[&str]| STANDARD.encode(hmac(key, parts));
    let (header, value) = match sent.vendor {
        "stripe" => ("stripe-signature", timed(&key("webhookSecret"))),
        "tink" => ("x-tink-signature", timed(&key("webhookSecret"))),
        "quickbooks" => (
            "intuit-signature",
            whole(&key("webhookVerifierToken"), &[body]),
        ),
        "xero" => ("x-xero-signature", whole(&key("webhookKey"), &[body])),
        "hubspot" => (
            "x-hubspot-signature-v3",
            whole(&key("clientSecret"), &["POST", URL, body, "1780315200000"]),
        ),
        other => panic!("{other}"),
    };
    sent.clone().with_header(header, &value).with_body(body)
}

/// RFC 2104, once more: not by the code that is tested.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    let mut padded = [0_u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let pad = |with: u8| padded.map(|byte| byte ^ with);
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

fn set(expected: &[(&str, Option<&str>)]) -> BTreeSet<(String, Option<String>)> {
    expected
        .iter()
        .map(|(entity, id)| ((*entity).to_owned(), id.map(str::to_owned)))
        .collect()
}

#[tokio::test]
async fn each_vendor_tells_which_records_changed_where_it_can_be_asked_for_them() {
    let contact = [("contacts", by_id("hubspot", "151"))];
    let expected: [&[(&str, Option<&str>)]; 6] = [
        &[("customers", Some("cus_1"))],
        // It names no transaction.
        &[("transactions", None)],
        &[
            ("customers", Some("1")),
            ("customers", Some("2")),
            ("invoices", Some("7")),
        ],
        &[("invoices", Some("7"))],
        &[("contacts", Some("c-1"))],
        &contact,
    ];
    for (sent, expected) in secrets().iter().zip(expected) {
        let told = Taker::new().take(sent).await.unwrap();
        assert_eq!(changes(&told), set(expected), "{}", sent.vendor);
    }
}

#[tokio::test]
async fn every_type_that_stripes_feed_is_read_by_tells_of_its_entity() {
    for (event, object, expected) in [
        ("invoice.paid", "in_1", &[("invoices", Some("in_1"))][..]),
        (
            "customer.subscription.deleted",
            "sub_1",
            &[("subscriptions", Some("sub_1"))],
        ),
        (
            "charge.dispute.closed",
            "du_1",
            &[("disputes", Some("du_1"))],
        ),
        (
            "charge.refund.updated",
            "re_1",
            &[("refunds", Some("re_1"))],
        ),
        ("invoice.upcoming", "in_1", &[]),
        ("radar.early_fraud_warning.created", "x", &[]),
        ("customer.created", "..", &[("customers", None)]),
        ("customer.created", "", &[("customers", None)]),
    ] {
        let body =
            json!({"id": "evt_1", "type": event, "data": {"object": {"id": object}}}).to_string();
        let told = Taker::new()
            .take(&resigned(&stripe(), &body))
            .await
            .unwrap();
        assert_eq!(changes(&told), set(expected), "{event}");
    }
}

#[tokio::test]
async fn the_same_event_is_known_again_and_another_is_another() {
    let taker = Taker::new();
    let digests = async |sent: &Sent| -> Vec<([u8; 32], bool)> {
        let told = taker.take(sent).await.unwrap();
        told.iter()
            .map(|event| (event.digest, event.settled))
            .collect()
    };
    let event = |id: &str, name: &str| {
        json!({"id": id, "type": "customer.updated", "data": {"object": {"id": "cus_1", "name": name}}}).to_string()
    };
    let first = digests(&resigned(&stripe(), &event("evt_1", "a"))).await;
    assert_eq!(
        digests(&resigned(&stripe(), &event("evt_1", "b"))).await,
        first
    );
    assert_ne!(
        digests(&resigned(&stripe(), &event("evt_2", "a"))).await,
        first
    );
    assert!(first[0].1);

    // Of QuickBooks' older form the one happened a minute ago, the other a second: the like of it may still come.
    let old = digests(&secrets()[2]).await;
    assert_eq!(
        old.iter().map(|(_, settled)| *settled).collect::<Vec<_>>(),
        [true, false]
    );

    // HubSpot's numbers of events may come twice; that it tries again makes no other event.
    let hubspot = secrets().pop().unwrap();
    let body = String::from_utf8(hubspot.body.clone()).unwrap();
    let first = digests(&hubspot).await;
    let again = body.replace("\"attemptNumber\":0", "\"attemptNumber\":1");
    assert_eq!(digests(&resigned(&hubspot, &again)).await, first);
    let other = body.replace("\"objectId\":151", "\"objectId\":152");
    assert_ne!(digests(&resigned(&hubspot, &other)).await, first);
}

#[tokio::test]
async fn what_is_about_another_account_tells_nothing_and_where_ours_is_not_known_all_counts() {
    let old = &secrets()[2];
    let mut anywhere = old.clone();
    anywhere.credentials.remove("realmId");
    let told = Taker::new().take(&anywhere).await.unwrap();
    assert!(changes(&told).contains(&("invoices".to_owned(), Some("8".to_owned()))));
    let xero = secrets()[4].clone().with_credential("tenantId", "ten-2");
    assert_eq!(Taker::new().take(&xero).await.unwrap(), []);
}

#[tokio::test]
async fn an_account_that_came_with_the_consent_counts_like_one_that_was_brought() {
    let brought = &secrets()[2];
    let mut consented = brought.clone();
    consented.credentials.remove("realmId");
    let vault = MemoryVault::default();
    let facts = BTreeMap::from([("realmId".to_owned(), "42".to_owned())]);
    let grant = Grant {
        facts,
        ..Grant::default()
    };
    assert!(vault.keep(grant, 0).await.unwrap().is_some());
    let taker = Taker {
        vault: Arc::new(vault),
        ..Taker::new()
    };

    let told = taker.take(&consented).await.unwrap();

    assert_eq!(told, Taker::new().take(brought).await.unwrap());
    assert!(!changes(&told).contains(&("invoices".to_owned(), Some("8".to_owned()))));
}

#[tokio::test]
async fn a_body_that_is_signed_and_not_the_vendors_form_is_refused_by_name() {
    for body in [
        "",
        "nonsense",
        "[]",
        "{}",
        "7",
        "{\"id\":\"evt_1\"}",
        "{\"type\":\"customer.updated\"}",
        "{\"id\":\"e\",\"type\":{}}",
    ] {
        let refused = Taker::new()
            .take(&resigned(&stripe(), body))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, NotTaken::Unreadable(_)),
            "{body}: {refused}"
        );
    }
    for body in [
        "{}",
        "{\"eventNotifications\":[{}]}",
        "{\"eventNotifications\":7}",
        "[7]",
    ] {
        let refused = Taker::new()
            .take(&resigned(&secrets()[2], body))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, NotTaken::Unreadable(_)),
            "{body}: {refused}"
        );
    }
    let nothing = resigned(&secrets()[4], "{\"events\":[],\"entropy\":\"x\"}");
    assert_eq!(
        Taker::new().take(&nothing).await.unwrap(),
        [],
        "Xero's intent to receive"
    );
}
