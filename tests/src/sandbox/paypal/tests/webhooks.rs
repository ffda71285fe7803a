//! Signatures.

use super::super::WEBHOOK_ID;
use super::*;

const EVENT: &str =
    r#"{ "id": "WH-1",  "event_type":"CUSTOMER.DISPUTE.CREATED", "resource": {"amount": 1.10} }"#;

fn question(paypal: &PayPal, change: impl Fn(&mut Value)) -> String {
    let signed: std::collections::HashMap<_, _> =
        paypal.sign(EVENT.as_bytes()).into_iter().collect();
    let mut asked = serde_json::json!({
        "auth_algo": signed["paypal-auth-algo"],
        "cert_url": signed["paypal-cert-url"],
        "transmission_id": signed["paypal-transmission-id"],
        "transmission_sig": signed["paypal-transmission-sig"],
        "transmission_time": signed["paypal-transmission-time"],
        "webhook_id": WEBHOOK_ID,
    });
    change(&mut asked);
    let mut text = asked.to_string();
    text.truncate(text.len() - 1);
    format!(r#"{text},"webhook_event":{EVENT}}}"#)
}

#[test]
fn a_webhook_is_verified_by_its_headers_and_by_every_byte_of_its_body() {
    let paypal = paypal(4);
    let status = |sent: &str| {
        let answer = post(&paypal, "/v1/notifications/verify-webhook-signature", sent);
        answer["verification_status"].as_str().unwrap().to_owned()
    };
    let right = question(&paypal, |_| {});
    assert_eq!(status(&right), "SUCCESS");
    assert_eq!(status(&right.replace("1.10", "1.1")), "FAILURE");
    for field in [
        "transmission_id",
        "transmission_time",
        "webhook_id",
        "cert_url",
        "auth_algo",
    ] {
        let wrong = question(&paypal, |asked| asked[field] = "other".into());
        assert_eq!(status(&wrong), "FAILURE", "{field}");
    }
}

#[test]
fn the_certificate_is_where_the_headers_say_and_needs_no_token() {
    let paypal = paypal(4);
    paypal.opened("http://127.0.0.1:9");
    let signed = paypal.sign(b"{}");
    let (_, url) = signed
        .iter()
        .find(|(name, _)| *name == "paypal-cert-url")
        .unwrap();
    let path = url.strip_prefix("http://127.0.0.1:9").unwrap();
    let answer = paypal.answer(&request(Method::GET, path, "", ""), None);
    assert_eq!(answer.body, paypal.certificate().as_bytes());
    assert!(answer.body.starts_with(b"-----BEGIN CERTIFICATE-----"));
}
