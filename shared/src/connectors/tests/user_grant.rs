//! Tokens of users, for which an app asks with its own: three requests for one token.

use std::sync::Arc;

use super::oauth::{app, file, vendor};
use super::*;
use crate::domain::{FailureKind, MemoryVault};

const GRANT: &str = r#"
    grant = "client_credentials"
    client = "body"
    scopes = ["authorization:grant"]
    [oauth.user_grant]
    url = "https://login.vendor.example/oauth/grant"
    parameters = { user = "{user}", scope = "things:read,more:read" }
    code = "/code"
    [[oauth.user_grant.rules]]
    status = [404]
    kind = "credentials-rejected"
    stays = "lasting"
    say = "There is no such user; check the user's name."
    [errors]
    message = "/said"
    [[errors.rules]]
    status = [401]
    kind = "credentials-rejected"
    stays = "lasting"
    say = "Check the app."
    [credentials.user]
    title = "User"
"#;

/// The app, and the user it asks for.
fn for_user() -> Value {
    let mut credentials = app();
    credentials["user"] = json!("anna & co");
    credentials
}

/// Which of the three requests it is, and whether it is one of them.
fn step(asked: &Asked) -> &'static str {
    let form = asked.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name);
    match (asked.path(), field("grant_type").map(|(_, kind)| &**kind)) {
        ("/oauth/token", Some("client_credentials")) => "own",
        ("/oauth/grant", None) => "code",
        ("/oauth/token", Some("authorization_code")) => "user's",
        _ => "reading",
    }
}

/// What a vendor without faults answers.
fn granted(asked: &Asked) -> Reply {
    let token = |token: &str| json!({ "access_token": token, "expires_in": 1_800, "realm": "r" });
    match step(asked) {
        "own" => Reply::json(token("own_hidden")),
        "code" => Reply::json(json!({ "code": "code_hidden" })),
        "user's" => Reply::json(token(&format!("users_{}", asked.before))),
        _ => Reply::json(json!({})),
    }
}

fn steps(server: &Canned) -> Vec<&'static str> {
    server.asked().iter().map(step).collect()
}

#[tokio::test]
async fn the_apps_token_is_exchanged_for_the_users_who_alone_reads() {
    let server = Canned::start(|asked| {
        let expected: &[(&str, &str)] = match step(asked) {
            "own" => &[
                ("grant_type", "client_credentials"),
                ("scope", "authorization:grant"),
                ("client_id", "app"),
                ("client_secret", "s3/cr:et"),
            ],
            "code" => &[("scope", "things:read,more:read"), ("user", "anna & co")],
            "user's" => &[
                ("grant_type", "authorization_code"),
                ("code", "code_hidden"),
                ("client_id", "app"),
                ("client_secret", "s3/cr:et"),
            ],
            _ => &[],
        };
        let form = asked.form();
        let form = form.iter().map(|(name, value)| (&**name, &**value));
        assert_eq!(form.collect::<Vec<_>>(), expected);
        let bearer = match step(asked) {
            "code" => Some("Bearer own_hidden"),
            "reading" => Some("Bearer users_2"),
            _ => None,
        };
        assert_eq!(asked.header("authorization"), bearer, "{asked:?}");
        granted(asked)
    })
    .await;
    let vault = Arc::default();
    let source = vendor(&server, GRANT, &for_user(), &vault);
    source.test().await.unwrap();
    source.test().await.unwrap();
    let all = ["own", "code", "user's", "reading", "reading"];
    assert_eq!(steps(&server), all, "one token is enough for both");
    let next = vendor(&server, GRANT, &for_user(), &vault);
    next.test().await.unwrap();
    assert_eq!(steps(&server).len(), 6, "and for the next one");
}

#[tokio::test]
async fn a_users_token_that_has_ended_is_fetched_anew_whatever_came_with_it() {
    let server = Canned::start(|asked| match step(asked) {
        "user's" => Reply::json(json!({
            "access_token": "users_ended", "refresh_token": "rt", "expires_in": 0, "realm": "r",
        })),
        _ => granted(asked),
    })
    .await;
    let source = vendor(&server, GRANT, &for_user(), &Arc::default());
    source.test().await.unwrap();
    source.test().await.unwrap();
    let round = ["own", "code", "user's", "reading"];
    assert_eq!(steps(&server), [round, round].concat());
}

