//! Lists by page and by token, and single records.

use super::*;

/// Path, key, id pointer and greatest page size of each list by page number.
const LISTS: [(&str, &str, &str, usize); 4] = [
    ("/v2/invoicing/invoices", "items", "invoices", 100),
    ("/v1/catalogs/products", "products", "products", 20),
    ("/v1/billing/plans", "plans", "plans", 20),
    (
        "/v1/billing/subscriptions",
        "subscriptions",
        "subscriptions",
        20,
    ),
];

#[test]
fn pages_by_number_hold_every_record_once_newest_first_and_each_can_be_read_alone() {
    let paypal = paypal(400);
    for (path, key, entity, most) in LISTS {
        let mut found = Vec::new();
        let mut next = Some(format!("{path}?page_size={}", most - 1));
        while let Some(url) = next {
            let page = get(&paypal, &url);
            found.extend(ids(&page, key, "/id"));
            next = link(&page, "next").map(|href| path_of(href).to_owned());
        }
        let mut held: Vec<String> = paypal.holds(entity).into_iter().map(|(id, _)| id).collect();
        held.reverse();
        assert_eq!(found, held, "{entity}");
        let record = get(&paypal, &format!("{path}/{}", found[0]));
        assert_eq!(Some(record), paypal.record(entity, &found[0]));
        let (status, name, _) = refused(&paypal, &format!("{path}?page_size={}", most + 1));
        assert_eq!(
            (status, name.as_str()),
            (400, "INVALID_REQUEST"),
            "{entity}"
        );
        assert_eq!(
            refused(&paypal, &format!("{path}/NOSUCHRECORD")).0,
            404,
            "{entity}"
        );
    }
}

#[test]
fn totals_come_only_when_they_are_asked_for() {
    let paypal = paypal(400);
    let page = get(
        &paypal,
        "/v2/invoicing/invoices?total_required=true&page_size=100",
    );
    assert_eq!(
        (&page["total_items"], &page["total_pages"]),
        (&200.into(), &2.into())
    );
    assert_eq!(
        get(&paypal, "/v2/invoicing/invoices").get("total_items"),
        None
    );
    let (status, ..) = refused(&paypal, "/v1/billing/subscriptions?total_required=true");
    assert_eq!(status, 501, "the list of subscriptions does not count");
    assert_eq!(refused(&paypal, "/v2/invoicing/invoices?page=1001").0, 400);
}

#[test]
fn a_list_shows_less_of_a_record_than_the_record_itself() {
    let paypal = paypal(400);
    for (path, key, missing) in [
        ("/v2/invoicing/invoices", "items", "items"),
        ("/v1/catalogs/products", "products", "category"),
        ("/v1/billing/plans", "plans", "billing_cycles"),
        ("/v1/customer/disputes", "items", "disputed_transactions"),
    ] {
        let listed = get(&paypal, path)[key][0].take();
        assert_eq!(listed.get(missing), None, "{path}");
        let id = listed
            .get("id")
            .or(listed.get("dispute_id"))
            .unwrap()
            .as_str()
            .unwrap();
        assert!(
            get(&paypal, &format!("{path}/{id}")).get(missing).is_some(),
            "{path}"
        );
    }
}

#[test]
fn subscriptions_are_found_by_when_their_status_changed_not_by_other_changes() {
    let paypal = paypal(400);
    let all = paypal.holds("subscriptions");
    let (renamed, suspended) = (&all[3].0, &all[5].0);
    for (id, patch) in [
        (renamed, serde_json::json!({ "custom_id": "another" })),
        (
            suspended,
            serde_json::json!({ "status": "EXPIRED_FOR_TESTS" }),
        ),
    ] {
        let entity = "subscriptions".to_owned();
        let id = id.clone();
        paypal
            .mutate(crate::sandbox::Mutation::Update { entity, id, patch })
            .unwrap();
    }
    let url = "/v1/billing/subscriptions?status_updated_after=2026-09-21T00:00:00Z";
    assert_eq!(
        ids(&get(&paypal, url), "subscriptions", "/id"),
        std::slice::from_ref(suspended)
    );
    let changed = paypal.record("subscriptions", renamed).unwrap();
    assert_eq!(changed["update_time"], "2026-09-21T14:13:20Z");
}

