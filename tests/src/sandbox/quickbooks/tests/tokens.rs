use super::*;

#[test]
fn the_consent_brings_the_company_and_its_code_opens_it() {
    let books = books(1);
    let client = books.oauth().client().clone();
    let mut asked = request(&books, "");
    asked.path = "/connect/oauth2".into();
    let back = "https://rail.example.com/back";
    for (name, value) in [
        ("client_id", client.id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", back),
        ("scope", SCOPE),
        ("state", "s1"),
    ] {
        asked.query.push((name.into(), value.into()));
    }
    let answer = books.answer(&asked, None);
    assert_eq!(answer.status, 302);
    let location = url::Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
    let told: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
    assert_eq!(
        (told["state"].as_str(), told["realmId"].as_str()),
        ("s1", books.realm())
    );

    use base64::Engine as _;
    let pair = format!("{}:{}", client.id, client.secret);
    let basic = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    );
    let mut exchange = request(&books, "");
    exchange.method = Method::POST;
    exchange.path = "/oauth2/v1/tokens/bearer".into();
    exchange
        .headers
        .insert(AUTHORIZATION, HeaderValue::from_str(&basic).unwrap());
    let form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={back}",
        told["code"]
    );
    exchange.body = form.into();
    let tokens = body(&books.answer(&exchange, None));
    assert_eq!(tokens["token_type"], "bearer");
    assert_eq!(tokens["x_refresh_token_expires_in"], 8_640_000);
    exchange.body = "grant_type=refresh_token&refresh_token=rt_none".into();
    let refused = books.answer(&exchange, None);
    assert_eq!(
        (refused.status.as_u16(), &body(&refused)["error"]),
        (400, &json!("invalid_grant"))
    );
}

#[test]
fn the_gateway_refuses_in_lower_case_and_the_rest_in_capitals() {
    let books = books(1);
    let asked = request(&books, "query?query=SELECT * FROM Item");
    books.oauth().expire_access_tokens();
    let answer = books.answer(&asked, None);
    assert_eq!(answer.status, 401);
    let refused = body(&answer);
    assert_eq!(refused["fault"]["error"][0]["code"], "3200");
    assert_eq!(refused["Fault"], Value::Null);
    let mut other = request(&books, "query?query=SELECT * FROM Item");
    other.path = "/v3/company/1/query".into();
    assert_eq!(books.answer(&other, None).status, 403);
}

#[test]
fn too_many_requests_are_refused_without_saying_when_to_come_back() {
    let books = books(1);
    books.limit().enforce(1);
    let asked = request(&books, "query?query=SELECT * FROM Item");
    assert_eq!(books.answer(&asked, None).status, 200);
    let answer = books.answer(&asked, None);
    assert_eq!(answer.status, 429);
    assert_eq!(body(&answer)["Fault"]["Error"][0]["code"], "3001");
    assert!(!answer.headers.contains_key("retry-after"));
    books.clock().advance(60);
    assert_eq!(books.answer(&asked, None).status, 200);
    let on_request = books.refusal(hyper::StatusCode::FORBIDDEN);
    let message = body(&on_request)["Fault"]["Error"][0]["Message"].clone();
    assert!(message.as_str().unwrap().contains("statusCode=403"));
}
