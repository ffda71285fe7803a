//! Postgres crashes in the middle of commits, and answers to commits are lost on the way.

use std::time::{Duration, Instant};

use rail_tests::harness::{Answer, Caller, Database, text};
use rail_tests::postgres::PrivatePostgres;
use rail_tests::processes::{Installation, Program};
use rail_tests::proxy::Proxy;
use rail_tests::sandbox::stripe;
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::flow::all_ended;
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::source::compare;
use crate::tally::Tally;

const CUSTOMERS: u64 = 500;
const CALLERS: usize = 6;
/// Between two looks of a caller at its sync.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What one caller saw.
#[derive(Default)]
struct Heard {
    accepted: Vec<String>,
    unavailable: u64,
    wrong: Vec<String>,
}

/// Callers, each with a connection of its own that it syncs again and again.
struct Traffic {
    connections: Vec<String>,
    stop: CancellationToken,
    callers: Vec<JoinHandle<Heard>>,
}

impl Traffic {
    async fn start(installation: &Installation) -> Self {
        let stop = CancellationToken::new();
        let (mut connections, mut callers) = (Vec::new(), Vec::new());
        for _ in 0..CALLERS {
            let connection = installation.caller.connect_stripe().await;
            let call = call(
                installation.caller.clone(),
                connection.clone(),
                stop.clone(),
            );
            callers.push(tokio::spawn(call));
            connections.push(connection);
        }
        Self {
            connections,
            stop,
            callers,
        }
    }

    /// No further syncs; what was accepted ends. Everything is looked at.
    async fn close(self, installation: &Installation, workers: &mut [Program]) -> Tally {
        let mut tally = Tally::default();
        self.stop.cancel();
        let (mut accepted, mut unavailable) = (Vec::new(), 0);
        for caller in self.callers {
            let heard = caller.await.expect("a caller that does not break off");
            accepted.extend(heard.accepted);
            unavailable += heard.unavailable;
            tally.wrong.extend(heard.wrong);
        }
        all_ended(installation, SOON * 4).await;
        tally.notes.push(format!(
            "{} syncs accepted, {unavailable} requests answered 503",
            accepted.len()
        ));
        tally.demand(!accepted.is_empty(), || "nothing was accepted".to_owned());
        tally.add(check_all_completed(installation, &accepted).await);
        for connection in &self.connections {
            tally.add(compare(installation, connection, "customers").await);
        }
        // Whatever the order of crashes: the first complete sync of a connection created all, the others found them.
        let short = "SELECT count(*) FROM sync_entities WHERE fetched <> 500";
        let short = installation.database.ask(short).await;
        tally.duplicated += short.as_u64().unwrap_or(0);
        tally.demand(short == 0, || {
            format!("{short} syncs did not count every record once")
        });
        let ended: Vec<_> = workers.iter_mut().filter_map(Program::status).collect();
        tally.demand(ended.is_empty(), || format!("workers ended: {ended:?}"));
        tally
    }
}

