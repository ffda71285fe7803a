//! Changes and the events that tell of them.

use serde_json::{Value, json};

use super::{DAY_S, NOON, business, get, ids_of, refused, walk};
use crate::sandbox::exchange::{Mutation, Vendor};
use crate::sandbox::stripe::{Entity, Settings, Stripe};

#[test]
fn an_update_is_seen_everywhere_and_its_event_tells_before_and_after() {
    let stripe = business(50);
    let id = stripe.ids("customers")[20].clone();
    let before = stripe.record("customers", &id).unwrap();
    stripe.update("customers", &id, |customer| {
        customer["name"] = json!("=New, \"Name\"");
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
        customer["name"] = json!("Newer");
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
        customer["phone"] = json!("+1");
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
