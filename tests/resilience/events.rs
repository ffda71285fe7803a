//! The log of events and its three ways out, while whoever writes, reads and delivers is killed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rail_tests::harness::{Caller, text};
use rail_tests::processes::{Installation, Program};
use rail_tests::receiver::{Message, Receiver, Reply};
use rail_tests::sandbox::stripe;
use rail_tests::stream::Client;
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::settings::Settings;
use crate::steps;
use crate::tally::Tally;

async fn installation(name: &str, settings: &Settings, customers: u64) -> Installation {
    Installation::builder(name, &settings.logs)
        .sandbox(stripe::Settings::new(settings.seed).with("customers", customers))
        .variable("RAIL_WEBHOOK_NETWORKS", "127.0.0.1")
        .start()
        .await
}

/// Crashes the first worker that delivers after each step that there is.
pub async fn crashed_deliveries(settings: &'static Settings) -> Tally {
    let names = ["delivery-steps-0", "delivery-steps-1", "delivery-steps-2"];
    let lanes = join_all(names.map(|name| installation(name, settings, 0))).await;
    steps::every("four events to one webhook", &lanes, crash).await
}

async fn crash(installation: &Installation, step: u64) -> Option<Tally> {
    let mut tally = Tally::default();
    let receiver = Receiver::start().await;
    let caller = &installation.caller;
    let body = json!({"url": receiver.url()});
    let webhook = caller.post("/webhooks", &body).await.expect(201);
    let path = format!("/webhooks/{}", text(&webhook, "webhookId"));
    let first = webhook["sequence"].as_i64().unwrap_or(0) + 1;
    let stripe = caller.connect_stripe().await;
    for _ in 0..2 {
        let sync = format!("/connections/{stripe}/sync");
        let accepted = caller.post(&sync, &Value::Null).await.expect(202);
        let cancel = format!("{sync}/{}/cancel", text(&accepted, "syncId"));
        let cancelled = caller.post(&cancel, &Value::Null).await.expect(202);
        assert_eq!(cancelled["status"], "CANCELLED");
    }
    caller.connect_stripe().await;
    let all: Vec<i64> = (first..first + 4).collect();

    let mut doomed = steps::doomed(installation, step);
    let is_done = async || caller.get(&path).await.expect(200)["sequence"] == all[3];
    if !steps::died(&mut doomed, "all is told", is_done).await {
        return None;
    }
    tally.runs += 1;
    let before = receiver.taken().len();
    let since = Instant::now();
    let _worker = installation.start_worker();
    wait_until(SOON * 2, "all is told and noted", async || {
        caller.get(&path).await.expect(200)["sequence"] == all[3]
    })
    .await;
    tally.recoveries.push(since.elapsed());
    let messages = receiver.taken();
    let (told, again) = told(&messages);
    tally.lost += all.iter().filter(|seq| !told.contains(seq)).count() as u64;
    // Of what was told before the crash, what was answered and not noted: at most one of each connection.
    tally.demand(again <= 2 && again <= before, || {
        format!("{again} events were told again")
    });
    check_order(&mut tally, &messages);
    let attempts = caller.get(&format!("{path}/attempts")).await.expect(200);
    let noted = attempts.as_array().map_or(0, Vec::len);
    tally.demand(noted == all.len(), || format!("{noted} attempts are noted"));
    let deleted = caller.delete(&path).await;
    tally.demand(deleted.status == 204, || format!("{deleted:?}"));
    Some(tally)
}

/// The numbers that were told, and how many messages were told again.
fn told(messages: &[Message]) -> (Vec<i64>, usize) {
    let mut told: Vec<i64> = messages.iter().map(Message::sequence).collect();
    told.sort_unstable();
    told.dedup();
    let again = messages.len() - told.len();
    (told, again)
}

/// Events of one connection come in order; one that is told again comes right after itself.
fn check_order(tally: &mut Tally, messages: &[Message]) {
    let mut lanes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for message in messages {
        let connection = message.body["data"]["connectionId"].to_string();
        lanes
            .entry(connection)
            .or_default()
            .push(message.sequence());
    }
    for (connection, lane) in lanes {
        tally.demand(lane.is_sorted(), || {
            format!("of {connection} was told {lane:?}")
        });
    }
}

