use std::time::Duration;

use super::*;
use crate::domain::{FailureKind, Origin};

async fn failure(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Failure {
    let server = Canned::start(move |_| reply()).await;
    let failure = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap_err();
    assert!(!failure.message.contains("hidden"), "{}", failure.message);
    failure
}

#[tokio::test]
async fn every_status_has_its_meaning() {
    use FailureKind::*;
    for (status, kind, retryable) in [
        (301, Misconfigured, false),
        (400, Refused, false),
        (401, CredentialsRejected, false),
        (402, Refused, false),
        (403, PermissionDenied, false),
        (404, NotFound, false),
        (408, Unavailable, true),
        (409, Unavailable, true),
        (422, Refused, false),
        (429, RateLimited, true),
        (500, Unavailable, true),
        (502, Unavailable, true),
        (503, Unavailable, true),
        (599, Unavailable, true),
    ] {
        for body in ["{}", "<html>no</html>", "[]", ""] {
            let failure = failure(move || Reply::status(status, body)).await;
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{status} {body}"
            );
            assert_eq!(failure.origin, Origin::Vendor);
        }
    }
}

#[tokio::test]
async fn a_rule_may_look_at_the_vendors_code() {
    let told = |code: &'static str| {
        move || Reply::status(400, json!({ "error": { "code": code, "message": "m" } }))
    };
    assert_eq!(
        failure(told("rate_limit")).await.kind,
        FailureKind::RateLimited
    );
    assert_eq!(
        failure(told("parameter_unknown")).await.kind,
        FailureKind::Refused
    );
    let expired = || Reply::status(401, json!({ "error": { "code": "api_key_expired" } }));
    assert!(failure(expired).await.message.contains("expired"));
}

#[tokio::test]
async fn the_wait_that_the_vendor_asks_for_is_handed_on() {
    let busy = |wait: &'static str| {
        move || {
            Reply::status(429, "{}")
                .with("Retry-After", wait)
                .with("Date", "Wed, 21 Oct 2015 07:28:00 GMT")
        }
    };
    assert_eq!(
        failure(busy("7")).await.retry_after,
        Some(Duration::from_secs(7))
    );
    let date = "Wed, 21 Oct 2015 07:28:09 GMT";
    assert_eq!(
        failure(busy(date)).await.retry_after,
        Some(Duration::from_secs(9))
    );
    let down = || Reply::status(503, "{}").with("Retry-After", 3);
    assert_eq!(
        failure(down).await.retry_after,
        Some(Duration::from_secs(3))
    );
    let lasting = || Reply::status(401, "{}").with("Retry-After", 3);
    assert_eq!(failure(lasting).await.retry_after, None);
}

#[tokio::test]
async fn the_vendors_own_word_on_trying_again_is_obeyed_except_for_giving_up_on_an_outage() {
    for (status, wish, retryable) in [
        (400, "true", true),
        (409, "false", false),
        (409, "perhaps", true),
        (429, "false", true),
        (500, "false", true),
    ] {
        let wished = move || Reply::status(status, "{}").with("Stripe-Should-Retry", wish);
        assert_eq!(
            failure(wished).await.retryable,
            retryable,
            "{status} {wish}"
        );
    }
}

#[tokio::test]
async fn the_vendors_message_is_quoted_briefly_and_without_credentials() {
    let message = format!("Bad key {KEY}\u{7}\n{}", "é".repeat(400));
    let told = move || Reply::status(401, json!({ "error": { "message": message } }));
    let message = failure(told).await.message;
    assert!(
        message.starts_with("Stripe does not accept the API key; replace it"),
        "{message}"
    );
    assert!(
        message.contains("Stripe said: Bad key [redacted]  éé"),
        "{message}"
    );
    assert!(message.chars().count() < 420 && message.ends_with('…'));
}

