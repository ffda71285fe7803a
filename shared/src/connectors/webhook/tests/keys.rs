//! Webhooks that are checked with a key the vendor tells.

use super::*;
use crate::http::canned::{Asked, Reply};

const KEY_CALL: &str = "/webhook_verification_key/get";
const CERTIFICATE: &str = "/v1/notifications/certs/CERT-1";

fn plaid() -> Sent {
    let signed = signed("plaid");
    let credentials =
        json!({"clientId": "c", "secret": "s", "accessToken": "a", "itemId": "item-1"});
    let headers = [("plaid-verification", text(&signed, "jwt"))];
    Sent::new("plaid", &credentials, &headers, &text(&signed, "body"))
}

fn jwk() -> Value {
    let signed = signed("plaid");
    json!({"key": {"alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig", "kid": "kid-1", "x": signed["x"], "y": signed["y"],
                   "created_at": 1, "expired_at": null}})
}

fn paypal(server: &Canned) -> Sent {
    let signed = signed("paypal");
    let headers = [
        ("paypal-transmission-id", "tid-1".to_owned()),
        (
            "paypal-transmission-time",
            "2026-06-01T12:00:00Z".to_owned(),
        ),
        ("paypal-transmission-sig", text(&signed, "sig")),
        ("paypal-cert-url", format!("{}{CERTIFICATE}", server.url)),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
    ];
    Sent::new(
        "paypal",
        &json!({"webhookId": "WHID"}),
        &headers,
        &text(&signed, "body"),
    )
}

fn certificate(_: &Asked) -> Reply {
    Reply::Whole(
        200,
        Vec::new(),
        text(&signed("paypal"), "certificate").into_bytes(),
    )
}

async fn refused(taker: &Taker, sent: &Sent) -> String {
    taker.take(sent).await.unwrap_err().to_string()
}

const FORGED: &str = "the signature is not right";

#[tokio::test]
async fn plaids_key_is_asked_for_once_and_its_token_holds_for_this_body_only() {
    let server = Canned::start(|asked| match asked.path() {
        KEY_CALL => Reply::json(jwk()),
        _ => Reply::status(404, "{}"),
    })
    .await;
    let taker = Taker::at(&server);

    let told = taker.take(&plaid()).await.unwrap();

    assert_eq!(
        changes(&told),
        BTreeSet::from([("transactions".to_owned(), None)])
    );
    assert!(told[0].settled);
    let asked = &server.asked()[0];
    assert_eq!(
        (
            asked.header("plaid-client-id"),
            asked.header("plaid-secret")
        ),
        (Some("c"), Some("s"))
    );
    for at in 0..plaid().body.len() {
        let mut changed = plaid();
        changed.body[at] ^= 1;
        assert_eq!(
            refused(&taker, &changed).await,
            FORGED,
            "byte {at} of the body"
        );
    }
    let token = plaid().headers["plaid-verification"].clone();
    let signature = token.rfind('.').unwrap() + 1;
    for at in signature..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed =
            plaid().with_header("plaid-verification", &String::from_utf8(changed).unwrap());
        assert_eq!(
            refused(&taker, &changed).await,
            FORGED,
            "byte {at} of the token"
        );
    }
    assert_eq!(server.asked().len(), 1, "the key is remembered");
    let other_item = plaid().with_credential("itemId", "item-2");
    assert_eq!(taker.take(&other_item).await.unwrap(), []);
    assert!(matches!(
        taker.later(301).take(&plaid()).await,
        Err(NotTaken::Stale { .. })
    ));
}