async fn call(caller: Caller, connection: String, stop: CancellationToken) -> Heard {
    let mut heard = Heard::default();
    let path = format!("/connections/{connection}/sync");
    while !stop.is_cancelled() {
        match caller
            .try_post(&path, &json!({"entities": ["customers"], "mode": "FULL"}))
            .await
        {
            Some(answer) if answer.status == 202 => {
                let sync = text(&answer.expect(202), "syncId").to_owned();
                follow(&caller, &format!("{path}/{sync}"), &stop, &mut heard).await;
                heard.accepted.push(sync);
            }
            // One whose acceptance was never heard of is under way.
            Some(answer) if answer.status == 409 => {}
            Some(answer) if answer.status == 503 => note_unavailable(&mut heard, &answer),
            Some(answer) => heard
                .wrong
                .push(format!("a request was answered {}", answer.text)),
            None => heard.wrong.push("a request was not answered".to_owned()),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    heard
}

/// A 503 says when to come back.
fn note_unavailable(heard: &mut Heard, answer: &Answer) {
    heard.unavailable += 1;
    if answer.header("retry-after").is_empty() {
        heard
            .wrong
            .push(format!("a 503 without Retry-After: {}", answer.text));
    }
}

/// Follows a sync to its end; a COMPLETED that is not is noticed at once.
async fn follow(caller: &Caller, path: &str, stop: &CancellationToken, heard: &mut Heard) {
    while !stop.is_cancelled() {
        let Some(answer) = caller.try_get(path).await else {
            heard.wrong.push(format!("{path} was not answered"));
            return;
        };
        match answer.status {
            200 => {
                let sync = answer.expect(200);
                match sync["status"].as_str() {
                    Some("QUEUED" | "RUNNING") => {}
                    Some("COMPLETED") if sync["stats"]["customers"]["fetched"] == CUSTOMERS => {
                        return;
                    }
                    _ => {
                        heard.wrong.push(format!("a sync ended as {sync}"));
                        return;
                    }
                }
            }
            503 => note_unavailable(heard, &answer),
            _ => {
                heard
                    .wrong
                    .push(format!("{path} was answered {}", answer.text));
                return;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn installation(
    settings: &Settings,
    name: &str,
    postgres: &PrivatePostgres,
    url: &str,
) -> Installation {
    Installation::builder(name, &settings.logs)
        .sandbox(
            stripe::Settings::new(settings.seed)
                .with("customers", CUSTOMERS)
                .latency(Duration::from_millis(20)),
        )
        .database(Database::at(&postgres.url()))
        .variable("DATABASE_URL", url)
        .start()
        .await
}

async fn committed(installation: &Installation) -> u64 {
    let sum = installation
        .database
        .ask("SELECT coalesce(sum(fetched), 0)::bigint FROM sync_entities")
        .await;
    sum.as_u64().unwrap_or(0)
}

async fn goes_on(installation: &Installation) {
    let before = committed(installation).await;
    wait_until(SOON * 2, "something is committed", async || {
        committed(installation).await > before
    })
    .await;
}

/// An immediate shutdown at a random moment, and a start soon after, again and again.
pub async fn crashes(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let mut postgres = PrivatePostgres::start().await;
    let url = postgres.url();
    let installation = installation(settings, "postgres-crash", &postgres, &url).await;
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker()).collect();
    let traffic = Traffic::start(&installation).await;
    for run in 0..settings.choose(20, 3) {
        let mut draw = settings.draw("postgres", run);
        goes_on(&installation).await;
        tokio::time::sleep(Duration::from_millis(draw.below(600))).await;
        postgres.crash();
        tokio::time::sleep(Duration::from_millis(draw.below(1_500))).await;
        postgres.restart().await;
        let since = Instant::now();
        goes_on(&installation).await;
        tally.recoveries.push(since.elapsed());
        tally.runs += 1;
    }
    tally.add(traffic.close(&installation, &mut workers).await);
    tally
}

/// Commits reach Postgres and their answers get lost; then connections are cut wherever they are.
pub async fn silent(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let postgres = PrivatePostgres::start().await;
    let proxy = Proxy::start(&postgres.address()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let installation = installation(settings, "postgres-answers", &postgres, &url).await;
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker()).collect();
    let traffic = Traffic::start(&installation).await;
    goes_on(&installation).await;

    let wanted = settings.choose(100, 15);
    proxy.drop_answers_of(b"COMMIT", 4);
    wait_until(SOON * 20, "so many answers are lost", async || {
        proxy.answers_dropped() >= wanted
    })
    .await;
    proxy.keep_answers();
    tally.runs += proxy.answers_dropped();
    tally.notes.push(format!(
        "{} answers to commits were lost",
        proxy.answers_dropped()
    ));
    for run in 0..settings.choose(20, 4) {
        let mut draw = settings.draw("cuts", run);
        goes_on(&installation).await;
        if run % 2 == 0 {
            proxy.cut_after_bytes(1 + draw.below(40_000));
        } else {
            tokio::time::sleep(Duration::from_millis(draw.below(300))).await;
            proxy.cut();
        }
        let since = Instant::now();
        goes_on(&installation).await;
        tally.recoveries.push(since.elapsed());
        tally.runs += 1;
    }
    tally.add(traffic.close(&installation, &mut workers).await);
    tally
}
