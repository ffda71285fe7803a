use rail_tests::harness::text;
use rail_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};

use super::{connections, path, rail, taken, told, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_once_more_under_the_same_id_whoever_wants_it() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let wishes = json!({"eventTypes": ["integration.sync.failed"]});
    let webhook = told(&rail, &receiver, wishes).await;
    connections(&rail, 1).await;
    until(&rail, &webhook, |row| row["sequence"] == 1).await;
    let event = rail.caller.get("/events").await.expect(200)[0].clone();
    let resend = format!("{}/resend", path(&webhook));
    let asked = json!({"eventId": event["eventId"]});
    for times in 1..=2 {
        let answer = rail.caller.post(&resend, &asked).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let messages = taken(&receiver, times).await;
        assert_eq!(messages[times - 1].body, event);
        assert_eq!(
            messages[times - 1].header("webhook-id"),
            text(&event, "eventId")
        );
    }
    let unknown = json!({"eventId": "evt_01k9c4e7rzf8tv5b2n6wq3xm0d"});
    let refused = rail.caller.post(&resend, &unknown).await;
    assert_eq!(refused.problem(409), "not-resendable");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_has_not_come_to_is_not_sent_twice() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    connections(&rail, 1).await;
    let event = rail.caller.get("/events").await.expect(200)[0].clone();
    let asked = json!({"eventId": event["eventId"]});
    let refused = rail
        .caller
        .post(&format!("{}/resend", path(&webhook)), &asked)
        .await;
    assert_eq!(refused.problem(409), "not-resendable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_rotated_signs_beside_the_new_one_for_a_day() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    let rotate = format!("{}/rotate-secret", path(&webhook));
    let rotated = rail.caller.post(&rotate, &Value::Null).await.expect(200);
    let (old, new) = (text(&webhook, "secret"), text(&rotated, "secret"));
    assert_ne!(old, new);
    connections(&rail, 1).await;
    let messages = taken(&receiver, 1).await;
    assert!(messages[0].is_signed_by(old) && messages[0].is_signed_by(new));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_at_once_and_stands_in_no_log() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    receiver.answers(|_| Reply::status(418).saying("a teapot"));
    let test = format!("{}/test", path(&webhook));
    let answer = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(
        (
            &answer["success"],
            &answer["status"],
            &answer["answer"],
            &answer["error"]
        ),
        (
            &json!(false),
            &json!(418),
            &json!("a teapot"),
            &json!("answered 418")
        )
    );
    let heard = receiver.heard();
    assert_eq!(heard[0].kind(), "integration.webhook.test");
    assert!(heard[0].is_signed_by(text(&webhook, "secret")));
    let events = rail.caller.get("/events").await.expect(200);
    assert_eq!(events, json!([]));
    receiver.answers(|_| Reply::status(200));
    let answer = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(answer["success"], true);
}