#[test]
fn disputes_go_on_by_a_token_in_a_link_to_another_host() {
    let paypal = paypal(400);
    let (mut found, mut url) = (Vec::new(), "/v1/customer/disputes?page_size=7".to_owned());
    loop {
        let page = get(&paypal, &url);
        found.extend(ids(&page, "items", "/dispute_id"));
        let Some(next) = link(&page, "next") else {
            break;
        };
        url = path_of(next).to_owned();
        // Opened between two pages, at the front, it moves nothing.
        paypal.create("disputes", 1);
    }
    assert_eq!(found.len(), 25);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 25);
    assert_eq!(
        refused(&paypal, "/v1/customer/disputes?page_size=51").0,
        400
    );
    assert_eq!(
        refused(&paypal, "/v1/customer/disputes?next_page_token=abc").0,
        400
    );
}

#[test]
fn disputes_reach_back_half_a_year_and_are_found_by_change() {
    let paypal = paypal(400);
    let id = paypal.holds("disputes")[0].0.clone();
    let patch = serde_json::json!({ "status": "RESOLVED" });
    let change = crate::sandbox::Mutation::Update {
        entity: "disputes".into(),
        id: id.clone(),
        patch,
    };
    paypal.mutate(change).unwrap();
    let changed = get(
        &paypal,
        "/v1/customer/disputes?update_time_after=2026-09-21T14:00:00.000Z",
    );
    assert_eq!(ids(&changed, "items", "/dispute_id"), [id]);
    let early = "/v1/customer/disputes?update_time_after=2026-01-01T00:00:00.000Z";
    assert_eq!(refused(&paypal, early).0, 400);
    paypal.clock().advance(181 * 86_400);
    assert_eq!(
        get(&paypal, "/v1/customer/disputes")["items"],
        serde_json::json!([])
    );
}

#[test]
fn invoices_are_searched_by_body() {
    let paypal = paypal(400);
    let url = "/v2/invoicing/search-invoices?page_size=100&total_required=true";
    let paid = post(&paypal, url, r#"{"status": ["PAID"]}"#);
    let statuses = paid["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["status"]);
    assert!(statuses.clone().count() > 0 && statuses.clone().all(|status| status == "PAID"));
    let range = r#"{"creation_date_range": {"start": "2025-03-01T00:00:00Z", "end": "2025-03-31T23:59:59Z"}}"#;
    let march = post(&paypal, url, range);
    let made = march["items"].as_array().unwrap().iter();
    let made: Vec<&str> = made
        .map(|it| it["detail"]["metadata"]["create_time"].as_str().unwrap())
        .collect();
    assert!(
        !made.is_empty() && made.iter().all(|at| at.starts_with("2025-03")),
        "{made:?}"
    );
    let answer = paypal.answer(
        &request(Method::POST, url, &bearer(&paypal), r#"{"memo": "x"}"#),
        None,
    );
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
}

#[test]
fn what_the_sandbox_does_not_know_it_refuses() {
    let paypal = paypal(4);
    for url in [
        "/v1/payments/payment",
        "/v2/invoicing/templates",
        "/v2/invoicing/invoices?fields=none",
        "/v1/billing/subscriptions?filter=x",
        "/v1/reporting/transactions/1",
    ] {
        assert_eq!(refused(&paypal, url).0, 501, "{url}");
    }
}

#[test]
fn faults_spoil_a_list_and_an_emptied_page_of_disputes_comes_again() {
    let paypal = paypal(400);
    let url = "/v1/customer/disputes?page_size=7";
    let whole = ids(&get(&paypal, url), "items", "/dispute_id");
    let empty = body(&ask_with(&paypal, url, Some(&Fault::EmptyPageWithMore)));
    assert_eq!(empty["items"], serde_json::json!([]));
    let next = path_of(link(&empty, "next").unwrap()).to_owned();
    assert_eq!(ids(&get(&paypal, &next), "items", "/dispute_id"), whole);
    let before = paypal.holds("products").len();
    ask_with(
        &paypal,
        "/v1/catalogs/products",
        Some(&Fault::InsertWhilePaging { records: 2 }),
    );
    assert_eq!(paypal.holds("products").len(), before + 2);
}
