//! Tokens and users.

use super::*;

const GRANT: &str = "/api/v1/oauth/authorization-grant";
const READS: &str = "accounts:read,balances:read,transactions:read";

fn granted(tink: &Tink, form: &str) -> String {
    let client = client_token(tink, "authorization:grant,user:create");
    let answer = post(tink, GRANT, Some(&client), form);
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    body(&answer)["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_comes_to_a_users_data_by_a_grant_and_its_code() {
    let tink = tink(20);
    let code_of = granted(
        &tink,
        &format!("external_user_id={EXTERNAL_USER_ID}&scope={READS}"),
    );
    let form = format!("grant_type=authorization_code&code={code_of}");
    let answer = token(&tink, &form);
    assert_eq!(body(&answer)["scope"], READS);
    assert_eq!(body(&answer)["expires_in"], 1_800);
    assert_eq!(
        body(&answer).get("refresh_token"),
        None,
        "it is not offline"
    );
    let user = access_token(&answer);
    let read = |url: &str| tink.answer(&request(Method::GET, url, Some(&user), ""), None);
    assert_eq!(
        body(&read("/data/v2/accounts"))["accounts"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        code(&token(&tink, &form)),
        (400, "oauth.invalid_grant".to_owned()),
        "used before"
    );
    assert_eq!(read("/data/v2/accounts").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn with_the_scope_offline_there_is_a_refresh_token() {
    let tink = tink(20);
    let code_of = granted(
        &tink,
        &format!("user_id={}&scope={READS},offline", tink.user_id()),
    );
    let answer = token(
        &tink,
        &format!("grant_type=authorization_code&code={code_of}"),
    );
    let refresh = body(&answer)["refresh_token"].as_str().unwrap().to_owned();
    tink.clock().advance(1_800);
    let fresh = access_token(&token(
        &tink,
        &format!("grant_type=refresh_token&refresh_token={refresh}"),
    ));
    let asked = request(Method::GET, "/data/v2/accounts", Some(&fresh), "");
    assert_eq!(tink.answer(&asked, None).status, StatusCode::OK);
}

#[test]
fn a_token_does_only_what_its_scope_says() {
    let tink = tink(20);
    let client = client_token(&tink, "user:create");
    let form = format!("external_user_id={EXTERNAL_USER_ID}&scope={READS}");
    assert_eq!(code(&post(&tink, GRANT, Some(&client), &form)).0, 403);
    assert_eq!(
        post(&tink, GRANT, None, &form).status,
        StatusCode::UNAUTHORIZED
    );
    let narrow = granted(
        &tink,
        &format!("external_user_id={EXTERNAL_USER_ID}&scope=accounts:read"),
    );
    let user = access_token(&token(
        &tink,
        &format!("grant_type=authorization_code&code={narrow}"),
    ));
    let asked = request(Method::GET, "/data/v2/transactions", Some(&user), "");
    assert_eq!(code(&tink.answer(&asked, None)).0, 403);
    let answer = token(&tink, "grant_type=client_credentials&scope=accounts:read");
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "no user, no data");
    let wrong = format!("client_id={CLIENT_ID}&client_secret=x&grant_type=client_credentials");
    let answer = post(&tink, "/api/v1/oauth/token", None, &wrong);
    assert_eq!(code(&answer), (401, "oauth.invalid_client".to_owned()));
}

#[test]
fn a_user_is_made_once_and_has_no_accounts_yet() {
    let tink = tink(20);
    let client = client_token(&tink, "user:create");
    let sent =
        json!({ "external_user_id": "another", "market": "SE", "locale": "sv_SE" }).to_string();
    let make = || post(&tink, "/api/v1/user/create", Some(&client), &sent);
    let made = body(&make());
    assert_eq!(made["external_user_id"], "another");
    assert_eq!(make().status, StatusCode::CONFLICT);
    let answer = post(
        &tink,
        "/api/v1/user/create",
        Some(&client),
        r#"{"market": "SE"}"#,
    );
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let code_of = granted(&tink, &format!("external_user_id=another&scope={READS}"));
    let user = access_token(&token(
        &tink,
        &format!("grant_type=authorization_code&code={code_of}"),
    ));
    let asked = request(Method::GET, "/data/v2/accounts", Some(&user), "");
    assert_eq!(body(&tink.answer(&asked, None))["accounts"], json!([]));
}

#[test]
fn a_delegated_code_is_worth_nothing_to_the_client_that_asked_for_it() {
    let tink = tink(20);
    let client = client_token(&tink, "authorization:grant");
    let form = format!(
        "external_user_id={EXTERNAL_USER_ID}&scope=credentials:write&id_hint=Sam&actor_client_id=df05e4b379934cd09963197cc855bfe9"
    );
    let answer = post(&tink, &format!("{GRANT}/delegate"), Some(&client), &form);
    let code_of = body(&answer)["code"].as_str().unwrap().to_owned();
    let answer = token(
        &tink,
        &format!("grant_type=authorization_code&code={code_of}"),
    );
    assert_eq!(code(&answer), (400, "oauth.invalid_grant".to_owned()));
    let nobody = format!("external_user_id=nobody&scope={READS}");
    assert_eq!(code(&post(&tink, GRANT, Some(&client), &nobody)).0, 404);
}

#[test]
fn tink_link_sends_back_a_code_and_what_was_connected() {
    let tink = tink(20);
    let back = "https://rail.example/callback";
    let url = format!(
        "/1.0/transactions/connect-accounts/?client_id={CLIENT_ID}&redirect_uri={back}&market=SE&state=s1"
    );
    let answer = tink.answer(&request(Method::GET, &url, None, ""), None);
    let location = url::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    let of = |name: &str| {
        location
            .query_pairs()
            .find(|(key, _)| key == name)
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(of("state"), "s1");
    assert!(!of("credentialsId").is_empty());
    let form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={back}",
        of("code")
    );
    access_token(&token(&tink, &form));
}

#[test]
fn a_webhook_is_signed_over_its_time_and_its_body() {
    let tink = tink(20);
    let client = client_token(&tink, "webhook-endpoints");
    let sent = json!({ "url": "https://rail.example/hook", "enabledEvents": ["refresh:finished"], "description": "d" });
    let answer = post(
        &tink,
        "/events/v2/webhook-endpoints",
        Some(&client),
        &sent.to_string(),
    );
    assert_eq!(answer.status, StatusCode::CREATED);
    let secret = body(&answer)["secret"].as_str().unwrap().to_owned();
    let mac = crate::sandbox::kit::hmac_sha256(secret.as_bytes(), b"1790000000.{}");
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(tink.sign(b"{}"), format!("t={NOW},v1={hex}"));
    assert_ne!(tink.sign(b"{ }"), tink.sign(b"{}"));
}
