//! Everybody asks for the same at the same moment.

use std::collections::BTreeSet;

use rail_tests::harness::{Answer, send, text};
use rail_tests::processes::Installation;
use rail_tests::sandbox::stripe;
use rail_tests::wait::SOON;
use reqwest::Method;
use serde_json::json;

use crate::flow::{all_ended, count};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::tally::Tally;

const CALLERS: usize = 200;

/// 200 callers trigger one connection: once so that all but one are refused, once so that all join the same sync.
pub async fn triggers(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("at-once", &settings.logs)
        .sandbox(stripe::Settings::new(settings.seed).with("customers", 10))
        // Nobody waits so long for one that it is refused.
        .variable("RAIL_DB_CONNECTIONS", "64")
        .start()
        .await;
    let mut accepted = Vec::new();
    for _ in 0..settings.choose(10, 2) {
        for query in ["", "?ifRunning=attach"] {
            let connection = installation.caller.connect_stripe().await;
            let path = format!("/connections/{connection}/sync{query}");
            let answers = all_at_once(&installation, &path, None).await;
            tally.runs += 1;
            accepted.extend(judge(&mut tally, &answers, query));
        }
    }
    let made = count(&installation, "true").await;
    let asked = tally.runs;
    tally.demand(made == asked, || {
        format!("{made} syncs were made for {asked} connections")
    });
    let _worker = installation.start_worker();
    all_ended(&installation, SOON * 2).await;
    tally.add(check_all_completed(&installation, &accepted).await);
    tally
}

/// 200 callers trigger one connection with one Idempotency-Key: they are one caller who asks again and again.
pub async fn one_key(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("one-key", &settings.logs)
        .sandbox(stripe::Settings::new(settings.seed).with("customers", 10))
        // Nobody waits so long for one that it is refused.
        .variable("RAIL_DB_CONNECTIONS", "64")
        .start()
        .await;
    let mut accepted = Vec::new();
    for run in 0..settings.choose(20, 3) {
        let connection = installation.caller.connect_stripe().await;
        let path = format!("/connections/{connection}/sync");
        let key = format!("one-key-{run}");
        let answers = all_at_once(&installation, &path, Some(&key)).await;
        tally.runs += 1;
        let strange = answers.iter().find(|answer| answer.status != 202);
        tally.demand(strange.is_none(), || {
            format!("an answer was {:?}", strange.map(|answer| &answer.text))
        });
        let bodies: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
        tally.demand(bodies.len() == 1, || {
            format!("there are {} different bodies", bodies.len())
        });
        let ids = answers
            .iter()
            .filter_map(|answer| answer.body["data"]["syncId"].as_str());
        accepted.extend(ids.take(1).map(str::to_owned));
    }
    let (made, asked) = (count(&installation, "true").await, tally.runs);
    tally.demand(made == asked, || {
        format!("{made} syncs were made for {asked} keys")
    });
    let _worker = installation.start_worker();
    all_ended(&installation, SOON * 2).await;
    tally.add(check_all_completed(&installation, &accepted).await);
    tally
}

async fn all_at_once(installation: &Installation, path: &str, key: Option<&str>) -> Vec<Answer> {
    let calls: Vec<_> = (0..CALLERS)
        .map(|_| {
            let mut request = installation
                .caller
                .request(Method::POST, path)
                .json(&json!({"entities": ["customers"]}));
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            tokio::spawn(send(request))
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("an answer"));
    }
    answers
}

/// Exactly one sync, which every answer names. Returns its id.
fn judge(tally: &mut Tally, answers: &[Answer], query: &str) -> Option<String> {
    let (taken, refused): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status == 202);
    let wanted = if query.is_empty() { 1 } else { CALLERS };
    tally.demand(taken.len() == wanted, || {
        format!(
            "{} of {CALLERS} were answered 202 to {query:?}",
            taken.len()
        )
    });
    let strange = refused.iter().find(|answer| answer.status != 409);
    tally.demand(strange.is_none(), || {
        format!("an answer was {:?}", strange.map(|answer| &answer.text))
    });
    let named: BTreeSet<&str> = taken
        .iter()
        .map(|answer| text(&answer.body["data"], "syncId"))
        .collect();
    tally.demand(named.len() == 1, || format!("the answers name {named:?}"));
    let sync = named.first()?.to_string();
    let silent = refused
        .iter()
        .filter(|answer| {
            !answer.header("location").ends_with(&sync) || answer.body["syncId"] != *sync
        })
        .count();
    tally.demand(silent == 0, || {
        format!(
            "{silent} refusals do not name {sync}, such as {}",
            refused[0].text
        )
    });
    Some(sync)
}
