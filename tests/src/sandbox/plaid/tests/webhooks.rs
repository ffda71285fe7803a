//! Signatures.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn key(plaid: &Plaid, token: &str) -> Value {
    let header: Value = serde_json::from_slice(&decoded(token.split('.').next().unwrap())).unwrap();
    assert_eq!(header["alg"], "ES256");
    let sent = json!({ "key_id": header["kid"] });
    body(&ask_with(
        plaid,
        "/webhook_verification_key/get",
        sent,
        None,
    ))["key"]
        .take()
}

#[test]
fn a_webhook_is_signed_with_a_key_that_can_be_asked_for() {
    let plaid = plaid(5);
    let token = plaid.sign(b"{}");
    let key = key(&plaid, &token);
    let coordinate = |name: &str| decoded(key[name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    assert!(
        public
            .verify(message.as_bytes(), &decoded(signature))
            .is_ok()
    );
    assert!(
        public
            .verify(b"another message", &decoded(signature))
            .is_err()
    );
    let claims: Value =
        serde_json::from_slice(&decoded(message.split('.').nth(1).unwrap())).unwrap();
    assert_eq!(claims["iat"], NOW);
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(claims["request_body_sha256"], hash);
}

#[test]
fn a_key_that_was_replaced_is_told_of_as_expired() {
    let plaid = plaid(5);
    let old = plaid.sign(b"{}");
    assert_eq!(key(&plaid, &old)["expired_at"], Value::Null);
    plaid.rotate_webhook_key();
    assert_eq!(key(&plaid, &old)["expired_at"], NOW);
    assert_eq!(key(&plaid, &plaid.sign(b"{}"))["expired_at"], Value::Null);
    let sent = json!({ "key_id": "none" });
    let answer = ask_with(&plaid, "/webhook_verification_key/get", sent, None);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[test]
fn webhooks_asked_for_are_noted_once_the_item_has_an_address_for_them() {
    let plaid = plaid(5);
    let sent = json!({ "webhook_code": "SYNC_UPDATES_AVAILABLE" });
    let path = "/sandbox/item/fire_webhook";
    assert_eq!(
        refused(&plaid, path, sent.clone()),
        (400, "SANDBOX_WEBHOOK_INVALID".to_owned())
    );
    get(
        &plaid,
        "/item/webhook/update",
        json!({ "webhook": "https://rail.example/hook" }),
    );
    get(&plaid, path, sent);
    assert_eq!(plaid.fired()[0]["webhook_code"], "SYNC_UPDATES_AVAILABLE");
}
