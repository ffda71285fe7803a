//! Where histories are played, one after the other: a rail without workers of its own, and two workers that do only what
//! they are told. No time is waited for: what is due and which lease has run out is written into the job's row.

use std::time::Duration;

use chrono::DateTime;
use diesel_async::SimpleAsyncConnection;
use futures::future::join_all;
use rail_shared::budget::{Budgets, RateSetting, RateSettings};
use rail_shared::domain::{Clock, JobId, SyncId, TenantId};
use rail_shared::http::{Guard, Http, Limits};
use rail_shared::queue::Ring;
use rail_shared::store::Store;
use rail_tests::harness::{Rail, redis_url, text};
use rail_tests::sandbox::stripe::Settings;
use rail_worker::Worker;
use serde_json::{Value, json};

use crate::doom::{Frozen, Went, attempt};
use crate::history::{Ask, CREATED_S, History, Kind, START_S, Trouble, day_s};

/// Attempts after which a sync is taken for one that never ends.
const ATTEMPTS: usize = 40;
/// How often a job that failed is put back.
const RETRIES: usize = 4;

pub struct Lane {
    pub rail: Rail,
    store: Store,
    workers: [Worker; 2],
    http: Http,
}

/// A connection of its own for one history.
pub struct Stage<'l> {
    pub lane: &'l Lane,
    pub connection: String,
    pub history: &'l History,
    clock: Clock,
}

/// A sync that is over.
pub struct Played {
    pub id: SyncId,
    /// As the api shows it.
    pub sync: Value,
}

impl Lane {
    pub async fn start() -> Self {
        let sandbox = Settings::new(0).dated().at(START_S);
        let rail = Rail::builder().sandbox(sandbox).workers(0).start().await;
        let guard = Guard::public_and([&rail.sandbox.base_url()]);
        // For those who never finish their answers.
        let limits = Limits {
            idle_read: Duration::from_millis(300),
            ..Limits::default()
        };
        Self {
            store: rail.database.store(),
            workers: [unpaced(&rail), unpaced(&rail)],
            http: Http::new(guard, limits).expect("a client"),
            rail,
        }
    }

    /// Begins a history.
    pub async fn stage<'l>(&'l self, history: &'l History) -> Stage<'l> {
        let stripe = self.rail.sandbox.stripe();
        let records = Settings::new(history.seed).page_at_most(history.page);
        let records = history
            .entities
            .iter()
            .fold(records, |settings, (entity, count)| {
                settings.with(entity, *count)
            });
        let (first, end) = CREATED_S;
        self.rail.sandbox.faults().clear();
        self.rail.sandbox.requests().clear();
        stripe.clock().set(START_S);
        stripe.begin_anew(&records.created_between(first, end));
        let at = DateTime::from_timestamp(START_S + history.ahead_s, 0).expect("an instant");
        Stage {
            connection: self.rail.connect_stripe().await,
            lane: self,
            history,
            clock: Clock::held_at(at),
        }
    }
}

/// A worker that sends each request at once: a rate budget would have it wait by Redis' clock, which nobody moves here.
fn unpaced(rail: &Rail) -> Worker {
    let rates = RateSettings {
        connectors: [("stripe".to_owned(), RateSetting::Off)].into(),
        ..RateSettings::default()
    };
    Worker {
        budgets: Budgets::new(&redis_url(), rates).expect("budgets"),
        ..rail.worker()
    }
}

