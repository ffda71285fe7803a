use super::*;

fn token(hubspot: &HubSpot, form: &str) -> Answer {
    let client = hubspot.oauth().client().clone();
    let mut asked = request("/oauth/v1/token");
    asked.method = Method::POST;
    asked.headers.clear();
    asked.body = format!(
        "{form}&client_id={}&client_secret={}",
        client.id, client.secret
    )
    .into();
    hubspot.answer(&asked, None)
}

#[test]
fn a_refresh_gives_the_same_refresh_token_and_half_an_hour() {
    let hubspot = portal(1);
    let credentials = hubspot.app_credentials();
    let refresh = credentials["refreshToken"].as_str().unwrap();
    let tokens = body(&token(
        &hubspot,
        &format!("grant_type=refresh_token&refresh_token={refresh}"),
    ));
    assert_eq!(tokens["refresh_token"], refresh);
    assert_eq!(
        (&tokens["expires_in"], &tokens["token_type"]),
        (&json!(1_800), &json!("bearer"))
    );
    let mut asked = request("/crm/v3/objects/contacts");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    asked.headers.insert(AUTHORIZATION, bearer.parse().unwrap());
    assert!(outcome(&hubspot.answer(&asked, None)).is_ok());
    hubspot.clock().advance(1_800);
    let late = hubspot.answer(&asked, None);
    assert_eq!(
        (late.status.as_u16(), outcome(&late).unwrap_err().as_str()),
        (401, "EXPIRED_AUTHENTICATION")
    );
    let refused = token(&hubspot, "grant_type=refresh_token&refresh_token=none");
    assert_eq!(
        (refused.status.as_u16(), &body(&refused)["status"]),
        (400, &json!("BAD_REFRESH_TOKEN"))
    );
}

#[test]
fn a_token_says_what_it_is_for() {
    let hubspot = portal(1);
    let credentials = hubspot.app_credentials();
    let path = format!(
        "/oauth/v1/access-tokens/{}",
        credentials["accessToken"].as_str().unwrap()
    );
    let told = body(&hubspot.answer(&request(&path), None));
    assert!(
        told["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("crm.objects.deals.read"))
    );
    assert_eq!(
        told["hub_id"],
        get(&hubspot, "/account-info/v3/details").unwrap()["portalId"]
    );
}

#[test]
fn a_scope_that_is_missing_is_named() {
    let hubspot = portal(1);
    hubspot.withhold(Entity::Deals);
    let answer = hubspot.answer(&request("/crm/v3/objects/deals"), None);
    assert_eq!(answer.status, 403);
    let refusal = body(&answer);
    assert_eq!(refusal["category"], "MISSING_SCOPES");
    assert_eq!(
        refusal["errors"][0]["context"]["requiredGranularScopes"],
        json!(["crm.objects.deals.read"])
    );
    assert!(get(&hubspot, "/crm/v3/objects/contacts").is_ok());
    let mut asked = request("/crm/v3/objects/contacts");
    asked.headers.insert(
        AUTHORIZATION,
        HeaderValue::from_static("Bearer pat-na1-other"),
    );
    assert_eq!(
        outcome(&hubspot.answer(&asked, None)).unwrap_err(),
        "INVALID_AUTHENTICATION"
    );
}

#[test]
fn lists_tell_what_is_left_of_the_limit_and_searches_do_not() {
    let hubspot = portal(1);
    hubspot.per_ten_seconds().enforce(1);
    hubspot.per_second().enforce(1);
    let list = request("/crm/v3/objects/contacts");
    let answer = hubspot.answer(&list, None);
    assert_eq!(answer.headers["x-hubspot-ratelimit-remaining"], "0");
    let mut search = request("/crm/v3/objects/contacts/search");
    search.method = Method::POST;
    search.body = "{}".into();
    let answer = hubspot.answer(&search, None);
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("x-hubspot-ratelimit-remaining"));
    for (asked, policy) in [(&list, "TEN_SECONDLY_ROLLING"), (&search, "SECONDLY")] {
        let answer = hubspot.answer(asked, None);
        assert_eq!(answer.status, 429);
        let refusal = body(&answer);
        assert_eq!(
            (&refusal["policyName"], &refusal["errorType"]),
            (&json!(policy), &json!("RATE_LIMIT"))
        );
        assert!(!answer.headers.contains_key("retry-after"));
    }
    hubspot.clock().advance(10);
    assert_eq!(hubspot.answer(&list, None).status, 200);
}

#[test]
fn a_webhook_is_signed_with_its_url_and_its_time() {
    let hubspot = portal(1);
    let change = Change {
        subscription: "contact.propertyChange",
        id: "951",
        property: Some(("email", "new@example.com")),
    };
    let url = "https://rail.example.com/webhooks/hubspot";
    let webhook = hubspot.webhook(url, &[change]);
    let events: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!(
        (&events[0]["objectId"], &events[0]["propertyName"]),
        (&json!(951), &json!("email"))
    );
    assert_eq!(webhook.timestamp, (SPRING * 1_000).to_string());
    let again = |url, body, time| hubspot.webhook_signature(url, body, time);
    assert_eq!(
        webhook.signature,
        again(url, &webhook.body, &webhook.timestamp)
    );
    for other in [
        again(
            "https://elsewhere.example.com",
            &webhook.body,
            &webhook.timestamp,
        ),
        again(url, &webhook.body, "1"),
        again(url, "[]", &webhook.timestamp),
    ] {
        assert_ne!(webhook.signature, other);
    }
}
