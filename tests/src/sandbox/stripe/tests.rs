#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ACCOUNT_VERSION, Counts, DEFAULT_KEY, Entity, Settings, Stripe, order};
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};

const NOON: i64 = 1_790_000_000;
const DAY_S: i64 = 86_400;

fn business(customers: u64) -> Stripe {
    Stripe::new(Settings::new(7).with_business(customers).at(NOON))
}

fn request(url: &str, authorization: &str) -> Request {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Request {
        method: Method::GET,
        path: path.to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: HeaderMap::from_iter([(
            AUTHORIZATION,
            HeaderValue::from_str(authorization).unwrap(),
        )]),
        body: Bytes::new(),
    }
}

fn ask(stripe: &Stripe, url: &str) -> Answer {
    stripe.answer(&request(url, &format!("Bearer {DEFAULT_KEY}")), None)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(stripe: &Stripe, url: &str) -> Value {
    let answer = ask(stripe, url);
    assert_eq!(answer.status, StatusCode::OK, "{url}: {:?}", answer.body);
    body(&answer)
}

fn refused(stripe: &Stripe, url: &str) -> (u16, Value) {
    let answer = ask(stripe, url);
    let error = body(&answer)["error"].take();
    (
        answer.status.as_u16(),
        json!([error["type"], error["code"], error["param"]]),
    )
}

fn ids_of(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Every record of a list, by following cursors from the newest.
fn walk(stripe: &Stripe, list: &str, limit: usize) -> Vec<Value> {
    let separator = if list.contains('?') { '&' } else { '?' };
    let (mut records, mut cursor) = (Vec::<Value>::new(), String::new());
    loop {
        let page = get(stripe, &format!("{list}{separator}limit={limit}{cursor}"));
        records.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return records;
        }
        cursor = format!(
            "&starting_after={}",
            records.last().unwrap()["id"].as_str().unwrap()
        );
    }
}

#[test]
fn the_same_settings_give_the_same_bytes_and_another_seed_gives_others() {
    let page = |seed| {
        ask(
            &Stripe::new(Settings::new(seed).with_business(150)),
            "/v1/invoices?limit=100",
        )
        .body
    };
    assert_eq!(page(1), page(1));
    assert_ne!(page(1), page(2));
}

#[test]
fn every_record_keeps_stripes_order_of_keys_so_that_a_change_moves_no_other_byte() {
    let stripe = business(400);
    let store = stripe.lock();
    for entity in Entity::ALL {
        for index in 0..store.world.count(entity).min(200) {
            let text = store.text(entity, index);
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(order::write(&value), text, "{}", entity.name());
            assert_eq!(value["object"], entity.object());
            assert!(!text.contains("\"$"), "a hole was left: {text}");
        }
    }
    let account = store.world.render_account();
    assert_eq!(
        order::write(&serde_json::from_str(&account).unwrap()),
        account
    );
}

#[test]
fn a_customer_is_about_a_kilobyte_and_the_awkward_names_are_there() {
    let stripe = business(2_000);
    let customers = walk(&stripe, "/v1/customers", 100);
    let bytes: usize = customers
        .iter()
        .map(|customer| customer.to_string().len())
        .sum();
    assert!(
        (800..1_200).contains(&(bytes / customers.len())),
        "{}",
        bytes / customers.len()
    );
    let names: BTreeSet<&str> = customers
        .iter()
        .filter_map(|customer| customer["name"].as_str())
        .collect();
    for mark in [",", "\"", "\n", "=", "+", "-", "@", "株", "🌻", "\t"] {
        assert!(
            names.iter().any(|name| name.contains(mark)),
            "no name has {mark:?}"
        );
    }
    assert!(names.iter().any(|name| name.starts_with('=')));
    assert!(customers.iter().any(|customer| customer["name"].is_null()));
    let charges = walk(&stripe, "/v1/charges", 100);
    assert!(
        charges.iter().any(|charge| charge["currency"] == "jpy"),
        "zero-decimal currencies are there"
    );
}

#[test]
fn references_lead_to_records_that_are_there() {
    let stripe = business(300);
    let mut known: HashMap<String, Value> = HashMap::new();
    for entity in Entity::ALL {
        for record in walk(
            &stripe,
            &format!(
                "/v1/{}?{}",
                entity.name(),
                if entity == Entity::Subscriptions {
                    "status=all"
                } else {
                    ""
                }
            ),
            100,
        ) {
            known.insert(record["id"].as_str().unwrap().to_owned(), record);
        }
    }
    let fields = [
        "/customer",
        "/product",
        "/charge",
        "/payment_intent",
        "/balance_transaction",
        "/latest_charge",
        "/source",
        "/default_price",
        "/latest_invoice",
        "/items/data/0/price/id",
        "/lines/data/0/pricing/price_details/price",
        "/parent/subscription_details/subscription",
    ];
    let mut followed: BTreeSet<&str> = BTreeSet::new();
    for record in known.values() {
        for field in fields {
            if let Some(id) = record.pointer(field).and_then(Value::as_str) {
                assert!(
                    known.contains_key(id),
                    "{field} of {} leads nowhere",
                    record["id"]
                );
                followed.insert(field);
            }
        }
    }
    assert_eq!(
        followed.len(),
        fields.len(),
        "only {followed:?} were filled"
    );
    for intent in known
        .values()
        .filter(|record| record["object"] == "payment_intent")
    {
        let charge = &known[intent["latest_charge"].as_str().unwrap()];
        assert_eq!(
            (&intent["amount"], &intent["currency"], &intent["customer"]),
            (&charge["amount"], &charge["currency"], &charge["customer"])
        );
        assert_eq!(
            intent["status"] == "succeeded",
            charge["status"] == "succeeded"
        );
    }
    for subscription in known
        .values()
        .filter(|record| record["object"] == "subscription")
    {
        if let Some(invoice) = subscription["latest_invoice"].as_str() {
            assert_eq!(
                known[invoice].pointer("/parent/subscription_details/subscription"),
                Some(&subscription["id"])
            );
            assert_eq!(known[invoice]["customer"], subscription["customer"]);
        }
        assert_eq!(
            subscription.pointer("/items/data/0/price"),
            Some(
                &known[subscription
                    .pointer("/items/data/0/price/id")
                    .unwrap()
                    .as_str()
                    .unwrap()]
            )
        );
    }
}

#[test]
fn money_adds_up_between_invoices_lines_charges_refunds_and_the_balance() {
    for refunds in [13, 250] {
        let stripe = Stripe::new(
            Settings::new(3)
                .with_business(100)
                .with("refunds", refunds)
                .at(NOON),
        );
        for invoice in walk(&stripe, "/v1/invoices", 100) {
            let sum: i64 = invoice["lines"]["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line["amount"].as_i64().unwrap())
                .sum();
            assert_eq!(invoice["total"], sum);
            assert_eq!(
                invoice["amount_paid"].as_i64().unwrap()
                    + invoice["amount_remaining"].as_i64().unwrap(),
                sum
            );
        }
        let mut taken_back: HashMap<String, i64> = HashMap::new();
        for refund in walk(&stripe, "/v1/refunds", 100) {
            *taken_back
                .entry(refund["charge"].as_str().unwrap().to_owned())
                .or_default() += refund["amount"].as_i64().unwrap();
        }
        let disputes = walk(&stripe, "/v1/disputes", 100);
        let disputed: BTreeSet<&str> = disputes
            .iter()
            .map(|dispute| dispute["charge"].as_str().unwrap())
            .collect();
        for charge in walk(&stripe, "/v1/charges", 100) {
            let refunded = taken_back
                .remove(charge["id"].as_str().unwrap())
                .unwrap_or(0);
            assert_eq!(charge["amount_refunded"], refunded);
            assert!(refunded <= charge["amount_captured"].as_i64().unwrap());
            assert_eq!(
                charge["disputed"],
                disputed.contains(charge["id"].as_str().unwrap())
            );
        }
        assert!(
            taken_back.is_empty(),
            "refunds of charges that are not there: {taken_back:?}"
        );
        for booking in walk(&stripe, "/v1/balance_transactions", 100) {
            let net = booking["amount"].as_i64().unwrap() - booking["fee"].as_i64().unwrap();
            assert_eq!(booking["net"], net);
        }
    }
}

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

#[test]
fn an_update_is_seen_everywhere_and_its_event_tells_before_and_after() {
    let stripe = business(50);
    let id = stripe.ids("customers")[20].clone();
    let before = stripe.record("customers", &id).unwrap();
    stripe.update("customers", &id, |customer| {
        customer["name"] = json!("=New, \"Name\"")
    });
    let after = get(&stripe, &format!("/v1/customers/{id}"));
    assert_eq!(after["name"], "=New, \"Name\"");
    assert_eq!(
        walk(&stripe, "/v1/customers", 7)
            .iter()
            .find(|record| record["id"] == id.as_str()),
        Some(&after)
    );

    stripe.update("customers", &id, |customer| {
        customer["name"] = json!("Newer")
    });
    stripe.update("customers", &id, |_| {});
    let events = get(&stripe, "/v1/events?type=customer.updated");
    assert_eq!(
        ids_of(&events).len(),
        2,
        "a change that changes nothing is no event"
    );
    let first = &events["data"][1];
    assert_eq!(
        first["data"],
        json!({"object": after, "previous_attributes": {"name": before["name"]}})
    );
    assert_eq!(
        (&first["created"], &first["type"]),
        (&json!(NOON), &json!("customer.updated"))
    );
    assert_eq!(
        get(
            &stripe,
            &format!("/v1/events/{}", first["id"].as_str().unwrap())
        ),
        *first
    );
}

#[test]
fn what_is_deleted_leaves_the_lists_and_a_deleted_customer_answers_as_such() {
    let stripe = business(250);
    let customer = stripe.ids("customers")[1].clone();
    stripe.delete("customers", &customer);
    assert_eq!(
        get(&stripe, &format!("/v1/customers/{customer}")),
        json!({"id": customer, "object": "customer", "deleted": true})
    );
    assert!(!stripe.ids("customers").contains(&customer));
    assert_eq!(
        ids_of(&get(
            &stripe,
            &format!("/v1/customers?starting_after={customer}&limit=1")
        )),
        stripe.ids("customers")[1..2]
    );

    let product = stripe.ids("products")[0].clone();
    stripe.delete("products", &product);
    assert_eq!(refused(&stripe, &format!("/v1/products/{product}")).0, 404);
    assert_eq!(
        refused(&stripe, &format!("/v1/products?starting_after={product}")).0,
        400
    );

    let active = ids_of(&get(&stripe, "/v1/subscriptions?limit=1"))[0].clone();
    stripe.delete("subscriptions", &active);
    assert_eq!(
        get(&stripe, &format!("/v1/subscriptions/{active}"))["status"],
        "canceled"
    );
    assert!(!ids_of(&get(&stripe, "/v1/subscriptions?limit=1")).contains(&active));
    assert_eq!(
        stripe.event_types(),
        [
            "customer.deleted",
            "product.deleted",
            "customer.subscription.deleted"
        ]
    );

    let charge = stripe.ids("charges")[0].clone();
    let refusal = stripe.mutate(Mutation::Delete {
        entity: "charges".to_owned(),
        id: charge,
    });
    assert_eq!(refusal, Err("charges cannot be deleted".to_owned()));
}

#[test]
fn each_kind_of_change_sends_the_events_stripe_sends() {
    let stripe = business(100);
    for entity in Entity::ALL {
        stripe.create(entity.name(), 1);
    }
    let created: Vec<String> = stripe.event_types();
    for expected in [
        "customer.created",
        "product.created",
        "price.created",
        "customer.subscription.created",
        "invoice.created",
        "payment_intent.created",
        "refund.created",
        "charge.refunded",
        "charge.dispute.created",
        "payout.created",
    ] {
        assert!(
            created.iter().any(|name| name == expected),
            "{expected} is not in {created:?}"
        );
    }
    assert!(
        !created
            .iter()
            .any(|name| name.starts_with("balance_transaction")),
        "Stripe sends none for these"
    );

    let changed = |entity: &str, change: &dyn Fn(&mut Value)| -> Vec<String> {
        let before = stripe.event_types().len();
        stripe.update(entity, &stripe.ids(entity)[0], change);
        stripe.event_types().split_off(before)
    };
    assert_eq!(
        changed("invoices", &|invoice| invoice["status"] = json!("void")),
        ["invoice.updated", "invoice.voided"]
    );
    assert_eq!(
        changed("charges", &|charge| charge["description"] = json!("other")),
        ["charge.updated"]
    );
    assert_eq!(
        changed("charges", &|charge| charge["amount_refunded"] = json!(1)),
        ["charge.refunded"]
    );
    assert_eq!(
        changed("payment_intents", &|intent| intent["metadata"] =
            json!({"a": "b"})),
        [""; 0]
    );
    assert_eq!(
        changed("payment_intents", &|intent| intent["status"] =
            json!("processing")),
        ["payment_intent.processing"]
    );
    assert_eq!(
        changed("prices", &|price| price["nickname"] = json!("x")),
        ["price.updated"]
    );
    assert_eq!(
        changed("disputes", &|dispute| dispute["status"] =
            json!("warning_closed")),
        ["charge.dispute.updated"]
    );
    assert_eq!(
        changed("products", &|product| product["name"] = json!("Renamed")),
        ["product.updated"]
    );
    let product = stripe
        .record("products", &stripe.ids("products")[0])
        .unwrap();
    assert_eq!(product["updated"], NOON);
}

#[test]
fn a_new_refund_and_a_new_dispute_show_on_their_charges() {
    let stripe = Stripe::new(
        Settings::new(7)
            .with("charges", 60)
            .with("customers", 5)
            .at(NOON),
    );
    let charge_of = |entity: &str| {
        let id = stripe.create(entity, 1).remove(0);
        let record = stripe.record(entity, &id).unwrap();
        let charge = stripe
            .record("charges", record["charge"].as_str().unwrap())
            .unwrap();
        assert_eq!(charge["status"], "succeeded");
        (record, charge)
    };
    let (refund, charge) = charge_of("refunds");
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&refund["amount"], &json!(false))
    );
    let event = get(&stripe, "/v1/events?type=charge.refunded")["data"][0].take();
    assert_eq!(
        event["data"],
        json!({"object": charge, "previous_attributes": {"amount_refunded": 0}})
    );

    let (_, charge) = charge_of("disputes");
    assert_eq!(charge["disputed"], true);
    assert_eq!(
        stripe.event_types(),
        [
            "charge.refunded",
            "refund.created",
            "charge.updated",
            "charge.dispute.created"
        ]
    );
}