#[tokio::test]
async fn a_users_token_that_is_refused_is_asked_for_once_more_from_the_beginning() {
    for (mends, expected) in [
        (true, None),
        (false, Some(FailureKind::CredentialsRejected)),
    ] {
        let server = Canned::start(move |asked| {
            let is_old = asked.header("authorization") == Some("Bearer users_2");
            match step(asked) {
                "reading" if is_old || !mends => Reply::status(401, json!({})),
                _ => granted(asked),
            }
        })
        .await;
        let vault: Arc<MemoryVault> = Arc::default();
        let source = vendor(&server, GRANT, &for_user(), &vault);
        let tested = source.test().await;
        assert_eq!(tested.err().map(|failure| failure.kind), expected);
        let round = ["own", "code", "user's", "reading"];
        assert_eq!(steps(&server), [round, round].concat());
        assert_eq!(vault.kept().version, 2);
    }
}

#[tokio::test]
async fn each_refusal_says_what_to_do_and_quotes_nothing_that_was_fetched() {
    for (at, status, kind, say) in [
        (
            "own",
            401,
            FailureKind::CredentialsRejected,
            "Check the app.",
        ),
        ("own", 404, FailureKind::NotFound, "knows nothing"),
        (
            "code",
            404,
            FailureKind::CredentialsRejected,
            "There is no such user; check the user's name.",
        ),
        (
            "code",
            401,
            FailureKind::CredentialsRejected,
            "Check the app.",
        ),
        ("code", 403, FailureKind::PermissionDenied, "grant them"),
        ("code", 429, FailureKind::RateLimited, "fewer requests"),
        ("code", 503, FailureKind::Unavailable, "tried again"),
        ("user's", 400, FailureKind::Refused, "refused"),
        ("user's", 500, FailureKind::Unavailable, "tried again"),
    ] {
        let server = Canned::start(move |asked| match step(asked) {
            here if here == at => {
                let said = json!({ "said": "not own_hidden, code_hidden or s3/cr:et" });
                Reply::status(status, said)
            }
            _ => granted(asked),
        })
        .await;
        let source = vendor(&server, GRANT, &for_user(), &Arc::default());
        let failure = source.test().await.unwrap_err();
        let what = format!("{at} {status}: {failure:?}");
        assert_eq!(failure.kind, kind, "{what}");
        assert!(failure.message.contains(say), "{what}");
        let later = matches!(status, 429 | 500..);
        assert_eq!(failure.retryable, later, "{what}");
        let fetched: &[&str] = match at {
            "own" => &[],
            "code" => &["own_hidden"],
            _ => &["own_hidden", "code_hidden"],
        };
        for secret in fetched.iter().chain(&["s3/cr:et"]) {
            assert!(!failure.message.contains(secret), "{what}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_token_or_a_code_is_tried_again() {
    for at in ["own", "code", "user's"] {
        let server = Canned::start(move |asked| match step(asked) {
            here if here == at => Reply::json(json!({ "code": "", "access_token": null })),
            _ => granted(asked),
        })
        .await;
        let source = vendor(&server, GRANT, &for_user(), &Arc::default());
        let failure = source.test().await.unwrap_err();
        let told = (failure.kind, failure.retryable);
        assert_eq!(told, (FailureKind::MalformedAnswer, true), "{at}");
    }
}

#[tokio::test]
async fn another_user_is_not_read_with_the_token_of_the_one_before() {
    let server = Canned::start(granted).await;
    let connector = Connector::parse(&file(GRANT), None).unwrap();
    let (anna, mut other) = (for_user(), for_user());
    let map = |value: &Value| value.as_object().unwrap().clone();
    assert!(connector.same_tokens(&map(&anna), &map(&other)));
    other["user"] = json!("bert");
    assert!(!connector.same_tokens(&map(&anna), &map(&other)));
    let lacking = vendor(&server, GRANT, &app(), &Arc::default());
    let failure = lacking.test().await.unwrap_err();
    assert!(failure.message.contains("lack user"), "{failure}");
    assert_eq!(server.asked().len(), 0, "nobody was asked");
}

#[test]
fn a_user_grant_goes_with_the_apps_own_credentials_and_names_what_there_is() {
    for (right, wrong, told) in [
        ("client_credentials", "refresh_token", "user_grant] is for"),
        ("{user}", "{nobody}", "{nobody}"),
        ("https://login.vendor.example/oauth/grant", "login", "URLs"),
    ] {
        let text = file(&GRANT.replace(right, wrong));
        let refused = Connector::parse(&text, None).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
}
