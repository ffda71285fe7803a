//! Everything but the updates.

use super::*;

#[test]
fn a_client_shows_itself_in_the_headers_or_in_the_body() {
    let plaid = plaid(5);
    let sent = json!({ "access_token": plaid.access_token() });
    let mut asked = request("/accounts/get", &sent);
    assert_eq!(
        code(&plaid.answer(&asked, None)),
        (400, "MISSING_FIELDS".to_owned())
    );
    for (name, value) in [("plaid-client-id", CLIENT_ID), ("plaid-secret", SECRET)] {
        asked.headers.insert(name, value.parse().unwrap());
    }
    assert_eq!(plaid.answer(&asked, None).status, StatusCode::OK);
    asked
        .headers
        .insert("plaid-secret", "wrong".parse().unwrap());
    assert_eq!(
        code(&plaid.answer(&asked, None)),
        (400, "INVALID_API_KEYS".to_owned())
    );
    let answer = ask_with(
        &plaid,
        "/accounts/get",
        json!({ "access_token": "access-sandbox-x" }),
        None,
    );
    assert_eq!(code(&answer), (400, "INVALID_ACCESS_TOKEN".to_owned()));
    let answer = ask_with(&plaid, "/accounts/get", json!({}), None);
    assert_eq!(code(&answer), (400, "MISSING_FIELDS".to_owned()));
}

#[test]
fn a_bank_that_wants_a_new_login_shows_it_in_the_item_and_refuses_the_rest() {
    let plaid = plaid(5);
    assert_eq!(
        get(&plaid, "/item/get", json!({}))["item"]["error"],
        Value::Null
    );
    get(&plaid, "/sandbox/item/reset_login", json!({}));
    let item = get(&plaid, "/item/get", json!({}));
    assert_eq!(item["item"]["error"]["error_code"], "ITEM_LOGIN_REQUIRED");
    let required = (400, "ITEM_LOGIN_REQUIRED".to_owned());
    for path in [
        "/accounts/get",
        "/accounts/balance/get",
        "/identity/get",
        "/transactions/sync",
    ] {
        assert_eq!(refused(&plaid, path, json!({})), required, "{path}");
    }
    plaid.require_login(false);
    get(&plaid, "/accounts/get", json!({}));
}

#[test]
fn accounts_and_their_owners_can_be_asked_for_one_by_one() {
    let plaid = plaid(5);
    let all = get(&plaid, "/accounts/get", json!({}));
    assert_eq!(all["accounts"].as_array().unwrap().len(), 4);
    let id = &all["accounts"][2]["account_id"];
    let one = get(
        &plaid,
        "/identity/get",
        json!({ "options": { "account_ids": [id] } }),
    );
    assert_eq!(one["accounts"].as_array().unwrap().len(), 1);
    assert!(one["accounts"][0]["owners"][0]["names"][0].is_string());
    let none = json!({ "options": { "account_ids": ["x"] } });
    assert_eq!(
        refused(&plaid, "/accounts/get", none),
        (400, "INVALID_ACCOUNT_ID".to_owned())
    );
}

#[test]
fn transactions_of_a_range_come_newest_first_in_pages_by_offset() {
    let plaid = plaid(300);
    let (mut found, mut total) = (Vec::new(), 1);
    while found.len() < total {
        let options = json!({ "count": 11, "offset": found.len() });
        let sent =
            json!({ "start_date": "2025-03-01", "end_date": "2025-05-31", "options": options });
        let page = get(&plaid, "/transactions/get", sent);
        total = page["total_transactions"].as_u64().unwrap() as usize;
        found.extend(page["transactions"].as_array().unwrap().iter().cloned());
    }
    let dates: Vec<&str> = found
        .iter()
        .map(|body| body["date"].as_str().unwrap())
        .collect();
    assert!(
        dates.len() > 60 && dates.is_sorted_by(|a, b| a >= b),
        "{dates:?}"
    );
    assert!(
        dates
            .iter()
            .all(|date| ("2025-03-01"..="2025-05-31").contains(date))
    );
    let wrong = json!({ "start_date": "2025-3-1", "end_date": "2025-05-31" });
    assert_eq!(
        refused(&plaid, "/transactions/get", wrong),
        (400, "INVALID_FIELD".to_owned())
    );
}

#[test]
fn a_token_can_be_changed_for_another_and_given_back() {
    let plaid = plaid(5);
    let old = plaid.access_token();
    get(&plaid, "/item/access_token/invalidate", json!({}));
    assert_ne!(plaid.access_token(), old);
    let answer = ask_with(&plaid, "/item/get", json!({ "access_token": old }), None);
    assert_eq!(code(&answer), (400, "INVALID_ACCESS_TOKEN".to_owned()));
    let token = plaid.access_token();
    get(&plaid, "/item/remove", json!({}));
    let answer = ask_with(&plaid, "/item/get", json!({ "access_token": token }), None);
    assert_eq!(code(&answer), (400, "INVALID_ACCESS_TOKEN".to_owned()));
}

#[test]
fn each_path_has_a_limit_and_an_error_code_of_its_own() {
    let plaid = plaid(5);
    plaid.limit("/transactions/sync", 1);
    get(&plaid, "/transactions/sync", json!({}));
    let limit = (429, "TRANSACTIONS_SYNC_LIMIT".to_owned());
    assert_eq!(refused(&plaid, "/transactions/sync", json!({})), limit);
    get(&plaid, "/accounts/get", json!({}));
    plaid.clock().advance(60);
    get(&plaid, "/transactions/sync", json!({}));
}

#[test]
fn banks_are_listed_by_country_and_found_by_id() {
    let plaid = plaid(5);
    let sent = json!({ "count": 3, "offset": 9, "country_codes": ["GB"] });
    let page = body(&ask_with(&plaid, "/institutions/get", sent, None));
    assert_eq!(page["total"], 10);
    assert_eq!(page["institutions"].as_array().unwrap().len(), 1);
    let bank = |id: &str| {
        let sent = json!({ "institution_id": id, "country_codes": ["GB"] });
        ask_with(&plaid, "/institutions/get_by_id", sent, None)
    };
    assert_eq!(
        body(&bank("ins_5"))["institution"]["institution_id"],
        "ins_5"
    );
    assert_eq!(
        code(&bank("ins_4")),
        (400, "INVALID_INSTITUTION".to_owned()),
        "another country"
    );
    assert_eq!(
        code(&bank("ins_41")),
        (400, "INVALID_INSTITUTION".to_owned())
    );
}

#[test]
fn unknown_fields_are_refused_as_plaid_does_and_unknown_calls_as_the_sandbox_does() {
    let plaid = plaid(5);
    let sent = json!({ "cursr": "" });
    assert_eq!(
        refused(&plaid, "/transactions/sync", sent),
        (400, "UNKNOWN_FIELDS".to_owned())
    );
    let sent = json!({ "options": { "include_original_description": true } });
    assert_eq!(refused(&plaid, "/transactions/sync", sent).0, 501);
    assert_eq!(refused(&plaid, "/liabilities/get", json!({})).0, 501);
    let mut asked = request("/item/get", &json!({}));
    asked.body = Bytes::from_static(b"{");
    assert_eq!(
        code(&plaid.answer(&asked, None)),
        (400, "INVALID_BODY".to_owned())
    );
}
