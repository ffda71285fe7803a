#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::*;

const NOON: i64 = 1_790_000_000;
const BACK: &str = "https://rail.example.com/callback";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-1";

fn server(policy: Policy) -> OAuth {
    let clock = Clock::default();
    clock.set(NOON);
    let client = Client {
        id: "app".into(),
        secret: "s3/cr:et".into(),
    };
    OAuth::new(1, clock, policy, client)
}

fn request(query: &str, headers: &[(&'static str, &str)], body: &str) -> Request {
    Request {
        method: Method::POST,
        path: "/token".into(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).unwrap();
                (HeaderName::from_static(name), value)
            })
            .collect::<HeaderMap>(),
        body: Bytes::from(body.to_owned()),
    }
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode("app:s3%2Fcr%3Aet"))
}

fn ask(server: &OAuth, form: &str) -> Result<Tokens, &'static str> {
    server
        .token(&request("", &[("authorization", &basic())], form))
        .map_err(|refusal| refusal.error)
}

fn refresh(server: &OAuth, token: &str) -> Result<Tokens, &'static str> {
    ask(
        server,
        &format!("grant_type=refresh_token&refresh_token={token}"),
    )
}

fn worth(server: &OAuth, token: &str) -> Bearer {
    server.bearer(&request(
        "",
        &[("authorization", &format!("Bearer {token}"))],
        "",
    ))
}

/// Where the authorize page sends a browser, as the query it adds.
fn consent(server: &OAuth, query: &str) -> Vec<(String, String)> {
    let query = format!("client_id=app&redirect_uri={BACK}&response_type=code&{query}");
    let answer = server.authorize(&request(&query, &[], ""), "realm-9", &[("realmId", "9")]);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(BACK), "{location}");
    url::Url::parse(location)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

fn code_of(back: &[(String, String)]) -> &str {
    client::field(back, "code").unwrap()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

#[test]
fn a_code_with_pkce_is_exchanged_once_and_a_second_use_revokes_what_it_gave() {
    let server = server(Policy::code_flow());
    let query = format!(
        "state=xyz&scope=read&code_challenge={}&code_challenge_method=S256",
        challenge()
    );
    let back = consent(&server, &query);
    assert_eq!(client::field(&back, "state"), Some("xyz"));
    assert_eq!(client::field(&back, "realmId"), Some("9"));
    let code = code_of(&back);
    let form = format!("grant_type=authorization_code&code={code}&redirect_uri={BACK}");
    assert_eq!(ask(&server, &form), Err("invalid_grant"), "no verifier");
    let elsewhere = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={BACK}/x&code_verifier={VERIFIER}"
    );
    assert_eq!(
        ask(&server, &elsewhere),
        Err("invalid_grant"),
        "other redirect"
    );
    let form = format!("{form}&code_verifier={VERIFIER}");
    let tokens = ask(&server, &form).unwrap();
    let valid = Bearer::Valid {
        scope: "read".into(),
        subject: "realm-9".into(),
    };
    assert_eq!(worth(&server, &tokens.access_token), valid);
    assert_eq!(ask(&server, &form), Err("invalid_grant"), "used before");
    assert_eq!(worth(&server, &tokens.access_token), Bearer::Revoked);
}

#[test]
fn a_code_that_came_without_a_redirect_is_exchanged_without_one() {
    let server = server(Policy::code_flow());
    let form = |extra: &str| {
        let code = server.grant("read", "user-1");
        format!("grant_type=authorization_code&code={code}{extra}")
    };
    let elsewhere = form(&format!("&redirect_uri={BACK}"));
    assert_eq!(ask(&server, &elsewhere), Err("invalid_grant"));
    assert_eq!(ask(&server, &form("")).unwrap().subject, "user-1");
}

#[test]
fn a_code_expires_and_consent_can_be_refused() {
    let server = server(Policy::code_flow());
    let back = consent(&server, "");
    server.clock.advance(300);
    let form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={BACK}",
        code_of(&back)
    );
    assert_eq!(ask(&server, &form), Err("invalid_grant"));
    server.deny_next_consent();
    let back = consent(&server, "state=s");
    assert_eq!(client::field(&back, "error"), Some("access_denied"));
    assert_eq!(client::field(&back, "state"), Some("s"));
    let plain = consent(&server, "code_challenge=abc&code_challenge_method=plain");
    assert_eq!(client::field(&plain, "error"), Some("invalid_request"));
}