impl Stage<'_> {
    /// Moves all clocks on.
    pub fn wait(&self, seconds: i64) {
        self.lane.rail.sandbox.stripe().clock().advance(seconds);
        self.clock
            .advance(Duration::from_secs(seconds.unsigned_abs()));
    }

    /// The vendor's time and the workers'.
    pub fn now_s(&self) -> (i64, i64) {
        (
            self.lane.rail.sandbox.stripe().clock().now(),
            self.clock.now().timestamp(),
        )
    }

    /// Plays a sync to its end; `None` where there is nothing to be done.
    pub async fn play(&self, ask: &Ask) -> Result<Option<Played>, String> {
        let Some(accepted) = self.accept(ask).await? else {
            return Ok(None);
        };
        let id: SyncId = text(&accepted, "syncId").parse().expect("an id");
        let faults = self.lane.rail.sandbox.faults();
        ask.mishaps
            .iter()
            .for_each(|mishap| faults.add(mishap.rule(&self.history.entities)));
        let ended = self.attempts(id, ask).await;
        faults.clear();
        ended?;
        let path = format!("/connections/{}/sync/{id}", self.connection);
        let sync = self.lane.rail.caller.get(&path).await.expect(200);
        Ok(Some(Played { id, sync }))
    }

    async fn accept(&self, ask: &Ask) -> Result<Option<Value>, String> {
        let caller = &self.lane.rail.caller;
        if ask.kind == Kind::Retry {
            let path = format!("/connections/{}/errors/retry", self.connection);
            let answer = caller.post(&path, &Value::Null).await;
            return match answer.status {
                202 => Ok(Some(answer.expect(202))),
                409 if answer.problem(409) == "nothing-to-retry" => Ok(None),
                _ => Err(format!("a retry is answered {}", answer.text)),
            };
        }
        let mut body = json!({
            "entities": self.history.entities.map(|(entity, _)| entity),
            "maxDeleteFraction": f64::from(ask.may_delete) / 100.0,
        });
        body["mode"] = json!(match ask.kind {
            Kind::Full | Kind::Days { again: true, .. } => "FULL",
            Kind::Snapshot => "SNAPSHOT",
            Kind::Incremental | Kind::Days { .. } | Kind::Retry => "INCREMENTAL",
        });
        if let Kind::Days { from, to, .. } = ask.kind {
            let [from, to] = [from, to].map(day_s);
            let day = |at_s| {
                DateTime::from_timestamp(at_s, 0)
                    .expect("an instant")
                    .date_naive()
                    .to_string()
            };
            body["dateRange"] = json!({"from": day(from), "to": day(to)});
        }
        let path = format!("/connections/{}/sync", self.connection);
        let answer = caller.post(&path, &body).await;
        match answer.status {
            202 => Ok(Some(answer.expect(202))),
            _ => Err(format!("{body} is answered {}", answer.text)),
        }
    }

    async fn attempts(&self, id: SyncId, ask: &Ask) -> Result<(), String> {
        let job: JobId = id.into();
        let mut conn = self
            .lane
            .store
            .connect()
            .await
            .map_err(|error| error.to_string())?;
        let mut troubles = ask.troubles.iter().copied();
        let (mut sleepers, mut naps, mut woken) = (Vec::new(), Vec::new(), Vec::new());
        let (mut retries, mut fence) = (0, None);
        for turn in 0.. {
            let row = format!(
                "SELECT to_jsonb(jobs) FROM jobs WHERE id = '{}'",
                job.uuid()
            );
            let row = self.lane.rail.database.ask(&row).await;
            match text(&row, "state") {
                "QUEUED" | "RUNNING" if turn == ATTEMPTS => {
                    return Err(format!("it does not end: {row}"));
                }
                "QUEUED" | "RUNNING" => {}
                "FAILED" if retries < RETRIES && row["error"]["kind"] != "deletes-refused" => {
                    retries += 1;
                    let path = format!("/jobs/{job}/retry");
                    let _ = self
                        .lane
                        .rail
                        .caller
                        .post(&path, &Value::Null)
                        .await
                        .expect(202);
                    continue;
                }
                _ => break,
            }
            // Due now, and whoever holds it is taken for dead.
            let due = format!(
                "UPDATE jobs SET due_at = now(), lease_until = lease_until - interval '1 hour' WHERE id = '{}'",
                job.uuid()
            );
            conn.batch_execute(&due)
                .await
                .map_err(|error| error.to_string())?;
            let tenant: uuid::Uuid = text(&row, "tenant_id").parse().expect("a number");
            let dispatch = row["dispatch_no"]
                .as_i64()
                .and_then(|no| i32::try_from(no).ok());
            let ring = Ring::new(job, TenantId::from(tenant), dispatch.expect("a number"));
            woken.extend(naps.drain(..).map(Frozen::thaw));
            // Another entity's transaction may stand still with one: then nobody gets the job before it goes on.
            if fence.replace(row["fence"].clone()) == Some(row["fence"].clone()) {
                woken.extend(sleepers.drain(..).map(Frozen::thaw));
            }
            let trouble = troubles.next();
            let went = if trouble == Some(Trouble::Race) {
                let both = [0, 1].map(|worker| attempt(self.worker(worker), ring, None));
                let _ = join_all(both).await;
                Went::Over
            } else {
                attempt(self.worker(turn), ring, trouble).await
            };
            match went {
                Went::Over => {}
                Went::Frozen(nap) if matches!(trouble, Some(Trouble::Nap(_))) => naps.push(nap),
                Went::Frozen(sleeper) => sleepers.push(sleeper),
            }
        }
        woken.extend(naps.into_iter().chain(sleepers).map(Frozen::thaw));
        for woken in woken {
            woken
                .await
                .map_err(|error| format!("a worker that woke up: {error}"))?;
        }
        Ok(())
    }

    fn worker(&self, number: usize) -> Worker {
        Worker {
            clock: self.clock.clone(),
            http: self.lane.http.clone().with_clock(self.clock.clone()),
            batch_records: self.history.batch,
            ..self.lane.workers[number % 2].clone()
        }
    }
}