#[test]
fn an_update_that_would_make_it_another_record_is_refused() {
    let stripe = business(5);
    let id = stripe.ids("customers")[0].clone();
    for patch in [
        json!({"id": "cus_other"}),
        json!({"created": 1}),
        json!(null),
    ] {
        let update = Mutation::Update {
            entity: "customers".to_owned(),
            id: id.clone(),
            patch,
        };
        assert_eq!(
            stripe.mutate(update),
            Err("an update must leave id, object and created as they are".to_owned())
        );
    }
    let nobody = Mutation::Update {
        entity: "customers".to_owned(),
        id: "cus_none".to_owned(),
        patch: json!({}),
    };
    assert_eq!(
        stripe.mutate(nobody),
        Err("there is no record 'cus_none'".to_owned())
    );
    let nothing = Mutation::Create {
        entity: "leads".to_owned(),
        count: 1,
    };
    assert_eq!(
        stripe.mutate(nothing),
        Err("the sandbox has no entity 'leads'".to_owned())
    );
}

#[test]
fn events_are_kept_for_thirty_days_and_filtered_by_type_and_time() {
    let stripe = business(30);
    stripe.create("customers", 3);
    stripe.clock().advance(10 * DAY_S);
    stripe.create("products", 2);
    let ids = stripe.ids("customers");
    stripe.update("customers", &ids[0], |customer| {
        customer["phone"] = json!("+1")
    });
    assert_eq!(walk(&stripe, "/v1/events", 2).len(), 6);
    assert_eq!(walk(&stripe, "/v1/events?type=customer.*", 1).len(), 4);
    assert_eq!(
        walk(
            &stripe,
            "/v1/events?types[]=customer.updated&types[]=product.created",
            1
        )
        .len(),
        3
    );
    assert_eq!(
        walk(
            &stripe,
            "/v1/events?types[0]=customer.updated&types[1]=product.created",
            2
        )
        .len(),
        3
    );
    assert_eq!(
        walk(
            &stripe,
            &format!("/v1/events?created[gte]={}", NOON + 1),
            100
        )
        .len(),
        3
    );
    assert_eq!(refused(&stripe, "/v1/events?type=a&types[]=b").0, 400);

    let oldest = ids_of(&get(&stripe, "/v1/events?limit=100")).pop().unwrap();
    let page = get(
        &stripe,
        &format!("/v1/events?ending_before={oldest}&limit=2"),
    );
    let created: Vec<&Value> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["data"]["object"]["id"])
        .collect();
    assert_eq!(
        created,
        [&json!(ids[0]), &json!(ids[1])],
        "next to the cursor, newest first"
    );

    stripe.clock().advance(20 * DAY_S);
    assert_eq!(
        walk(&stripe, "/v1/events", 100).len(),
        6,
        "thirty days old to the second"
    );
    stripe.clock().advance(1);
    assert_eq!(walk(&stripe, "/v1/events", 100).len(), 3);
    assert_eq!(refused(&stripe, &format!("/v1/events/{oldest}")).0, 404);
    assert_eq!(
        refused(&stripe, &format!("/v1/events?starting_after={oldest}")).0,
        400
    );
}

#[test]
fn ten_million_records_cost_nothing_until_they_are_read() {
    let mut counts = Counts::default();
    for entity in Entity::ALL {
        counts.set(entity, 10_000_000);
    }
    let stripe = Stripe::new(Settings::new(9).with_counts(counts));
    let middle = stripe.lock().world.id(Entity::Invoices, 5_000_000);
    let page = get(
        &stripe,
        &format!("/v1/invoices?limit=3&starting_after={middle}"),
    );
    let next = stripe.lock().world.id(Entity::Invoices, 4_999_999);
    assert_eq!(ids_of(&page)[0], next);
}
