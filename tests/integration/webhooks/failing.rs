use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rail_tests::receiver::{Receiver, Reply};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    SHORTEST_REST, by_connection, connections, happens, heard, nobody_is_served, pass, path, rail,
    taken, told, until, wish,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_down_for_an_hour_gets_everything_in_order_and_once() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    let down = Arc::new(AtomicBool::new(true));
    let is_down = down.clone();
    receiver.answers(move |_| {
        Reply::status(if is_down.load(Ordering::SeqCst) {
            503
        } else {
            200
        })
    });
    let ids = connections(&rail, 3).await;
    let more_failures = async |before: i64| {
        let row = until(&rail, &webhook, |row| {
            row["failures"].as_i64() > Some(before)
        });
        row.await["failures"].as_i64().unwrap()
    };
    let mut failures = more_failures(0).await;
    for _ in 0..4 {
        for id in &ids {
            happens(&rail, id, 1).await;
        }
        pass(&rail, "15 minutes").await;
        failures = more_failures(failures).await;
    }
    let attempts_while_down = receiver.heard().len();
    assert!(
        attempts_while_down < 12,
        "{attempts_while_down}: it is asked by one event at a time"
    );

    down.store(false, Ordering::SeqCst);
    pass(&rail, "1 hour").await;
    let messages = taken(&receiver, 15).await;

    assert_eq!(messages.len(), 15);
    for (connection, sequences) in by_connection(&messages) {
        assert!(
            sequences.is_sorted() && sequences.len() == 5,
            "{connection}: {sequences:?}"
        );
    }
    let well = until(&rail, &webhook, |row| row["failures"] == 0).await;
    assert_eq!(
        (&well["failingSince"], &well["retryAt"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_holds_up_its_own_connection_only() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let ids = connections(&rail, 2).await;
    told(&rail, &receiver, json!({})).await;
    let refused = ids[0].clone();
    let healed = Arc::new(AtomicBool::new(false));
    let is_healed = healed.clone();
    receiver.answers(move |message| {
        let bad = message.body["data"]["connectionId"] == json!(refused);
        Reply::status(if bad && !is_healed.load(Ordering::SeqCst) {
            500
        } else {
            200
        })
    });
    happens(&rail, &ids[0], 2).await;
    heard(&receiver, 1).await;
    happens(&rail, &ids[1], 3).await;
    let messages = taken(&receiver, 3).await;
    assert_eq!(
        by_connection(&messages).keys().collect::<Vec<_>>(),
        [&ids[1]]
    );

    healed.store(true, Ordering::SeqCst);
    pass(&rail, "1 minute").await;
    let messages = taken(&receiver, 5).await;
    assert!(by_connection(&messages)[&ids[0]].is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_time_is_given_it() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    receiver.answers(|_| {
        Reply::status(429)
            .with("Retry-After", "3600")
            .saying("later")
    });
    rail.connect_stripe().await;
    let resting = until(&rail, &webhook, |row| row["retryAt"].is_string()).await;
    let wait = "SELECT extract(epoch FROM retry_at - now())::int FROM webhooks";
    let wait = rail.database.ask(wait).await.as_i64().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    let attempts = rail
        .caller
        .get(&format!("{}/attempts", path(&webhook)))
        .await;
    let attempt = &attempts.expect(200)[0];
    assert_eq!(
        (
            &attempt["outcome"],
            &attempt["status"],
            &attempt["answer"],
            &attempt["error"]
        ),
        (
            &json!("RETRY"),
            &json!(429),
            &json!("later"),
            &json!("answered 429")
        )
    );
    // It can be tried at once all the same.
    receiver.answers(|_| Reply::status(200));
    wish(&rail, &webhook, "resume").await;
    taken(&receiver, 1).await;
    assert_eq!(resting["status"], "ENABLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_gets_no_more_and_the_others_hear_of_it() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let other = Receiver::start().await;
    let webhook = told(&rail, &receiver, json!({})).await;
    told(
        &rail,
        &other,
        json!({"eventTypes": ["integration.webhook.disabled"]}),
    )
    .await;
    receiver.answers(|_| Reply::status(410));
    let ids = connections(&rail, 1).await;
    let disabled = until(&rail, &webhook, |row| row["status"] == "DISABLED").await;
    assert!(
        disabled["statusReason"].as_str().unwrap().contains("410"),
        "{disabled}"
    );
    let heard = taken(&other, 1).await;
    assert_eq!(heard[0].body["data"]["webhookId"], webhook["webhookId"]);
    assert_eq!(heard[0].body["data"]["url"], json!(receiver.url()));
    happens(&rail, &ids[0], 1).await;
    assert_eq!(receiver.heard().len(), 1);

    // It goes on from its place.
    receiver.answers(|_| Reply::status(200));
    wish(&rail, &webhook, "resume").await;
    let messages = taken(&receiver, 3).await;
    let kinds: Vec<&str> = messages.iter().map(|message| message.kind()).collect();
    assert!(
        kinds.contains(&"integration.connected") && kinds.contains(&"integration.sync.failed"),
        "{kinds:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_failed_for_five_days_gets_no_more() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    receiver.answers(|_| Reply::status(503));
    rail.connect_stripe().await;
    until(&rail, &webhook, |row| row["failures"].as_i64() >= Some(1)).await;
    pass(&rail, "119 hours").await;
    until(&rail, &webhook, |row| row["failures"].as_i64() >= Some(2)).await;
    let still = rail.caller.get(&path(&webhook)).await.expect(200);
    assert_eq!(still["status"], "ENABLED");
    pass(&rail, "2 hours").await;
    rail.connect_stripe().await;
    let disabled = until(&rail, &webhook, |row| row["status"] == "DISABLED").await;
    assert!(
        disabled["statusReason"]
            .as_str()
            .unwrap()
            .contains("five days"),
        "{disabled}"
    );
    let types = "/events?types=integration.webhook.disabled";
    let told = rail.caller.get(types).await.expect(200);
    assert_eq!(told[0]["data"]["webhookId"], webhook["webhookId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_given_up_after_three_days_and_what_came_after_it_goes_on() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    receiver.answers(|message| {
        Reply::status(if message.kind() == "integration.connected" {
            400
        } else {
            200
        })
    });
    let ids = connections(&rail, 1).await;
    heard(&receiver, 1).await;
    happens(&rail, &ids[0], 1).await;
    until(&rail, &webhook, |row| row["sequence"] == 2).await;
    assert_eq!(receiver.taken().len(), 0);
    pass(&rail, "73 hours").await;
    let messages = taken(&receiver, 1).await;
    assert_eq!(messages[0].kind(), "integration.sync.failed");
    let given_up = format!("{}/attempts?outcome=GIVEN_UP", path(&webhook));
    let given_up = rail.caller.get(&given_up).await.expect(200);
    assert_eq!(given_up.as_array().unwrap().len(), 1);
    assert_eq!(given_up[0]["sequence"], 1);

    // And it can be had after all.
    receiver.answers(|_| Reply::status(200));
    let recover = format!("{}/recover", path(&webhook));
    let recovery = rail.caller.post(&recover, &json!({})).await.expect(202);
    assert_eq!(recovery["events"], 1);
    let messages = taken(&receiver, 2).await;
    assert_eq!(messages[1].kind(), "integration.connected");
    let delivered = format!("{}/attempts?outcome=DELIVERED", path(&webhook));
    rail.until(&delivered, |noted| {
        let mut noted = noted.as_array().unwrap().iter();
        noted.any(|attempt| attempt["sequence"] == 1)
    })
    .await;
    let again = rail.caller.post(&recover, &json!({})).await.expect(202);
    assert_eq!(again["events"], 0, "it was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_webhook_keeps_its_place() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    let ids = connections(&rail, 1).await;
    taken(&receiver, 1).await;
    wish(&rail, &webhook, "pause").await;
    nobody_is_served(&rail).await;
    happens(&rail, &ids[0], 3).await;
    let other = Receiver::start().await;
    told(&rail, &other, json!({})).await;
    happens(&rail, &ids[0], 1).await;
    taken(&other, 1).await;
    assert_eq!(receiver.heard().len(), 1);
    wish(&rail, &webhook, "resume").await;
    let messages = taken(&receiver, 5).await;
    let sequences: Vec<i64> = messages.iter().map(|message| message.sequence()).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_an_answer_is_kept_in_part() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let target = Receiver::start().await;
    let webhook = told(&rail, &receiver, json!({})).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let (counted, elsewhere) = (tries.clone(), target.url().to_owned());
    receiver.answers(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(307).with("Location", &elsewhere),
        _ => Reply::status(200).saying("\0é".repeat(100_000)),
    });
    rail.connect_stripe().await;
    heard(&receiver, 1).await;
    pass(&rail, "1 minute").await;
    taken(&receiver, 1).await;
    let attempts = format!("{}/attempts", path(&webhook));
    wait_until(SOON, "both attempts to be noted", async || {
        rail.caller
            .get(&attempts)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len()
            == 2
    })
    .await;
    let noted = rail.caller.get(&attempts).await.expect(200);
    assert_eq!(
        noted[1]["error"],
        "answered 307; redirects are not followed"
    );
    let answer = noted[0]["answer"].as_str().unwrap();
    assert!(
        answer.starts_with("\u{fffd}é") && answer.len() < 3_000,
        "{}",
        answer.len()
    );
    assert!(target.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_moved_gets_at_once_what_its_old_address_did_not_take() {
    let (rail, old) = (rail(1).await, Receiver::start().await);
    let new = Receiver::start().await;
    let webhook = told(&rail, &old, json!({})).await;
    old.answers(|_| Reply::status(404));
    let ids = connections(&rail, 2).await;
    heard(&old, 2).await;
    let change = json!({"url": new.url()});
    let moved = rail
        .caller
        .patch(&path(&webhook), &change)
        .await
        .expect(200);
    assert_eq!(moved["url"], json!(new.url()));
    let messages = taken(&new, 2).await;
    assert_eq!(
        by_connection(&messages).into_keys().collect::<Vec<_>>(),
        ids
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_paused_while_it_is_told_stops_soon() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({"maxPerSecond": 5})).await;
    let ids = connections(&rail, 1).await;
    happens(&rail, &ids[0], 200).await;
    taken(&receiver, 3).await;
    wish(&rail, &webhook, "pause").await;
    let before = receiver.heard().len();
    nobody_is_served(&rail).await;
    // Whoever serves it looks after it every few seconds, and its turn is ten.
    let more = receiver.heard().len() - before;
    assert!(more <= 25, "{more}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_refuses_events_of_many_connections_is_told_of_the_others_at_once() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let ids = connections(&rail, 9).await;
    let webhook = told(&rail, &receiver, json!({})).await;
    let fine = ids[8].clone();
    receiver.answers(move |message| {
        let is_fine = message.body["data"]["connectionId"] == json!(fine);
        Reply::status(if is_fine { 200 } else { 400 })
    });
    let begun = Instant::now();
    for id in &ids[..8] {
        happens(&rail, id, 2).await;
    }
    heard(&receiver, 8).await;
    happens(&rail, &ids[8], 3).await;
    let messages = taken(&receiver, 3).await;
    assert_eq!(messages.len(), 3);
    let row = rail.caller.get(&path(&webhook)).await.expect(200);
    assert_eq!(row["retryAt"], Value::Null);
    let refused = receiver.heard().len() - messages.len();
    let most = 8 * (1 + begun.elapsed().as_secs() / SHORTEST_REST.as_secs());
    assert!(
        refused as u64 <= most,
        "{refused}, not {most}: each waits for its own time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_a_receiver_asks_for_is_not_taken_away_by_what_it_takes_meanwhile() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let ids = connections(&rail, 2).await;
    let webhook = told(&rail, &receiver, json!({})).await;
    let busy = ids[0].clone();
    receiver.answers(move |message| {
        if message.body["data"]["connectionId"] == json!(busy) {
            Reply::status(429).with("Retry-After", "3600")
        } else {
            Reply::status(200).after(std::time::Duration::from_millis(300))
        }
    });
    happens(&rail, &ids[0], 1).await;
    happens(&rail, &ids[1], 3).await;
    rail.start_worker();
    taken(&receiver, 1).await;
    until(&rail, &webhook, |row| row["lastDeliveredAt"].is_string()).await;
    let wait = "SELECT extract(epoch FROM retry_at - now())::int FROM webhooks";
    let wait = rail.database.ask(wait).await.as_i64().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert_eq!(
        receiver.heard().len(),
        2,
        "what was on its way, and no more"
    );
}
