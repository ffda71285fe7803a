#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stripe::{DEFAULT_KEY, Settings};
use super::{Authorization, Fault, Rule, Sandbox};

const LIST: &str = "/v1/customers";

fn sandbox(customers: u64) -> Sandbox {
    Sandbox::start(Settings::new(11).with("customers", customers))
}

fn get(sandbox: &Sandbox, path: &str) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .get(format!("{}{path}", sandbox.base_url()))
        .bearer_auth(DEFAULT_KEY)
}

async fn fetch(sandbox: &Sandbox, path: &str) -> Value {
    get(sandbox, path)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap_or("none").to_owned())
        .collect()
}

/// The status and body of one request under a fault, or the error.
async fn under(fault: Fault) -> Result<(u16, reqwest::header::HeaderMap, String), reqwest::Error> {
    let sandbox = sandbox(30);
    sandbox.faults().on(LIST, 1, fault.clone());
    let answer = async {
        // Only a stalled body is to run into it.
        let patience_ms = if fault == Fault::StalledBody {
            300
        } else {
            60_000
        };
        let patience = Duration::from_millis(patience_ms);
        let response = get(&sandbox, LIST).timeout(patience).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok((status, headers, response.text().await?))
    };
    let answer = answer.await;
    assert_eq!(sandbox.faults().pending(), [], "the fault happened");
    assert_eq!(sandbox.requests().to(LIST)[0].fault, Some(fault));
    assert_eq!(
        get(&sandbox, LIST).send().await.unwrap().status(),
        200,
        "and only once"
    );
    answer
}

#[tokio::test]
async fn refusals_come_in_the_vendors_shape_with_retry_after_only_when_asked_for() {
    let (status, headers, body) = under(Fault::RateLimited {
        retry_after_s: Some(3),
    })
    .await
    .unwrap();
    assert_eq!(
        (status, headers["retry-after"].to_str().unwrap()),
        (429, "3")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap()["error"]["code"],
        "rate_limit"
    );
    let (_, headers, _) = under(Fault::RateLimited {
        retry_after_s: None,
    })
    .await
    .unwrap();
    assert!(!headers.contains_key("retry-after"));
    for status in [500, 502, 503] {
        let (answered, headers, body) = under(Fault::Status { status }).await.unwrap();
        assert_eq!(
            (answered, headers["content-type"].to_str().unwrap()),
            (status, "application/json")
        );
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap()["error"]["type"],
            "api_error"
        );
    }
    let (status, headers, body) = under(Fault::HtmlPage { status: 502 }).await.unwrap();
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (502, "text/html; charset=utf-8")
    );
    assert!(body.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn bodies_stall_break_off_or_end_too_early() {
    assert!(under(Fault::StalledBody).await.unwrap_err().is_timeout());
    let error = under(Fault::ResetMidBody).await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert!(is_reset(&error), "{error:?}");
    let error = under(Fault::ResetBeforeAnswer).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");

    let (status, _, body) = under(Fault::TruncatedJson).await.unwrap();
    assert_eq!(status, 200);
    assert!(
        body.starts_with(r#"{"object":"list""#) && serde_json::from_str::<Value>(&body).is_err()
    );
    let (_, headers, body) = under(Fault::WrongContentType).await.unwrap();
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert!(serde_json::from_str::<Value>(&body).is_ok());
    assert_eq!(under(Fault::EmptyObject).await.unwrap().2, "{}");
}

/// Whether the cause is a reset rather than an ordinary end of the connection.
fn is_reset(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test]
async fn a_body_may_come_slowly_and_may_be_huge_and_is_json_all_the_same() {
    let start = Instant::now();
    let (_, _, body) = under(Fault::SlowBody { pause_ms: 5 }).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(ids(&serde_json::from_str(&body).unwrap()).len(), 10);
    let bytes = 3_000_000;
    let (status, _, body) = under(Fault::HugeBody { bytes }).await.unwrap();
    let page: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, page["data"][0]["text"].as_str().map(str::len)),
        (200, Some(3_000_000))
    );
}

#[tokio::test]
async fn two_pages_can_lead_to_each_other_for_ever() {
    let sandbox = sandbox(30);
    let fair = ids(&fetch(&sandbox, LIST).await);
    sandbox
        .faults()
        .add(Rule::new(Fault::CircleOfPages).always());
    let first = fetch(&sandbox, LIST).await;
    let second = fetch(&sandbox, &format!("{LIST}?starting_after={}", fair[9])).await;
    let last = ids(&second)[9].clone();
    let third = fetch(&sandbox, &format!("{LIST}?starting_after={last}")).await;
    assert_eq!((ids(&first), ids(&third)), (fair.clone(), fair.clone()));
    assert!(!ids(&second).contains(&fair[0]) && third["has_more"] == true);
}