#[test]
fn an_unknown_client_or_a_redirect_to_nowhere_is_refused_on_the_spot() {
    let server = server(Policy::code_flow());
    for query in [
        "client_id=other&redirect_uri=https://a.example&response_type=code",
        "client_id=app&redirect_uri=/relative&response_type=code",
    ] {
        let answer = server.authorize(&request(query, &[], ""), "", &[]);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[test]
fn a_client_authenticates_the_way_the_vendor_wants() {
    let form = "grant_type=client_credentials&client_id=app&client_secret=s3%2Fcr%3Aet";
    let bare = "grant_type=client_credentials";
    for (client_auth, by_basic, by_form) in [
        (ClientAuth::Either, true, true),
        (ClientAuth::Basic, true, false),
        (ClientAuth::Form, false, true),
    ] {
        let server = server(Policy {
            client_auth,
            ..Policy::client_credentials()
        });
        assert_eq!(ask(&server, bare).is_ok(), by_basic, "{client_auth:?}");
        let asked = server.token(&request("", &[], form));
        assert_eq!(asked.is_ok(), by_form, "{client_auth:?}");
        assert_eq!(ask(&server, form), Err("invalid_client"), "both at once");
        let wrong = server.token(&request("", &[], &form.replace("s3", "s4")));
        assert_eq!(wrong.unwrap_err().status, StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn access_tokens_expire_by_the_clock_and_on_request() {
    let server = server(Policy::code_flow());
    let tokens = server.issue("read", "");
    server.clock.advance(3_599);
    assert_eq!(
        worth(&server, &tokens.access_token).authorization(),
        Authorization::Right
    );
    server.clock.advance(1);
    assert_eq!(worth(&server, &tokens.access_token), Bearer::Expired);
    let fresh = refresh(&server, &tokens.refresh_token.unwrap()).unwrap();
    server.expire_access_tokens();
    assert_eq!(worth(&server, &fresh.access_token), Bearer::Expired);
    server.revoke_everything();
    assert_eq!(
        refresh(&server, &fresh.refresh_token.unwrap()),
        Err("invalid_grant")
    );
    let counts = server.counts();
    assert_eq!((counts.refreshes, counts.refused_refreshes), (1, 1));
}

#[test]
fn a_rotated_refresh_token_works_through_its_grace_and_then_ends_its_family() {
    let server = server(Policy {
        rotation: Rotation::Always { grace_s: 60 },
        reuse: Reuse::RevokesFamily,
        ..Policy::code_flow()
    });
    let first = server.issue("", "").refresh_token.unwrap();
    let second = refresh(&server, &first).unwrap();
    let newest = second.refresh_token.unwrap();
    assert_ne!(first, newest);
    server.clock.advance(59);
    assert!(refresh(&server, &first).is_ok(), "grace");
    server.clock.advance(1);
    assert_eq!(refresh(&server, &first), Err("invalid_grant"));
    assert_eq!(worth(&server, &second.access_token), Bearer::Revoked);
    assert_eq!(refresh(&server, &newest), Err("invalid_grant"));
}

#[test]
fn a_refresh_token_may_stay_for_a_day_or_for_ever_and_dies_of_idleness() {
    let server = server(Policy {
        rotation: Rotation::OlderThan {
            age_s: 86_400,
            grace_s: 0,
        },
        refresh_life_s: Some(100_000),
        ..Policy::code_flow()
    });
    let first = server.issue("", "").refresh_token.unwrap();
    assert_eq!(
        refresh(&server, &first).unwrap().refresh_token,
        Some(first.clone())
    );
    server.clock.advance(86_400);
    let second = refresh(&server, &first).unwrap().refresh_token.unwrap();
    assert_ne!(first, second);
    assert_eq!(refresh(&server, &first), Err("invalid_grant"));
    server.clock.advance(100_000);
    assert_eq!(refresh(&server, &second), Err("invalid_grant"), "idle");
}

#[test]
fn a_consent_without_the_offline_scope_gives_no_refresh_token() {
    let server = server(Policy {
        refresh_scope: Some("offline_access"),
        ..Policy::code_flow()
    });
    assert_eq!(server.issue("read", "").refresh_token, None);
    assert!(
        server
            .issue("read offline_access", "")
            .refresh_token
            .is_some()
    );
}

#[test]
fn revoking_either_token_ends_both() {
    let server = server(Policy::code_flow());
    let tokens = server.issue("", "");
    let form = format!("token={}", tokens.refresh_token.unwrap());
    let asked = |body: &str| request("", &[("authorization", &basic())], body);
    assert_eq!(server.revoke(&asked(&form)), Ok(()));
    assert_eq!(worth(&server, &tokens.access_token), Bearer::Revoked);
    let other = server.issue("", "").access_token;
    let body = json!({ "token": other }).to_string();
    assert_eq!(server.revoke(&asked(&body)), Ok(()));
    assert_eq!(worth(&server, &other), Bearer::Revoked);
    assert_eq!(worth(&server, "at_other"), Bearer::Unknown);
    assert_eq!(server.bearer(&request("", &[], "")), Bearer::Absent);
}