#[tokio::test]
async fn an_answer_that_is_not_the_list_that_was_asked_for_fails_the_page_by_name() {
    for (body, wrong) in [
        ("<html>Maintenance</html>", "is not JSON"),
        ("", "is not JSON"),
        (r#"{"data": [{"id": "a"}, "#, "is not JSON"),
        (
            r#"{"data": [{"id": "a"}], "has_more": false} trailing"#,
            "is not JSON",
        ),
        (
            r#"{"object": "list", "has_more": false}"#,
            "has no array at \"/data\"",
        ),
        (
            r#"{"data": null, "has_more": false}"#,
            "has no array at \"/data\"",
        ),
        (
            r#"{"data": {"0": 1}, "has_more": false}"#,
            "has no array at \"/data\"",
        ),
        ("[]", "has no array at \"/data\""),
        ("true", "has no array at \"/data\""),
        (r#"{"data": []}"#, "does not tell at \"/has_more\""),
        (
            r#"{"data": [], "has_more": "yes"}"#,
            "does not tell at \"/has_more\"",
        ),
        (r#"{"data": [], "has_more": true}"#, "promises another page"),
    ] {
        let failure = failure(move || Reply::json(body)).await;
        assert_eq!(failure.kind, FailureKind::MalformedAnswer, "{body}");
        assert!(failure.retryable, "{body}");
        let named = "Stripe's answer for customers (GET /v1/customers) ";
        assert!(failure.message.starts_with(named), "{}", failure.message);
        assert!(failure.message.contains(wrong), "{}", failure.message);
    }
    let latin = || Reply::Whole(200, vec![], b"{\"data\":[{\"id\":\"\xe9\"}]}".to_vec());
    assert!(failure(latin).await.message.contains("is not UTF-8"));
}

#[tokio::test]
async fn a_connection_closed_before_an_answer_is_tried_once_more_and_no_more() {
    let server = Canned::start(|asked| match asked.before {
        0 => Reply::Bytes(Vec::new()),
        _ => listed(asked, &customers(1)),
    })
    .await;
    let pages = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap();
    assert_eq!((ids(&pages), pages[0].requests), (vec!["cus_0"], 2));

    let server = Canned::start(|_| Reply::Bytes(Vec::new())).await;
    let failure = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.retryable),
        (FailureKind::Unavailable, true)
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_passing_and_not_tried_again_at_once() {
    let half = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\"".to_vec());
    let server = Canned::start(move |_| half()).await;
    let failure = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.retryable),
        (FailureKind::Unavailable, true)
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_is_configured_wrongly_is_said_before_anything_is_sent() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let overrides = BTreeMap::from([("stripe".to_owned(), server.url.clone())]);
    let catalogue = Catalogue::embedded(&overrides).unwrap();
    let open = |id: &str, credentials: Value| {
        let connector = catalogue.get(id).unwrap();
        connector.open(&server.http(), session(&credentials))
    };
    let stripe = open("stripe", json!({ "apiKey": KEY }));
    let unknown = stripe.plan("unicorns", &ask(SyncMode::Full)).unwrap_err();
    let keyless = open("stripe", json!({})).test().await.unwrap_err();
    let listed = Connector::parse(LISTED, None).unwrap();
    let listed = listed.open(&server.http(), session(&json!({})));
    let listed_only = listed.test().await.unwrap_err();
    let unsendable = open("stripe", json!({ "apiKey": "sk_hidden\n" }))
        .test()
        .await
        .unwrap_err();
    for (failure, word) in [
        (unknown, "unicorns"),
        (keyless, "apiKey"),
        (listed_only, "Listed"),
        (unsendable, "header"),
    ] {
        assert_eq!(failure.origin, Origin::Configuration);
        assert_eq!(failure.kind, FailureKind::Misconfigured);
        assert!(
            !failure.retryable && failure.message.contains(word),
            "{}",
            failure.message
        );
        assert!(!failure.message.contains("hidden"));
    }
    assert_eq!(server.asked().len(), 0);
}