#[tokio::test]
async fn a_reset_mid_body_sends_half_of_it_first() {
    let sandbox = sandbox(30);
    sandbox.faults().next(1, Fault::ResetMidBody);
    let mut response = get(&sandbox, LIST).send().await.unwrap();
    let promised = response.content_length().unwrap();
    let mut received = 0;
    while let Ok(Some(bytes)) = response.chunk().await {
        received += bytes.len() as u64;
    }
    assert!(
        received > 0 && received <= promised / 2,
        "{received} of {promised}"
    );
}

#[tokio::test]
async fn slow_answers_are_late_and_latency_is_for_all() {
    let sandbox = Sandbox::start(
        Settings::new(1)
            .with("customers", 1)
            .latency(Duration::from_millis(30)),
    );
    sandbox.faults().next(1, Fault::Slow { delay_ms: 120 });
    for at_least_ms in [120, 30] {
        let start = Instant::now();
        fetch(&sandbox, LIST).await;
        assert!(start.elapsed() >= Duration::from_millis(at_least_ms));
    }
}

#[tokio::test]
async fn spoiled_pages_are_spoiled_as_their_names_say() {
    let sandbox = sandbox(30);
    let fair = ids(&fetch(&sandbox, LIST).await);
    let second = format!("{LIST}?starting_after={}", fair[9]);
    let spoiled = async |path: &str, fault: Fault| {
        sandbox.faults().on(LIST, 1, fault);
        get(&sandbox, path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let page = |text: &str| serde_json::from_str::<Value>(text).unwrap();

    let repeated = page(&spoiled(&second, Fault::RepeatedCursor).await);
    assert_eq!(
        (ids(&repeated), &repeated["has_more"]),
        (fair.clone(), &json!(true))
    );
    let empty = page(&spoiled(LIST, Fault::EmptyPageWithMore).await);
    assert_eq!((ids(&empty).len(), &empty["has_more"]), (0, &json!(true)));
    let across = ids(&page(&spoiled(&second, Fault::DuplicateAcrossPages).await));
    assert_eq!((across.len(), &across[0]), (10, &fair[9]));
    let within = ids(&page(&spoiled(LIST, Fault::DuplicateWithinPage).await));
    assert_eq!(
        (&within[0], &within[1], within.last()),
        (&fair[0], &fair[0], fair.last())
    );
    let reordered = ids(&page(&spoiled(LIST, Fault::ReorderedPage).await));
    assert_eq!((&reordered[0], reordered.last()), (&fair[8], fair.last()));
    let mut sorted = (reordered, fair.clone());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
    let anonymous = page(&spoiled(LIST, Fault::RecordWithoutId).await);
    assert_eq!(ids(&anonymous).iter().filter(|id| *id == "none").count(), 1);
    assert!(
        anonymous["data"][9]["id"].is_string(),
        "the cursor is whole"
    );
    assert!(
        page(&spoiled(LIST, Fault::NulInString).await)
            .to_string()
            .contains("\\u0000")
    );
    let surrogate = spoiled(LIST, Fault::LoneSurrogate).await;
    assert!(surrogate.contains("\\ud800") && serde_json::from_str::<Value>(&surrogate).is_err());
    assert_eq!(
        ids(&fetch(&sandbox, LIST).await),
        fair,
        "nothing of it lasts"
    );
}

#[tokio::test]
async fn records_come_and_go_between_two_pages() {
    let sandbox = sandbox(30);
    let stripe = sandbox.stripe();
    let first_page = async |fault: Fault| {
        let before = stripe.ids("customers");
        sandbox.faults().on(LIST, 1, fault);
        assert_eq!(
            ids(&fetch(&sandbox, LIST).await),
            before[..10],
            "the page itself is what it would have been"
        );
        before
    };
    let before = first_page(Fault::InsertWhilePaging { records: 2 }).await;
    assert_eq!(stripe.ids("customers")[2..], before);

    let mut before = first_page(Fault::DeleteWhilePaging { records: 3 }).await;
    let next = fetch(&sandbox, &format!("{LIST}?starting_after={}", before[9])).await;
    assert_eq!(ids(&next)[0], before[13]);
    before.drain(10..13);
    assert_eq!(stripe.ids("customers"), before);

    let mut before = first_page(Fault::DeleteCursor).await;
    before.remove(9);
    assert_eq!(stripe.ids("customers"), before);
    assert_eq!(
        stripe.event_types().len(),
        2 + 3 + 1,
        "each is a change like any other"
    );
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_never_the_key() {
    let sandbox = sandbox(25);
    for key in [DEFAULT_KEY, "sk_test_wrong"] {
        reqwest::Client::new()
            .get(format!(
                "{}{LIST}?limit=5&created[gte]=1",
                sandbox.base_url()
            ))
            .bearer_auth(key)
            .header("stripe-version", "2026-10-28.endive")
            .send()
            .await
            .unwrap();
    }
    let asked = sandbox.requests().to(LIST);
    assert_eq!(
        asked
            .iter()
            .map(|request| request.authorization)
            .collect::<Vec<_>>(),
        [Authorization::Right, Authorization::Wrong]
    );
    assert_eq!((asked[0].status, asked[1].status), (Some(200), Some(401)));
    assert_eq!(
        (
            asked[0].parameter("limit"),
            asked[0].parameter("created[gte]")
        ),
        (Some("5"), Some("1"))
    );
    assert_eq!(asked[0].header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(sandbox.requests().count(LIST), 2);
    assert!(!format!("{asked:?}").contains("sk_test"));
    sandbox.requests().clear();
    assert_eq!(sandbox.requests().all(), []);
}

#[tokio::test]
async fn the_control_paths_do_what_the_methods_do() {
    let sandbox = sandbox(12);
    let client = reqwest::Client::new();
    let post = async |name: &str, body: Value| {
        let response = client
            .post(format!("{}/_sandbox/{name}", sandbox.base_url()))
            .json(&body)
            .send()
            .await
            .unwrap();
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap(),
        )
    };
    let rule =
        json!({"path": LIST, "after": 1, "times": 2, "fault": {"kind": "status", "status": 503}});
    assert_eq!(
        post("faults", rule.clone()).await,
        (200, json!({"pending": [rule]}))
    );
    assert_eq!(
        sandbox.faults().pending(),
        [Rule::new(Fault::Status { status: 503 })
            .on(LIST)
            .after(1)
            .times(2)]
    );
    assert_eq!(
        post("faults", json!({"fault": {"kind": "gremlins"}}))
            .await
            .0,
        400
    );
    client
        .delete(format!("{}/_sandbox/faults", sandbox.base_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(sandbox.faults().pending(), []);

    let (_, created) = post(
        "mutations",
        json!({"op": "create", "entity": "customers", "count": 2}),
    )
    .await;
    assert_eq!(created["ids"][1], sandbox.stripe().ids("customers")[0]);
    let id = created["ids"][0].as_str().unwrap();
    let patch = json!({"op": "update", "entity": "customers", "id": id, "patch": {"name": "N", "email": null, "metadata": {"k": "v"}}});
    assert_eq!(post("mutations", patch).await.0, 200);
    let record = sandbox.stripe().record("customers", id).unwrap();
    assert_eq!(
        (&record["name"], &record["email"], &record["metadata"]["k"]),
        (&json!("N"), &json!(null), &json!("v"))
    );
    assert_eq!(
        post(
            "mutations",
            json!({"op": "delete", "entity": "customers", "id": id})
        )
        .await
        .0,
        200
    );
    assert_eq!(
        post(
            "mutations",
            json!({"op": "setClock", "unixS": 2_000_000_000})
        )
        .await
        .1,
        json!({"unixS": 2_000_000_000})
    );
    assert_eq!(
        post("mutations", json!({"op": "advanceClock", "seconds": 5}))
            .await
            .1,
        json!({"unixS": 2_000_000_005})
    );
    assert_eq!(
        post(
            "mutations",
            json!({"op": "delete", "entity": "customers", "id": id})
        )
        .await
        .0,
        400
    );
    assert_eq!(post("nothing", json!({})).await.0, 404);

    fetch(&sandbox, LIST).await;
    let log: Value = client
        .get(format!("{}/_sandbox/requests", sandbox.base_url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        log["counts"],
        json!({LIST: 1}),
        "the sandbox's own paths are not counted"
    );
    assert_eq!(log["requests"][0]["authorization"], "right");
}

#[tokio::test]
async fn dropping_it_breaks_what_is_under_way_and_frees_its_port() {
    let sandbox = sandbox(5);
    sandbox.faults().next(1, Fault::StalledBody);
    let mut stalled = get(&sandbox, LIST).send().await.unwrap();
    let base_url = sandbox.base_url();
    drop(sandbox);
    while let Ok(Some(_)) = stalled.chunk().await {}
    assert!(reqwest::get(&base_url).await.unwrap_err().is_connect());
    let address = base_url.strip_prefix("http://").unwrap().parse().unwrap();
    let again = Sandbox::start(Settings::new(1).listen(address));
    assert_eq!(again.base_url(), base_url);
}
