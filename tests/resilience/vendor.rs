//! A vendor that misbehaves in every way the sandbox knows: the sync ends in the right state, in bounded memory, with an
//! error a person understands.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program};
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::flow::{ended_within, look};
use crate::history::check;
use crate::settings::Settings;
use crate::source::compare;
use crate::tally::Tally;

const CUSTOMERS: u64 = 450;
const LIST: &str = "/v1/customers";
const LANES: usize = 3;
/// What a worker of an unoptimised build may have at most, whatever the vendor sends.
const MEMORY_BYTES: u64 = 200 * 1024 * 1024;

/// How a sync is to end.
enum Ends {
    /// Whole, as if nothing had been.
    Completed,
    /// For good, saying this.
    Failed(&'static str),
    /// It is tried again later, saying this meanwhile, and completes when the vendor is well again.
    TriedAgain(&'static str),
}

struct Case {
    name: &'static str,
    rules: Vec<Rule>,
    ends: Ends,
}

fn once(fault: Fault) -> Vec<Rule> {
    vec![Rule::new(fault).on(LIST).after(2)]
}

fn always(fault: Fault) -> Vec<Rule> {
    vec![Rule::new(fault).on(LIST).after(2).always()]
}

fn cases() -> Vec<Case> {
    let case = |name, rules, ends| Case { name, rules, ends };
    let status = |status| Fault::Status { status };
    vec![
        // The longest first: the others pass it in the other lanes.
        case(
            "a body that stalls",
            once(Fault::StalledBody),
            Ends::Completed,
        ),
        case(
            "429 with Retry-After",
            once(Fault::RateLimited {
                retry_after_s: Some(2),
            }),
            Ends::Completed,
        ),
        case(
            "429 without Retry-After",
            once(Fault::RateLimited {
                retry_after_s: None,
            }),
            Ends::Completed,
        ),
        case(
            "500 three times",
            vec![Rule::new(status(500)).on(LIST).after(2).times(3)],
            Ends::Completed,
        ),
        case(
            "503 for long",
            always(status(503)),
            Ends::TriedAgain("Stripe could not answer GET /v1/customers (HTTP 503)"),
        ),
        case(
            "a late answer",
            once(Fault::Slow { delay_ms: 1_500 }),
            Ends::Completed,
        ),
        case(
            "a slow body",
            once(Fault::SlowBody { pause_ms: 150 }),
            Ends::Completed,
        ),
        case(
            "a reset before the answer",
            once(Fault::ResetBeforeAnswer),
            Ends::Completed,
        ),
        case(
            "a reset within the body",
            once(Fault::ResetMidBody),
            Ends::Completed,
        ),
        case(
            "resets for long",
            always(Fault::ResetMidBody),
            Ends::TriedAgain("broke off half-way"),
        ),
        case(
            "truncated JSON once",
            once(Fault::TruncatedJson),
            Ends::Completed,
        ),
        case(
            "truncated JSON for long",
            always(Fault::TruncatedJson),
            Ends::TriedAgain("is not JSON"),
        ),
        case(
            "the wrong content type",
            always(Fault::WrongContentType),
            Ends::Completed,
        ),
        case(
            "an HTML page instead of JSON",
            always(Fault::HtmlPage { status: 200 }),
            Ends::TriedAgain("is not JSON"),
        ),
        case(
            "an HTML error page",
            always(Fault::HtmlPage { status: 502 }),
            Ends::TriedAgain("(HTTP 502)"),
        ),
        case(
            "JSON of another shape",
            always(Fault::EmptyObject),
            Ends::TriedAgain("has no array"),
        ),
        case(
            "credentials revoked half-way",
            always(status(401)),
            Ends::Failed("does not accept the API key"),
        ),
        case(
            "a cursor that repeats for ever",
            always(Fault::RepeatedCursor),
            Ends::Failed("leads back to the same page"),
        ),
        case(
            "two pages that lead to each other",
            always(Fault::CircleOfPages),
            Ends::Failed("in a circle"),
        ),
        case(
            "a page that repeats the last one's rows",
            vec![Rule::new(Fault::RepeatedCursor).on(LIST).after(1)],
            Ends::Failed("leads back to the same page"),
        ),
        case(
            "duplicate ids over pages",
            always(Fault::DuplicateAcrossPages),
            Ends::Completed,
        ),
        case(
            "duplicate ids in a page",
            always(Fault::DuplicateWithinPage),
            Ends::Completed,
        ),
        case(
            "pages in another order",
            always(Fault::ReorderedPage),
            Ends::Completed,
        ),
        case(
            "a body of 100 MB",
            always(Fault::HugeBody { bytes: 100_000_000 }),
            Ends::Failed("is larger than the 32 MB"),
        ),
    ]
}

/// Runs all cases, a few at a time, each lane in an installation of its own.
pub async fn run(settings: &'static Settings) -> Tally {
    let cases: Arc<Mutex<VecDeque<Case>>> = Arc::new(Mutex::new(cases().into()));
    let lanes: Vec<_> = (0..LANES)
        .map(|number| tokio::task::spawn_local(lane(settings, number, Arc::clone(&cases))))
        .collect();
    let mut tally = Tally::default();
    for lane in lanes {
        tally.add(lane.await.expect("a lane that does not break off"));
    }
    tally
}

async fn lane(settings: &Settings, number: usize, cases: Arc<Mutex<VecDeque<Case>>>) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder(&format!("vendor-{number}"), &settings.logs)
        .sandbox(
            stripe::Settings::new(settings.seed)
                .with("customers", CUSTOMERS)
                .latency(Duration::from_millis(5)),
        )
        .start()
        .await;
    let worker = installation.start_worker();
    loop {
        let Some(case) = cases.lock().expect("a lock").pop_front() else {
            break;
        };
        let mut one = suffer(&installation, &worker, &case).await;
        for wrong in &mut one.wrong {
            *wrong = format!("{}: {wrong}", case.name);
        }
        tally.add(one);
    }
    tally.add(check(&installation, &[]).await);
    tally
}

async fn suffer(installation: &Installation, worker: &Program, case: &Case) -> Tally {
    let mut tally = Tally {
        runs: 1,
        ..Tally::default()
    };
    let connection = installation.caller.connect_stripe().await;
    for rule in &case.rules {
        installation.sandbox.faults().add(rule.clone());
    }
    let begun = Instant::now();
    let sync = installation
        .trigger(
            &connection,
            &json!({"entities": ["customers"], "mode": "FULL"}),
        )
        .await;
    let done = match &case.ends {
        Ends::TriedAgain(says) => {
            let mut seen = Value::Null;
            wait_until(SOON, "it is put back with an error", async || {
                seen = look(installation, &connection, &sync).await;
                seen["status"] == "QUEUED" && seen["error"].is_object()
            })
            .await;
            tell(&mut tally, says, &seen);
            installation.sandbox.faults().clear();
            ended_within(installation, &connection, &sync, SOON * 4).await
        }
        Ends::Completed | Ends::Failed(_) => {
            ended_within(installation, &connection, &sync, SOON * 4).await
        }
    };
    installation.sandbox.faults().clear();
    let Some(done) = done else {
        tally.stuck += 1;
        tally.wrong.push("it does not end".to_owned());
        return tally;
    };
    let memory = worker.peak_memory_bytes();
    tally.demand(memory <= MEMORY_BYTES, || {
        format!("the worker had {} MB", memory >> 20)
    });
    let error = done["error"]["detail"]
        .as_str()
        .or(done["error"]["message"].as_str())
        .unwrap_or("no error");
    tally.notes.push(format!(
        "{}: {} after {:.1?}, attempt {}, worker's peak {} MB; {error}",
        case.name,
        done["status"].as_str().unwrap_or("?"),
        begun.elapsed(),
        done["attempt"],
        memory >> 20
    ));
    if let Ends::Failed(says) = &case.ends {
        tally.demand(done["status"] == "FAILED", || format!("it ended as {done}"));
        tell(&mut tally, says, &done);
    } else {
        tally.demand(done["status"] == "COMPLETED", || {
            format!("it ended as {done}")
        });
        let stats = &done["stats"]["customers"];
        tally.demand(
            stats["created"] == CUSTOMERS && stats["errors"] == 0,
            || format!("it counted {stats}"),
        );
        tally.add(compare(installation, &connection, "customers").await);
    }
    tally
}

/// The error is a sentence of ours that names the vendor and what is wrong.
fn tell(tally: &mut Tally, says: &str, sync: &Value) {
    let told = sync["error"].to_string();
    tally.demand(told.contains("Stripe") && told.contains(says), || {
        format!("instead of {says:?} the error says {told}")
    });
}
