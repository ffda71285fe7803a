//! The records: what they are made of and how they fit together.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{NOON, ask, business, get, ids_of, walk};
use crate::sandbox::stripe::{Counts, Entity, Settings, Stripe, order};

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
            let amount = booking["amount"].as_i64().unwrap();
            assert_eq!(booking["net"], amount - booking["fee"].as_i64().unwrap());
            let Some(source) = booking["source"].as_str() else {
                continue;
            };
            let (entity, sign) = match booking["type"].as_str().unwrap() {
                "charge" => ("charges", 1),
                "refund" => ("refunds", -1),
                _ => ("payouts", -1),
            };
            let source = stripe.record(entity, source).unwrap();
            assert_eq!(
                source["amount"].as_i64().unwrap() * sign,
                amount,
                "{booking}"
            );
            assert_eq!(
                (&source["currency"], &source["balance_transaction"]),
                (&booking["currency"], &booking["id"])
            );
        }
    }
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