#[tokio::test]
async fn a_token_of_another_algorithm_or_of_a_strange_key_is_not_even_asked_about() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let server = Canned::start(|_| Reply::json(jwk())).await;
    let taker = Taker::at(&server);
    let token = plaid().headers["plaid-verification"].clone();
    let rest = token.split_once('.').unwrap().1;
    let long = "k".repeat(65);
    for header in [
        json!({"alg": "none", "kid": "kid-1"}),
        json!({"alg": "HS256", "kid": "kid-1"}),
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "kid": ""}),
        json!({"alg": "ES256", "kid": "../item/get"}),
        json!({"alg": "ES256", "kid": long}),
        json!({"alg": "ES256", "kid": "kid-1", "crit": ["exp"]}),
    ] {
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        let sent = plaid().with_header("plaid-verification", &token);
        assert_eq!(refused(&taker, &sent).await, FORGED, "{header}");
    }
    for token in ["", ".", "..", "a.b.c", "a.b", &token.replace('.', "..")] {
        let sent = plaid().with_header("plaid-verification", token);
        assert_eq!(refused(&taker, &sent).await, FORGED, "{token}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_key_that_is_not_there_is_no_reason_to_ask_again_and_again() {
    let server = Canned::start(|asked| match asked.before {
        0..=9 => Reply::status(
            400,
            r#"{"error_code":"INVALID_WEBHOOK_VERIFICATION_KEY_ID","error_message":"no"}"#,
        ),
        _ => Reply::json(jwk()),
    })
    .await;
    let taker = Taker::at(&server);
    for _ in 0..3 {
        assert_eq!(refused(&taker, &plaid()).await, FORGED);
    }
    assert_eq!(server.asked().len(), 1);

    // Others are asked for, up to ten a minute.
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let token = plaid().headers["plaid-verification"].clone();
    let rest = token.split_once('.').unwrap().1;
    for number in 0..20 {
        let header = json!({"alg": "ES256", "kid": format!("unknown-{number}")}).to_string();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let sent = plaid().with_header("plaid-verification", &token);
        assert!(taker.take(&sent).await.is_err());
    }
    assert_eq!(server.asked().len(), 10);
    let taker = taker.later(61);
    assert!(
        taker.take(&plaid()).await.is_ok(),
        "after a minute it is asked for again"
    );
}

#[tokio::test]
async fn a_key_that_was_retired_signs_no_more_and_one_that_cannot_be_had_forges_nothing() {
    let server = Canned::start(|asked| {
        let mut key = jwk();
        match asked.before {
            0 => return Reply::status(500, "{}"),
            1 => key["key"]["expired_at"] = json!(then().timestamp() + 60),
            _ => key["key"]["expired_at"] = json!(then().timestamp() - 60),
        }
        Reply::json(key)
    })
    .await;
    let taker = Taker::at(&server);
    let away = taker.take(&plaid()).await.unwrap_err();
    assert!(matches!(away, NotTaken::NoKey(_)), "{away}");
    assert!(taker.take(&plaid()).await.is_ok(), "it expires in a minute");
    let taker = taker.later(61);
    assert_eq!(refused(&taker, &plaid()).await, FORGED);
}

#[tokio::test]
async fn paypals_certificate_is_asked_for_once_and_what_it_signed_holds_for_this_webhook_only() {
    let server = Canned::start(certificate).await;
    let taker = Taker::at(&server);

    let told = taker.take(&paypal(&server)).await.unwrap();

    let invoice = by_id("paypal", "INV2-1").map(str::to_owned);
    assert_eq!(
        changes(&told),
        BTreeSet::from([("invoices".to_owned(), invoice)])
    );
    for at in 0..paypal(&server).body.len() {
        let mut changed = paypal(&server);
        changed.body[at] ^= 1;
        assert_eq!(
            refused(&taker, &changed).await,
            FORGED,
            "byte {at} of the body"
        );
    }
    let signature = paypal(&server).headers["paypal-transmission-sig"].clone();
    for at in 0..signature.len() {
        let mut changed = signature.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = paypal(&server).with_header(
            "paypal-transmission-sig",
            &String::from_utf8(changed).unwrap(),
        );
        assert_eq!(
            refused(&taker, &changed).await,
            FORGED,
            "byte {at} of the signature"
        );
    }
    for (header, value) in [
        ("paypal-transmission-id", "tid-2"),
        ("paypal-transmission-time", "2026-06-01T12:00:01Z"),
        ("paypal-auth-algo", "SHA1withRSA"),
        ("paypal-cert-url", "nonsense"),
    ] {
        assert_eq!(
            refused(&taker, &paypal(&server).with_header(header, value)).await,
            FORGED,
            "{header}"
        );
    }
    let other = paypal(&server).with_credential("webhookId", "OTHER");
    assert_eq!(refused(&taker, &other).await, FORGED);
    assert_eq!(server.asked().len(), 1, "the certificate is remembered");
    let mut without = paypal(&server);
    without.credentials.clear();
    assert!(matches!(
        taker.take(&without).await,
        Err(NotTaken::Lacks(_))
    ));
    // PayPal tries for three days.
    let taker = taker.later(3 * 86_400);
    assert!(taker.take(&paypal(&server)).await.is_ok());
    assert!(matches!(
        taker.later(1).take(&paypal(&server)).await,
        Err(NotTaken::Stale { .. })
    ));
}

#[tokio::test]
async fn a_certificate_is_taken_from_paypal_and_from_nobody_else() {
    let server = Canned::start(certificate).await;
    let taker = Taker::at(&server);
    for url in [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "https://evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
        "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../../elsewhere",
        "https://api.paypal.com/elsewhere/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?a=b",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/more/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/..%2f..%2felsewhere",
        "https://api.paypal.com\\@evil.test/v1/notifications/certs/CERT-1",
        "file:///v1/notifications/certs/CERT-1",
        &format!("{}/elsewhere/CERT-1", server.url),
    ] {
        let sent = paypal(&server).with_header("paypal-cert-url", url);
        assert_eq!(refused(&taker, &sent).await, FORGED, "{url}");
    }
    assert_eq!(server.asked().len(), 0);
    let nobody_named_it = Taker::with(server.http(), None);
    assert_eq!(refused(&nobody_named_it, &paypal(&server)).await, FORGED);
}

#[tokio::test]
async fn what_is_no_certificate_of_an_rsa_key_is_none() {
    let whole = text(&signed("paypal"), "certificate");
    let elliptic = signed("ec_certificate").as_str().unwrap().to_owned();
    let middle = whole.len() / 2;
    for bad in [
        String::new(),
        "{}".to_owned(),
        elliptic,
        whole[..middle].to_owned(),
        whole.replace("MIIC", "MIID"),
    ] {
        let answer = bad.clone();
        let server =
            Canned::start(move |_| Reply::Whole(200, Vec::new(), answer.clone().into_bytes()))
                .await;
        assert_eq!(
            refused(&Taker::at(&server), &paypal(&server)).await,
            FORGED,
            "{bad}"
        );
    }
}
