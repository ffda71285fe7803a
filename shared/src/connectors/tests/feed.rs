use super::*;
use crate::connectors::Coverage;
use crate::domain::{Presence, Ties};

#[allow(
    clippy::needless_pass_by_value,
    reason = "scripts read better without borrowing"
)]
/// An event that happened `age_s` seconds before now.
fn event(n: u32, change: &str, age_s: i64, object: Value) -> Value {
    json!({
        "id": format!("evt_{n}"), "object": "event", "type": change,
        "created": now().timestamp() - age_s, "data": { "object": object },
    })
}

fn customer(id: &str, name: &str) -> Value {
    json!({ "id": id, "created": 1_700_000_000, "name": name })
}

async fn changes(events: Vec<Value>, entity: &str) -> Vec<Page> {
    let server = Canned::start(move |asked| {
        assert_eq!(asked.path(), "/v1/events");
        listed(asked, &events)
    })
    .await;
    walk(&stripe(&server), entity, &since(TimeDelta::days(1)))
        .await
        .unwrap()
}

fn body(page: &Page, place: usize) -> Value {
    serde_json::from_slice(&page.records[place].body).unwrap()
}

#[tokio::test]
async fn what_changed_since_the_checkpoint_comes_from_the_feed() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/events");
        assert_eq!(
            asked.query("types[]"),
            ["customer.created", "customer.updated", "customer.deleted"]
        );
        let since = (now() - TimeDelta::days(28)).timestamp().to_string();
        assert_eq!(asked.query("created[gte]"), [since]);
        listed(
            asked,
            &[
                event(2, "customer.deleted", 5, customer("cus_2", "b")),
                event(1, "customer.updated", 9, customer("cus_1", "a")),
            ],
        )
    })
    .await;
    let source = stripe(&server);
    let asked = since(TimeDelta::days(28));
    let pages = walk(&source, "customers", &asked).await.unwrap();
    assert_eq!(ids(&pages), ["cus_2", "cus_1"]);
    let [gone, here] = &pages[0].records[..] else {
        panic!()
    };
    assert_eq!(
        (gone.presence, here.presence),
        (Presence::Gone, Presence::Here)
    );
    assert_eq!(here.as_of, now() - TimeDelta::seconds(9));
    assert_eq!(here.created_at.unwrap().timestamp(), 1_700_000_000);
    assert_eq!(
        body(&pages[0], 1),
        customer("cus_1", "a"),
        "the record, not the event"
    );
    assert_eq!(pages[0].coverage, Coverage::Some);
    let through = now() - TimeDelta::minutes(10);
    assert_eq!(left(&asked, &pages), read_up_to(through));
}

#[tokio::test]
async fn beyond_the_reach_of_the_feed_the_whole_list_is_walked() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/v1/customers");
        listed(asked, &customers(1))
    })
    .await;
    let asked = since(TimeDelta::days(29));
    let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
    assert!(matches!(pages[0].coverage, Coverage::Everything { .. }));
    let through = now() - TimeDelta::minutes(10);
    assert_eq!(left(&asked, &pages), read_up_to(through));
}

#[tokio::test]
async fn a_checkpoint_from_a_clock_that_ran_ahead_skips_nothing() {
    let server = Canned::start(|asked| {
        let since = (now() - TimeDelta::minutes(10)).timestamp().to_string();
        assert_eq!(asked.query("created[gte]"), [since]);
        listed(asked, &[])
    })
    .await;
    let asked = since(TimeDelta::days(-2));
    let pages = walk(&stripe(&server), "customers", &asked).await.unwrap();
    let through = now() - TimeDelta::minutes(10);
    assert_eq!(left(&asked, &pages), read_up_to(through));
}

#[tokio::test]
async fn of_many_changes_in_one_second_the_first_met_counts_on_this_page_and_the_next() {
    // 250 changes of one second: pages of 100 break them twice.
    let mut events: Vec<Value> = (0..250)
        .map(|n| {
            let id = format!("cus_{}", n % 120);
            event(
                1_000 - n,
                "customer.updated",
                60,
                customer(&id, &n.to_string()),
            )
        })
        .collect();
    events.push(event(1, "customer.updated", 61, customer("cus_0", "older")));
    let pages = changes(events, "customers").await;
    let names: Vec<String> = pages
        .iter()
        .flat_map(|page| (0..page.records.len()).map(|at| body(page, at)))
        .map(|body| body["name"].as_str().unwrap().to_owned())
        .collect();
    let newest: Vec<String> = (0..120).map(|n| n.to_string()).collect();
    assert_eq!(names[..120], newest);
    // A second earlier is another version, which the store refuses by its instant.
    assert_eq!(names[120..], ["older"]);
    assert!(pages.iter().all(|page| page.ties == Ties::TakeNew));
}

#[tokio::test]
async fn more_changes_in_one_second_than_are_remembered_leave_ties_to_what_is_stored() {
    let events: Vec<Value> = (0..4_200)
        .map(|n| {
            event(
                9_999 - n,
                "customer.updated",
                60,
                customer(&format!("cus_{n}"), "x"),
            )
        })
        .collect();
    let pages = changes(events, "customers").await;
    assert_eq!(ids(&pages).len(), 4_200);
    assert_eq!(pages[39].ties, Ties::TakeNew);
    assert_eq!(pages[41].ties, Ties::KeepStored);
}

#[tokio::test]
async fn a_cancelled_subscription_is_still_there() {
    let cancelled = json!({ "id": "sub_1", "created": 1, "status": "canceled" });
    let events = vec![event(1, "customer.subscription.deleted", 5, cancelled)];
    let pages = changes(events, "subscriptions").await;
    assert_eq!(pages[0].records[0].presence, Presence::Here);
}

#[tokio::test]
async fn changes_of_other_entities_are_not_taken_even_when_the_vendor_sends_them() {
    let events = vec![
        event(
            3,
            "customer.subscription.updated",
            1,
            json!({ "id": "sub_1" }),
        ),
        event(2, "customer.source.created", 2, json!({ "id": "card_1" })),
        event(1, "customer.created", 3, customer("cus_1", "a")),
    ];
    let pages = changes(events, "customers").await;
    assert_eq!(ids(&pages), ["cus_1"]);
    assert!(pages[0].rejected.is_empty());
}

#[tokio::test]
async fn a_change_that_cannot_be_used_is_rejected_by_name_and_the_walk_goes_on() {
    let mut untimed = event(3, "customer.updated", 1, customer("cus_3", "c"));
    untimed["created"] = json!("soon");
    let mut empty = event(2, "customer.updated", 2, json!(null));
    empty["data"] = json!({});
    let nameless = event(1, "customer.updated", 3, json!({ "name": "x" }));
    let good = event(0, "customer.updated", 4, customer("cus_1", "a"));
    let pages = changes(vec![untimed, empty, nameless, good], "customers").await;
    let codes: Vec<&str> = pages[0].rejected.iter().map(|r| r.code).collect();
    assert_eq!(codes, ["no-change-time", "no-record", "no-id"]);
    assert_eq!(ids(&pages), ["cus_1"]);
}
