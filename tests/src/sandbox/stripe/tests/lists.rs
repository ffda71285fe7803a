//! Lists, single records, and who may read them.

use std::collections::BTreeSet;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOON, business, get, ids_of, refused, request, walk};
use crate::sandbox::exchange::{Authorization, Vendor};
use crate::sandbox::stripe::{ACCOUNT_VERSION, Settings, Stripe};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_walk_with_any_limit_and_any_changes_yields_every_record_once_newest_first(
        records in 0_u64..130,
        limit in 1_usize..=100,
        added in 0_u64..20,
        removed in proptest::collection::vec(0_usize..150, 0..20),
        span_s in 1_i64..100_000,
    ) {
        let stripe = Stripe::new(Settings::new(records).with("customers", records).created_between(NOON - span_s, NOON).at(NOON));
        stripe.create("customers", added);
        for position in removed {
            if let Some(id) = stripe.ids("customers").get(position) {
                stripe.delete("customers", id);
            }
        }
        let expected = stripe.ids("customers");
        prop_assert_eq!(stripe.count("customers"), expected.len() as u64);
        prop_assert_eq!(expected.iter().collect::<BTreeSet<_>>().len(), expected.len());

        let forward = walk(&stripe, "/v1/customers", limit);
        let walked: Vec<&str> = forward.iter().map(|record| record["id"].as_str().unwrap()).collect();
        prop_assert_eq!(&walked, &expected);
        let created: Vec<i64> = forward.iter().map(|record| record["created"].as_i64().unwrap()).collect();
        prop_assert!(created.is_sorted_by(|newer, older| newer >= older));

        // Back again from the oldest: every page is the one next to the cursor, itself newest first.
        let mut backward: Vec<String> = expected.last().cloned().into_iter().collect();
        while let Some(first) = backward.first().cloned() {
            let page = get(&stripe, &format!("/v1/customers?limit={limit}&ending_before={first}"));
            let ids = ids_of(&page);
            prop_assert_eq!(page["has_more"] == true, backward.len() + ids.len() < expected.len());
            if ids.is_empty() {
                break;
            }
            backward.splice(0..0, ids);
        }
        prop_assert_eq!(backward, expected);
    }

    #[test]
    fn bounds_on_created_pick_exactly_the_records_between_them(low in 0_i64..2_000, width in 0_i64..2_000, span_s in 1_i64..2_000) {
        let start = NOON - 5_000;
        let stripe = Stripe::new(Settings::new(5).with("products", 90).created_between(start, start + span_s).at(NOON));
        let (low, high) = (start + low, start + low + width);
        let all = walk(&stripe, "/v1/products", 100);
        for (bounds, holds) in [
            (format!("created[gte]={low}&created[lt]={high}"), Box::new(|at| (low..high).contains(&at)) as Box<dyn Fn(i64) -> bool>),
            (format!("created[gt]={low}&created[lte]={high}"), Box::new(|at| at > low && at <= high)),
            (format!("created={low}"), Box::new(|at| at == low)),
        ] {
            let expected: Vec<&Value> = all.iter().filter(|record| holds(record["created"].as_i64().unwrap())).collect();
            let found = walk(&stripe, &format!("/v1/products?{bounds}"), 7);
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn a_list_is_ten_long_unless_it_is_asked_for_more() {
    let stripe = business(120);
    assert_eq!(ids_of(&get(&stripe, "/v1/customers")).len(), 10);
    let page = get(&stripe, "/v1/customers?limit=100");
    assert_eq!(
        (ids_of(&page).len(), &page["has_more"], &page["url"]),
        (100, &json!(true), &json!("/v1/customers"))
    );
}

#[test]
fn canceled_subscriptions_are_hidden_unless_a_status_is_asked_for() {
    let stripe = Stripe::new(Settings::new(1).with_business(600).at(NOON));
    let statuses = |list: &str| -> BTreeSet<String> {
        walk(&stripe, list, 100)
            .iter()
            .map(|record| record["status"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!statuses("/v1/subscriptions").contains("canceled"));
    assert!(statuses("/v1/subscriptions?status=all").contains("canceled"));
    assert_eq!(
        statuses("/v1/subscriptions?status=canceled"),
        BTreeSet::from(["canceled".to_owned()])
    );
    assert_eq!(
        walk(&stripe, "/v1/subscriptions?status=all", 9).len() as u64,
        stripe.count("subscriptions")
    );
}

#[test]
fn a_filter_finds_what_a_search_through_the_whole_list_finds() {
    let stripe = business(200);
    let invoices = walk(&stripe, "/v1/invoices", 100);
    let customer = invoices[3]["customer"].as_str().unwrap();
    let expected: Vec<&Value> = invoices
        .iter()
        .filter(|invoice| invoice["customer"] == customer && invoice["status"] == "paid")
        .collect();
    let found = walk(
        &stripe,
        &format!("/v1/invoices?customer={customer}&status=paid"),
        1,
    );
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    let inactive = walk(&stripe, "/v1/prices?active=false", 100);
    assert_eq!(
        inactive.len(),
        walk(&stripe, "/v1/prices", 100)
            .iter()
            .filter(|price| price["active"] == false)
            .count()
    );
}

#[test]
fn what_a_list_cannot_do_is_refused_by_name() {
    let stripe = business(20);
    let invalid =
        |code: Option<&str>, param: Option<&str>| json!(["invalid_request_error", code, param]);
    for (url, status, error) in [
        ("/v1/customers?limit=0", 400, invalid(None, Some("limit"))),
        ("/v1/customers?limit=101", 400, invalid(None, Some("limit"))),
        (
            "/v1/customers?limit=ten",
            400,
            invalid(Some("parameter_invalid_integer"), Some("limit")),
        ),
        (
            "/v1/customers?page=2",
            400,
            invalid(Some("parameter_unknown"), Some("page")),
        ),
        (
            "/v1/customers?updated[gte]=1",
            400,
            invalid(Some("parameter_unknown"), Some("updated[gte]")),
        ),
        (
            "/v1/customers?created[after]=1",
            400,
            invalid(Some("parameter_unknown"), Some("created[after]")),
        ),
        (
            "/v1/customers?created[gte]=2025-01-01",
            400,
            invalid(Some("parameter_invalid_integer"), Some("created[gte]")),
        ),
        (
            "/v1/customers?status=all",
            400,
            invalid(Some("parameter_unknown"), Some("status")),
        ),
        (
            "/v1/customers?starting_after=cus_none",
            400,
            invalid(Some("resource_missing"), Some("starting_after")),
        ),
        (
            "/v1/events?ending_before=evt_none",
            400,
            invalid(Some("resource_missing"), Some("ending_before")),
        ),
        (
            "/v1/customers/cus_none",
            404,
            invalid(Some("resource_missing"), Some("id")),
        ),
        ("/v1/nothing", 404, invalid(None, None)),
        ("/v2/customers", 404, invalid(None, None)),
        ("/v1/account/acct_1", 404, invalid(None, None)),
        (
            "/v1/customers?expand[]=data.sources",
            501,
            json!(["api_error", null, "expand[]"]),
        ),
        (
            "/v1/subscriptions?automatic_tax[enabled]=true",
            501,
            json!(["api_error", null, "automatic_tax[enabled]"]),
        ),
    ] {
        assert_eq!(refused(&stripe, url), (status, error), "{url}");
    }
    let ids = stripe.ids("customers");
    let both = format!(
        "/v1/customers?starting_after={}&ending_before={}",
        ids[0], ids[5]
    );
    assert_eq!(refused(&stripe, &both).0, 400);
    let other_entity = format!("/v1/invoices?starting_after={}", ids[0]);
    assert_eq!(refused(&stripe, &other_entity).0, 400);
}

#[test]
fn keys_are_told_apart_and_a_restricted_one_reads_only_what_it_may() {
    let stripe = Stripe::new(
        Settings::new(1)
            .with_business(10)
            .restricted_key("rk_test_half", &["customers", "balance"]),
    );
    let status = |url: &str, authorization: &str| {
        stripe
            .answer(&request(url, authorization), None)
            .status
            .as_u16()
    };
    let verdict =
        |authorization: &str| stripe.authorization(&request("/v1/customers", authorization));
    let basic = "Basic c2tfdGVzdF9zYW5kYm94Og==";
    for (authorization, expected, on_customers, on_invoices) in [
        ("Bearer sk_test_sandbox", Authorization::Right, 200, 200),
        (basic, Authorization::Right, 200, 200),
        ("Bearer rk_test_half", Authorization::Restricted, 200, 403),
        ("Bearer sk_live_sandbox", Authorization::Wrong, 401, 401),
        ("Token sk_test_sandbox", Authorization::Wrong, 401, 401),
    ] {
        assert_eq!(verdict(authorization), expected, "{authorization}");
        assert_eq!(
            status("/v1/customers", authorization),
            on_customers,
            "{authorization}"
        );
        assert_eq!(
            status("/v1/invoices", authorization),
            on_invoices,
            "{authorization}"
        );
    }
    assert_eq!(
        (
            status("/v1/balance", "Bearer rk_test_half"),
            status("/v1/account", "Bearer rk_test_half")
        ),
        (200, 403)
    );
    let mut nobody = request("/v1/customers", basic);
    nobody.headers.clear();
    assert_eq!(
        (
            stripe.authorization(&nobody),
            stripe.answer(&nobody, None).status
        ),
        (Authorization::Absent, StatusCode::UNAUTHORIZED)
    );
}

#[test]
fn the_version_comes_back_and_one_that_is_none_is_refused() {
    let stripe = business(1);
    let answer = |version: Option<&str>| {
        let mut request = request("/v1/account", "Bearer sk_test_sandbox");
        if let Some(version) = version {
            request
                .headers
                .insert("stripe-version", HeaderValue::from_str(version).unwrap());
        }
        let answer = stripe.answer(&request, None);
        (
            answer.status.as_u16(),
            answer.headers["stripe-version"]
                .to_str()
                .unwrap()
                .to_owned(),
        )
    };
    assert_eq!(
        answer(Some("2026-10-28.endive")),
        (200, "2026-10-28.endive".to_owned())
    );
    assert_eq!(answer(Some("2023-10-16")), (200, "2023-10-16".to_owned()));
    assert_eq!(answer(None), (200, ACCOUNT_VERSION.to_owned()));
    assert_eq!(answer(Some("latest")).0, 400);
}
