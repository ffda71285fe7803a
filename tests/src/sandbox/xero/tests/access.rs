use super::*;

fn refused(xero: &Xero, request: &Request) -> (u16, Value) {
    let answer = xero.answer(request, None);
    (answer.status.as_u16(), body(&answer)["Detail"].clone())
}

#[test]
fn nothing_opens_without_a_good_token_and_the_right_tenant() {
    let xero = books(1);
    let asked = request(&xero, "/api.xro/2.0/Organisation");
    assert_eq!(xero.answer(&asked, None).status, 200);
    let other = with(
        asked.clone(),
        "xero-tenant-id",
        "11111111-1111-4111-8111-111111111111",
    );
    assert_eq!(refused(&xero, &other).0, 403);
    let mut none = asked.clone();
    none.headers.remove("xero-tenant-id");
    assert_eq!(refused(&xero, &none).0, 403);
    xero.clock().advance(30 * 60);
    assert_eq!(refused(&xero, &asked), (401, "TokenExpired".into()));
    let stranger = with(asked, "authorization", "Bearer at_stranger");
    assert_eq!(
        refused(&xero, &stranger),
        (401, "AuthenticationUnsuccessful".into())
    );
}

#[test]
fn connections_tell_the_tenant_in_any_case_of_the_path() {
    let xero = books(1);
    for path in ["/connections", "/Connections"] {
        let told = body(&xero.answer(&request(&xero, path), None));
        assert_eq!(told[0]["tenantId"], xero.tenant());
        assert_eq!(told[0]["createdDateUtc"], "2025-01-01T00:00:00.3365440");
    }
}

#[test]
fn a_refresh_gives_another_token_and_the_old_one_half_an_hour() {
    let xero = books(1);
    let client = xero.oauth().client().clone();
    let refresh = |token: &str| {
        let mut asked = request(&xero, "/connect/token");
        asked.method = Method::POST;
        asked.headers.remove(AUTHORIZATION);
        asked.body = format!(
            "grant_type=refresh_token&refresh_token={token}&client_id={}&client_secret={}",
            client.id, client.secret
        )
        .into();
        body(&xero.answer(&asked, None))
    };
    let first = xero.credentials()["refreshToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let second = refresh(&first);
    assert_eq!(second["expires_in"], 1_800);
    assert_ne!(second["refresh_token"], first.as_str());
    xero.clock().advance(1_799);
    assert!(refresh(&first)["access_token"].is_string());
    xero.clock().advance(1);
    assert_eq!(refresh(&first)["error"], "invalid_grant");
}

#[test]
fn a_custom_connection_needs_no_tenant() {
    let xero = books(1);
    let client = xero.oauth().client().clone();
    let mut asked = request(&xero, "/connect/token");
    asked.method = Method::POST;
    asked.headers.remove(AUTHORIZATION);
    asked.body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client.id, client.secret
    )
    .into();
    let tokens = body(&xero.answer(&asked, None));
    assert_eq!(tokens["refresh_token"], Value::Null);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let mut read = with(
        request(&xero, "/api.xro/2.0/Items"),
        "authorization",
        &bearer,
    );
    read.headers.remove("xero-tenant-id");
    assert_eq!(xero.answer(&read, None).status, 200);
}

#[test]
fn limits_say_what_is_left_and_when_to_come_back() {
    let xero = books(1);
    xero.per_minute().enforce(2);
    let asked = request(&xero, "/api.xro/2.0/Items");
    let left = |answer: Answer| {
        answer.headers["x-minlimit-remaining"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(left(xero.answer(&asked, None)), "1");
    assert_eq!(left(xero.answer(&asked, None)), "0");
    let refused = xero.answer(&asked, None);
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["x-rate-limit-problem"], "minute");
    assert_eq!(refused.headers["retry-after"], "60");
    xero.clock().advance(60);
    xero.per_day().enforce(0);
    let refused = xero.answer(&asked, None);
    assert_eq!(refused.headers["x-rate-limit-problem"], "day");
}

#[test]
fn refusals_on_request_have_xeros_shapes() {
    let xero = books(1);
    let invalid = body(&xero.refusal(hyper::StatusCode::BAD_REQUEST));
    assert_eq!(invalid["Type"], "ValidationException");
    assert_eq!(
        invalid["Elements"][0]["ValidationErrors"][0]["Message"],
        "The request is not valid."
    );
    let limited = xero.refusal(hyper::StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers["x-rate-limit-problem"], "minute");
    let failed = body(&xero.refusal(hyper::StatusCode::BAD_GATEWAY));
    assert_eq!(failed["Title"], "Bad Gateway");
}

#[test]
fn webhooks_are_signed_and_the_intent_to_receive_has_a_good_and_a_bad_one() {
    let xero = books(1);
    let change = Change {
        entity: "credit_notes",
        id: "9",
        event: "UPDATE",
    };
    let webhook = xero.webhook(4, &[change.clone(), change]);
    let told: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!(told["events"][0]["eventCategory"], "CREDITNOTE");
    assert_eq!(
        (&told["firstEventSequence"], &told["lastEventSequence"]),
        (&json!(4), &json!(5))
    );
    assert_eq!(
        webhook.signature,
        xero.webhook_signature(webhook.body.as_bytes())
    );
    let [right, wrong] = xero.intent_to_receive();
    assert_eq!(
        right.signature,
        xero.webhook_signature(right.body.as_bytes())
    );
    assert_eq!(wrong.body, right.body);
    assert_ne!(wrong.signature, right.signature);
}
