//! Who is let in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{CLIENT_ID, CLIENT_SECRET};
use super::*;

fn token(paypal: &PayPal, pair: &str) -> Answer {
    let basic = format!("Basic {}", STANDARD.encode(pair));
    let form = "grant_type=client_credentials";
    paypal.answer(
        &request(Method::POST, "/v1/oauth2/token", &basic, form),
        None,
    )
}

#[test]
fn a_token_lasts_nine_hours_and_names_the_features_of_the_app() {
    let paypal = paypal(4);
    let answer = body(&token(&paypal, &format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    assert_eq!(answer["expires_in"], 32_400);
    assert!(
        answer["scope"]
            .as_str()
            .unwrap()
            .contains("reporting/search/read")
    );
    assert!(answer["app_id"].is_string() && answer["nonce"].is_string());
    assert_eq!(answer.get("refresh_token"), None);
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let asked = request(Method::GET, "/v1/billing/plans", &bearer, "");
    assert_eq!(paypal.answer(&asked, None).status, StatusCode::OK);
    paypal.clock().advance(32_400);
    let answer = paypal.answer(&asked, None);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(body(&answer)["error"], "invalid_token");
}

#[test]
fn a_wrong_secret_is_an_invalid_client_and_no_token_is_an_authentication_failure() {
    let paypal = paypal(4);
    let answer = token(&paypal, &format!("{CLIENT_ID}:wrong"));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(body(&answer)["error"], "invalid_client");
    let answer = paypal.answer(&request(Method::GET, "/v1/billing/plans", "", ""), None);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(body(&answer)["name"], "AUTHENTICATION_FAILURE");
    let debug_id = answer.headers["paypal-debug-id"].to_str().unwrap();
    assert_eq!(body(&answer)["debug_id"], debug_id);
}

#[test]
fn a_feature_that_the_app_lacks_is_not_authorized_and_the_others_go_on() {
    let paypal = paypal(4);
    paypal.withhold("reporting/search/read");
    let window = "start_date=2025-01-01T00:00:00Z&end_date=2025-01-02T00:00:00Z";
    let (status, name, _) = refused(&paypal, &format!("/v1/reporting/transactions?{window}"));
    assert_eq!((status, name.as_str()), (403, "NOT_AUTHORIZED"));
    get(&paypal, "/v2/invoicing/invoices");
    get(&paypal, "/v1/identity/oauth2/userinfo?schema=paypalv1.1");
}

#[test]
fn too_many_requests_are_refused_without_a_word_on_when_to_come_back() {
    let paypal = paypal(4);
    paypal.limit(1);
    get(&paypal, "/v1/billing/plans");
    let answer = ask_with(&paypal, "/v1/billing/plans", None);
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(body(&answer)["name"], "RATE_LIMIT_REACHED");
    assert!(!answer.headers.contains_key("retry-after"));
    paypal.clock().advance(60);
    get(&paypal, "/v1/billing/plans");
}
