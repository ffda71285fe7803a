//! Tokens by OAuth 2, without a person: fetched when they are needed, replaced when they end or are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::domain::{FailureKind, Grant, MemoryVault, Vault};

/// The file of a vendor of this `[oauth]`.
pub(super) fn file(oauth: &str) -> String {
    format!(
        r#"
        id = "invented"
        name = "Invented"
        category = "CRM"
        status = "AVAILABLE"
        features = []
        base_url = "https://api.vendor.example"
        auth = {{ kind = "oauth2" }}
        [oauth]
        token_url = "https://login.vendor.example/oauth/token"
        token_facts = {{ realm = "/realm" }}
        {oauth}
        [credentials.clientId]
        title = "Client ID"
        [credentials.clientSecret]
        title = "Client secret"
        [test]
        path = "/{{realm}}/me"
        [lists]
        records = "/data"
        id = "/id"
        paging = {{ kind = "none" }}
        lookback_minutes = 0
        [[entities]]
        name = "things"
        path = "/things"
        changes = {{ by = "whole_list", because = "it is a test" }}
        "#
    )
}

/// Such a vendor, whose API is at the server.
pub(super) fn vendor(
    server: &Canned,
    oauth: &str,
    credentials: &Value,
    vault: &Arc<MemoryVault>,
) -> Source {
    let vault: Arc<dyn Vault> = Arc::<MemoryVault>::clone(vault);
    Connector::parse(&file(oauth), Some(&server.url))
        .unwrap()
        .open(&server.http(), session(credentials).with_vault(vault))
}

pub(super) fn app() -> Value {
    json!({ "clientId": "app", "clientSecret": "s3/cr:et" })
}

fn tokens(number: usize, expires_in: &Value) -> Reply {
    Reply::json(json!({
        "access_token": format!("at_{number}"), "refresh_token": format!("rt_{number}"),
        "expires_in": expires_in, "realm": "r 1",
    }))
}

#[tokio::test]
async fn an_app_fetches_a_token_once_and_keeps_it_until_shortly_before_its_end() {
    for (expires_in, fetched) in [
        (json!(3_600), 1),
        (json!("3600"), 1),
        (json!(60), 1),
        (json!(0), 2),
    ] {
        let asked_tokens = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked_tokens);
        let told = expires_in.clone();
        let server = Canned::start(move |asked| {
            if asked.path() == "/oauth/token" {
                // Each half is form-encoded first (RFC 6749, 2.3.1).
                assert_eq!(
                    asked.header("authorization"),
                    Some("Basic YXBwOnMzJTJGY3IlM0FldA==")
                );
                return tokens(count.fetch_add(1, Ordering::SeqCst) + 1, &told);
            }
            assert_eq!(asked.path(), "/r%201/me");
            let newest = format!("Bearer at_{}", count.load(Ordering::SeqCst));
            assert_eq!(asked.header("authorization"), Some(&*newest));
            Reply::json(json!({}))
        })
        .await;
        let oauth = r#"grant = "client_credentials""#;
        let vault = Arc::default();
        let source = vendor(&server, oauth, &app(), &vault);
        source.test().await.unwrap();
        source.test().await.unwrap();
        assert_eq!(asked_tokens.load(Ordering::SeqCst), fetched, "{expires_in}");
        // What was kept serves the next one who opens the connection.
        let next = vendor(&server, oauth, &app(), &vault);
        next.test().await.unwrap();
        if fetched == 1 {
            assert_eq!(asked_tokens.load(Ordering::SeqCst), 1, "{expires_in}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_and_a_second_refusal_counts() {
    let server = Canned::start(|asked| match asked.path() {
        "/oauth/token" => tokens(asked.before, &Value::Null),
        _ => Reply::status(401, json!({})),
    })
    .await;
    let brought = json!({ "clientId": "app", "clientSecret": "s", "accessToken": "at_old",
        "refreshToken": "rt_old", "realm": "r" });
    let vault: Arc<MemoryVault> = Arc::default();
    let source = vendor(&server, r#"grant = "refresh_token""#, &brought, &vault);
    let failure = source.test().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CredentialsRejected);
    assert!(!failure.retryable);
    assert_eq!(vault.kept().version, 1, "refreshed once");
}

#[tokio::test]
async fn what_a_vendor_refuses_to_refresh_is_told_without_a_secret() {
    let server = Canned::start(|_| {
        let said = json!({ "error": "invalid_grant", "error_description": "rt_hidden is dead" });
        Reply::status(400, said)
    })
    .await;
    let brought = json!({ "clientId": "app", "refreshToken": "rt_hidden", "realm": "r" });
    let vault = Arc::default();
    let source = vendor(&server, r#"grant = "refresh_token""#, &brought, &vault);
    let failure = source.test().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CredentialsRejected);
    assert!(failure.message.contains("[redacted] is dead"), "{failure}");
    assert!(!failure.message.contains("hidden"), "{failure}");
}

#[tokio::test]
async fn a_vendor_that_is_away_does_not_count_against_the_credentials() {
    let server = Canned::start(|_| Reply::status(503, json!({}))).await;
    let vault = Arc::default();
    let source = vendor(&server, r#"grant = "client_credentials""#, &app(), &vault);
    let failure = source.test().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.retryable);
}

/// A vault with a token that ends in a minute, of an hour and more.
async fn at_its_end() -> Arc<MemoryVault> {
    let vault: Arc<MemoryVault> = Arc::default();
    let now = crate::domain::Clock::system().now();
    let grant = Grant {
        access_token: Some("at_old".into()),
        refresh_token: Some("rt_old".into()),
        fetched_at: Some(now - chrono::TimeDelta::hours(1)),
        expires_at: Some(now + chrono::TimeDelta::minutes(1)),
        facts: [("realm".to_owned(), "r".to_owned())].into(),
    };
    vault.keep(grant, 0).await.unwrap();
    vault
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_early_is_used_for_as_long_as_it_lives() {
    for (status, error, goes_on) in [(503, "", true), (400, "invalid_grant", false)] {
        let server = Canned::start(move |asked| match asked.path() {
            "/oauth/token" => Reply::status(status, json!({ "error": error })),
            _ => {
                assert_eq!(asked.header("authorization"), Some("Bearer at_old"));
                Reply::json(json!({}))
            }
        })
        .await;
        let vault = at_its_end().await;
        let source = vendor(&server, r#"grant = "refresh_token""#, &app(), &vault);
        for _ in 0..3 {
            assert_eq!(source.test().await.is_ok(), goes_on, "{status}");
        }
        let asked = server.asked();
        let fetching = asked.iter().filter(|asked| asked.path() == "/oauth/token");
        let times = if goes_on { 1 } else { 3 };
        assert_eq!(fetching.count(), times, "{status}: not with each request");
    }
}

#[tokio::test]
async fn a_grant_that_another_kept_meanwhile_is_not_overwritten() {
    let vault: Arc<MemoryVault> = Arc::default();
    let others = Grant {
        access_token: Some("at_theirs".into()),
        ..Grant::default()
    };
    let kept = vault.keep(others.clone(), 0).await.unwrap().unwrap();
    assert_eq!(kept.version, 1);
    assert!(
        vault.keep(others, 0).await.unwrap().is_none(),
        "made from an older one"
    );
}