/// Kills apis and workers at random while syncs run, a receiver fails now and then, and a reader follows the stream.
pub async fn killed(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let mut installation = installation("events-killed", settings, 20).await;
    let receiver = Receiver::start().await;
    let mut dice = settings.draw("receiver", 0);
    let bad: Vec<u64> = (0..10).map(|_| dice.below(100)).collect();
    let (heard, every) = (std::sync::atomic::AtomicU64::new(0), bad);
    receiver.answers(move |_| {
        let number = heard.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let fails = every.contains(&(number % 100));
        Reply::status(if fails { 500 } else { 200 })
    });
    let body = json!({"url": receiver.url()});
    let webhook = installation
        .caller
        .post("/webhooks", &body)
        .await
        .expect(201);
    let path = format!("/webhooks/{}", text(&webhook, "webhookId"));
    let (seen, done) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
    let reading = tokio::task::spawn_local(read(
        installation.caller.clone(),
        seen.clone(),
        done.clone(),
    ));

    let rounds = settings.choose(60, 12);
    let mut draw = settings.draw("events", 0);
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker()).collect();
    let mut connections = Vec::new();
    for _ in 0..rounds {
        for _ in 0..3 {
            // Whoever asks while the api is away asks again.
            if let Some(connection) = connect(&installation).await {
                connections.push(connection);
            }
        }
        for connection in &connections {
            let sync = format!("/connections/{connection}/sync");
            let _ = installation
                .caller
                .try_post(&sync, &json!({"entities": ["customers"]}))
                .await;
        }
        tokio::time::sleep(Duration::from_millis(draw.below(400))).await;
        if draw.chance(30) {
            installation.restart_api(&[]).await;
        }
        if draw.chance(70) {
            let one = draw.below(2) as usize;
            workers[one].kill();
            workers[one] = installation.start_worker();
        }
        tally.runs += 1;
    }
    let over =
        "SELECT count(*) FROM jobs WHERE kind <> 'delivery' AND state IN ('QUEUED', 'RUNNING')";
    wait_until(SOON * 8, "all syncs to end", async || {
        installation.database.ask(over).await == 0
    })
    .await;

    let log = "SELECT jsonb_build_array(count(*), coalesce(min(seq), 0), coalesce(max(seq), 0)) FROM events";
    let log = installation.database.ask(log).await;
    let count = log[0].as_i64().unwrap_or(0);
    tally.demand(log == json!([count, 1, count]), || {
        format!("the log has a gap: {log}")
    });
    let ends = "SELECT count(*) FROM jobs WHERE kind = 'sync' AND 2 <> (
                    SELECT count(*) FROM events WHERE subject_id = jobs.id)";
    let ends = installation.database.ask(ends).await.as_u64().unwrap_or(1);
    tally.demand(ends == 0, || {
        format!("{ends} syncs have not one start and one end in the log")
    });
    let since = Instant::now();
    // What was refused goes on at once: time passes. The job first, the order in which whoever works on it writes.
    let hurry = "SELECT FROM jobs WHERE kind = 'delivery' FOR NO KEY UPDATE;
                 UPDATE webhooks SET retry_at = NULL; UPDATE webhook_lanes SET due_at = now() WHERE due_at IS NOT NULL;
                 UPDATE jobs SET due_at = now() WHERE kind = 'delivery' AND state = 'QUEUED' AND due_at > now()
                   AND due_at < now() + interval '1 year'";
    wait_until(SOON * 8, "everything to be told", async || {
        installation.database.run(hurry).await;
        let behind = "SELECT count(*) FROM webhook_lanes WHERE due_at IS NOT NULL";
        let row = installation.caller.get(&path).await.expect(200);
        row["sequence"] == count && installation.database.ask(behind).await == 0
    })
    .await;
    tally.recoveries.push(since.elapsed());
    let messages = receiver.taken();
    let (told, again) = told(&messages);
    tally.lost += (1..=count).filter(|seq| !told.contains(seq)).count() as u64;
    check_order(&mut tally, &messages);
    wait_until(SOON, "the reader to have seen all", async || {
        seen.borrow().len() as i64 >= count
    })
    .await;
    done.set(true);
    reading.abort();
    let seen = seen.borrow().clone();
    tally.demand(seen == (1..=count).collect::<Vec<_>>(), || {
        format!("the reader saw {seen:?}")
    });
    tally.notes.push(format!(
        "{count} events; {again} were told again to the webhook, whose worker died between answer and note"
    ));
    installation.stop(&mut workers).await;
    tally
}

async fn connect(installation: &Installation) -> Option<String> {
    let body = json!({"connectorId": "stripe", "name": "Stripe", "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"}});
    let made = installation.caller.try_post("/connections", &body).await?;
    Some(made.body["data"]["connectionId"].as_str()?.to_owned())
}

/// Follows the stream and connects again whenever it ends.
async fn read(caller: Caller, seen: Rc<RefCell<Vec<i64>>>, done: Rc<Cell<bool>>) {
    let mut last = "0".to_owned();
    while !done.get() {
        let Some(mut client) = Client::connect(&caller, "", Some(&last)).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while let Some(heard) = client.next().await {
            seen.borrow_mut()
                .push(heard.body["sequence"].as_i64().unwrap_or(0));
            last = heard.id;
        }
    }
}
