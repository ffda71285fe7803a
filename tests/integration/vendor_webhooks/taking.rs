//! What is taken, and what is not.

use rail_shared::domain::Clock;
use rail_tests::harness::{Rail, send};
use rail_tests::sandbox::stripe::{WEBHOOK_SECRET, Webhook, signature};
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    EVENTS, TOLD_CHANGES, TOLD_SYNCS, all_read, connect, connect_with, event, path, read_customers,
    rename, signed_at, stored_name, taken, tell, tell_newest, tell_signed, told_syncs,
};

fn now_s() -> i64 {
    Clock::system().now().timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_stripe_tells_of_is_read_at_once_by_its_id() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = connect(&rail).await;
    read_customers(&rail, &stripe).await;
    let id = rail.sandbox.stripe().ids("customers").remove(1);
    rename(&rail, &id, "Told Anew");
    let lists = rail.sandbox.requests().count("/v1/customers");

    taken(&tell_newest(&rail, &stripe).await);

    all_read(&rail).await;
    assert_eq!(stored_name(&rail, &id).await, "Told Anew");
    let syncs = told_syncs(&rail, &stripe).await;
    assert_eq!(syncs.len(), 1);
    let sync = &syncs[0];
    assert_eq!(
        (&sync["status"], &sync["mode"], &sync["targets"]),
        (
            &json!("COMPLETED"),
            &json!("INCREMENTAL"),
            &json!([{"entity": "customers", "ids": [id], "errorIds": []}])
        ),
        "{sync}"
    );
    assert_eq!(sync["stats"]["customers"]["updated"], 1, "{sync}");
    assert_eq!(
        rail.sandbox.requests().count("/v1/customers"),
        lists,
        "no list was read"
    );
    let event = rail
        .caller
        .get(&format!("/connections/{stripe}"))
        .await
        .expect(200);
    assert!(event["webhookUrl"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_stripe_says_is_gone_is_deleted() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = connect(&rail).await;
    read_customers(&rail, &stripe).await;
    let id = rail.sandbox.stripe().ids("customers").remove(0);
    rail.sandbox.stripe().delete("customers", &id);

    taken(&tell_newest(&rail, &stripe).await);

    all_read(&rail).await;
    let gone = format!("SELECT deleted_at IS NOT NULL FROM records WHERE external_id = '{id}'");
    assert_eq!(rail.database.ask(&gone).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_is_answered_alike_and_leaves_no_trace() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = connect(&rail).await;
    let Webhook {
        body,
        signature: right,
    } = event("evt_1", "customer.updated", "cus_1");
    let mut changed = body.clone().into_bytes();
    changed[20] ^= 1;
    let not_text = [body.as_bytes(), &[0xff, 0xfe]].concat();
    let (of_another, ago) = (
        signature("whsec_another", now_s(), body.as_bytes()),
        now_s() - 10_000,
    );
    let old_and_forged = signature("whsec_another", ago, body.as_bytes());
    let whole = body.clone().into_bytes();
    let mut answers = Vec::new();
    for (header, body) in [
        (Some(&right), changed),
        (Some(&right), not_text),
        (Some(&right), Vec::new()),
        (Some(&of_another), whole.clone()),
        (Some(&old_and_forged), whole.clone()),
        (Some(&"nonsense".to_owned()), whole.clone()),
        (None, whole),
    ] {
        let headers: Vec<_> = header
            .map(|value| ("stripe-signature", value.as_str()))
            .into_iter()
            .collect();
        let answer = tell(&rail, &path(&stripe), &headers, body).await;
        assert_eq!(answer.problem(401), "bad-signature");
        let mut said = answer.body.clone();
        said["requestId"] = Value::Null;
        answers.push(said);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for nothing in [EVENTS, TOLD_CHANGES, TOLD_SYNCS] {
        assert_eq!(rail.database.ask(nothing).await, 0, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_too_long_ago_or_for_later_is_refused_by_name() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = connect(&rail).await;
    let body = event("evt_1", "customer.updated", "cus_1").body;
    for away in [-400, 400] {
        let Webhook { body, signature } = signed_at(body.clone(), now_s() + away);
        let answer = tell_signed(&rail, &stripe, &signature, body).await;
        assert_eq!(answer.problem(400), "stale-webhook");
    }
    assert_eq!(rail.database.ask(EVENTS).await, 0);
    let Webhook { body, signature } = signed_at(body, now_s() - 200);
    taken(&tell_signed(&rail, &stripe, &signature, body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_changes_nothing_whether_at_once_or_later() {
    let rail = Rail::builder().customers(1).workers(0).start().await;
    let stripe = connect(&rail).await;
    let body = event("evt_1", "customer.updated", "cus_1").body;
    let copies = (0..20).map(|at| {
        // Stripe signs each attempt anew.
        let Webhook { body, signature } = signed_at(body.clone(), now_s() - at);
        let (rail, stripe) = (&rail, &stripe);
        async move { tell_signed(rail, stripe, &signature, body).await }
    });
    for answer in futures::future::join_all(copies).await {
        taken(&answer);
    }
    assert_eq!(rail.database.ask(EVENTS).await, 1);
    assert_eq!(rail.database.ask(TOLD_CHANGES).await, 1);

    rail.start_worker();
    all_read(&rail).await;
    let Webhook { body, signature } = signed_at(body, now_s());
    taken(&tell_signed(&rail, &stripe, &signature, body).await);
    assert_eq!(rail.database.ask(TOLD_CHANGES).await, 0);
    assert_eq!(rail.database.ask(TOLD_SYNCS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_for_its_connection_and_its_vendor_only() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = connect(&rail).await;
    let other = json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": "whsec_of_another"});
    let other = connect_with(&rail, "stripe", &other).await;
    let Webhook { body, signature } = event("evt_1", "customer.updated", "cus_1");
    let headers = [("stripe-signature", signature.as_str())];

    let at_another = tell(&rail, &path(&other), &headers, body.clone()).await;
    assert_eq!(at_another.problem(401), "bad-signature");

    let unknown = path("conn_01k9c4e7rzf8tv5b2n6wq3xm0d");
    let of_another_vendor = path(&stripe).replace("/stripe", "/xero");
    for nowhere in [
        unknown,
        of_another_vendor,
        path(&stripe).replace("/stripe", "/nobody"),
    ] {
        let answer = tell(&rail, &nowhere, &headers, body.clone()).await;
        assert_eq!(answer.problem(404), "not-found", "{nowhere}");
    }
    let bad_id = tell(&rail, &path("conn_7"), &headers, body.clone()).await;
    assert_eq!(bad_id.problem(404), "not-found");

    rail.caller.delete(&format!("/connections/{stripe}")).await;
    let erased = tell(&rail, &path(&stripe), &headers, body).await;
    assert_eq!(erased.problem(404), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_secret_says_that_it_has_none() {
    let rail = Rail::builder().workers(0).start().await;
    let without = connect_with(
        &rail,
        "stripe",
        &json!({"apiKey": "${IOF_CONNECTOR_API_KEY}"}),
    )
    .await;
    let unset =
        json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": "${IOF_CONNECTOR_NOT_SET}"});
    let unset = connect_with(&rail, "stripe", &unset).await;
    let Webhook { body, signature } = event("evt_1", "customer.updated", "cus_1");
    for connection in [&without, &unset] {
        let answer = tell_signed(&rail, connection, &signature, body.clone()).await;
        assert_eq!(answer.problem(409), "webhook-secret-missing");
        assert!(answer.text.contains("webhookSecret"), "{}", answer.text);
    }
    let patch = json!({"credentials": {"webhookSecret": WEBHOOK_SECRET}});
    let _ = rail
        .caller
        .patch(&format!("/connections/{without}"), &patch)
        .await
        .expect(200);
    taken(&tell_signed(&rail, &without, &signature, body).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_replaced_both_are_accepted() {
    let rail = Rail::builder().workers(0).start().await;
    let both = format!("whsec_new {WEBHOOK_SECRET}");
    let credentials = json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": both});
    let stripe = connect_with(&rail, "stripe", &credentials).await;
    let (first, second) = (
        event("evt_1", "customer.updated", "cus_1"),
        event("evt_2", "customer.updated", "cus_2"),
    );
    taken(&tell_signed(&rail, &stripe, &first.signature, first.body).await);
    let by_new = signature("whsec_new", now_s(), second.body.as_bytes());
    taken(&tell_signed(&rail, &stripe, &by_new, second.body).await);
    assert_eq!(rail.database.ask(EVENTS).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_cannot_be_read_is_refused_and_what_is_no_business_of_ours_is_taken() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = connect(&rail).await;
    for body in [
        &b"nonsense"[..],
        b"\xff\xfe{}",
        b"[]",
        b"{\"type\":\"customer.updated\"}",
    ] {
        let header = signature(WEBHOOK_SECRET, now_s(), body);
        let answer = tell_signed(&rail, &stripe, &header, body.to_vec()).await;
        assert_eq!(answer.problem(400), "unreadable-webhook");
    }
    let Webhook {
        body,
        signature: header,
    } = event("evt_1", "radar.early_fraud_warning.created", "issfr_1");
    taken(&tell_signed(&rail, &stripe, &header, body).await);
    assert_eq!(rail.database.ask(EVENTS).await, 0);
    // No text of Postgres' holds this, and no path this: the entity is read instead.
    for (number, id) in ["cus_\u{0}", "..", ""].iter().enumerate() {
        let Webhook {
            body,
            signature: header,
        } = event(&format!("evt_\u{0}{number}"), "customer.updated", id);
        taken(&tell_signed(&rail, &stripe, &header, body).await);
    }
    assert_eq!(rail.database.ask(EVENTS).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_limit_and_the_path_one_method() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = connect(&rail).await;
    let anonymous = rail.caller.anonymous();
    for method in [Method::GET, Method::PUT] {
        let answer = send(anonymous.request(method, &path(&stripe))).await;
        assert_eq!(answer.problem(405), "method-not-allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    // The last: a connection ends with a body that was not read to its end.
    let large = vec![b' '; 1024 * 1024 + 1];
    let header = signature(WEBHOOK_SECRET, now_s(), &large);
    let answer = tell_signed(&rail, &stripe, &header, large).await;
    assert_eq!(answer.problem(413), "too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_forgotten_after_a_week_and_with_their_connection() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = connect(&rail).await;
    for number in 0..3 {
        let Webhook { body, signature } =
            event(&format!("evt_{number}"), "customer.updated", "cus_1");
        taken(&tell_signed(&rail, &stripe, &signature, body).await);
    }
    all_read(&rail).await;
    rail.database
        .run("UPDATE inbound_events SET received_at = now() - interval '8 days' WHERE digest = (SELECT digest FROM inbound_events LIMIT 1)")
        .await;
    wait_until(SOON, "the old one to be forgotten", async || {
        rail.database.ask(EVENTS).await == 2
    })
    .await;
    rail.caller.delete(&format!("/connections/{stripe}")).await;
    assert_eq!(rail.database.ask(EVENTS).await, 0);
}
