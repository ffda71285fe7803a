use super::*;

fn token(salesforce: &Salesforce, form: &str) -> Answer {
    let client = salesforce.oauth().client().clone();
    let mut asked = request(salesforce, "");
    asked.method = Method::POST;
    asked.path = "/services/oauth2/token".into();
    asked.headers.clear();
    let secret = format!(
        "{form}&client_id={}&client_secret={}",
        client.id, client.secret
    );
    asked.body = secret.into();
    salesforce.answer(&asked, None)
}

#[test]
fn tokens_say_where_the_records_are_and_not_when_they_end() {
    let salesforce = org(1);
    let mut consent = request(&salesforce, "");
    consent.path = "/services/oauth2/authorize".into();
    let back = "https://rail.example.com/back";
    let client = salesforce.oauth().client().id.clone();
    for (name, value) in [
        ("client_id", client.as_str()),
        ("response_type", "code"),
        ("redirect_uri", back),
        ("scope", SCOPE),
        ("state", "s1"),
    ] {
        consent.query.push((name.into(), value.into()));
    }
    let answer = salesforce.answer(&consent, None);
    let location = url::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    let told: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
    let form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={back}",
        told["code"]
    );
    let tokens = body(&token(&salesforce, &form));
    assert_eq!(tokens["instance_url"], "http://127.0.0.1:1");
    assert_eq!(tokens["expires_in"], Value::Null);
    assert_eq!(tokens["issued_at"], "1772323200000");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        let again = body(&token(
            &salesforce,
            &format!("grant_type=refresh_token&refresh_token={refresh}"),
        ));
        assert!(again["access_token"].is_string());
        assert_eq!(again["refresh_token"], Value::Null);
    }
    let refused = token(&salesforce, "grant_type=refresh_token&refresh_token=none");
    assert_eq!(refused.status, 400);
    assert_eq!(
        body(&refused),
        json!({ "error": "invalid_grant", "error_description": "expired access/refresh token" })
    );
}

#[test]
fn an_app_that_acts_for_itself_gets_no_refresh_token() {
    let salesforce = org(1);
    let tokens = body(&token(&salesforce, "grant_type=client_credentials"));
    assert_eq!(tokens["refresh_token"], Value::Null);
    let mut asked = request(&salesforce, "limits");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    asked.headers.insert(AUTHORIZATION, bearer.parse().unwrap());
    assert_eq!(salesforce.answer(&asked, None).status, 200);
}

#[test]
fn a_session_that_is_over_is_refused_in_an_array() {
    let salesforce = org(1);
    let asked = request(&salesforce, "sobjects");
    salesforce.oauth().expire_access_tokens();
    let answer = salesforce.answer(&asked, None);
    assert_eq!(answer.status, 401);
    let refusal =
        json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    assert_eq!(body(&answer), refusal);
}

#[test]
fn every_answer_counts_and_the_day_ends_without_a_word_about_when() {
    let salesforce = org(1);
    salesforce.limit_to(2);
    let asked = request(&salesforce, "limits");
    let answer = salesforce.answer(&asked, None);
    assert_eq!(answer.headers["sforce-limit-info"], "api-usage=1/2");
    assert_eq!(
        body(&answer)["DailyApiRequests"],
        json!({ "Max": 2, "Remaining": 1 })
    );
    assert_eq!(salesforce.answer(&asked, None).status, 200);
    let answer = salesforce.answer(&asked, None);
    assert_eq!(answer.status, 403);
    assert_eq!(outcome(&answer).unwrap_err(), "REQUEST_LIMIT_EXCEEDED");
    assert!(!answer.headers.contains_key("retry-after"));
    salesforce.clock().advance(86_400);
    assert_eq!(
        salesforce
            .answer(&request(&salesforce, "limits"), None)
            .status,
        200
    );
}

#[test]
fn versions_need_no_token_and_an_unknown_one_is_not_found() {
    let salesforce = org(1);
    let mut asked = request(&salesforce, "");
    asked.path = "/services/data/".into();
    asked.headers.clear();
    let versions = body(&salesforce.answer(&asked, None));
    let first = json!({ "label": "Winter '24", "url": "/services/data/v59.0", "version": "59.0" });
    assert_eq!(versions[0], first);
    assert_eq!(versions[4]["label"], "Spring '25");
    let mut asked = request(&salesforce, "");
    asked.path = "/services/data/v5.0/limits".into();
    assert_eq!(
        outcome(&salesforce.answer(&asked, None)).unwrap_err(),
        "NOT_FOUND"
    );
}
