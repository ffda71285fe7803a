//! Where histories are played, one after the other: a rail without workers of its own, and two workers that do only what
//! they are told.

use std::time::Duration;

use chrono::DateTime;
use rail_shared::budget::{Budgets, RateSetting, RateSettings};
use rail_shared::domain::{Clock, JobId, SyncId};
use rail_shared::http::{Guard, Http, Limits};
use rail_shared::store::Store;
use rail_tests::harness::{Rail, redis_url, text};
use rail_tests::sandbox::stripe::Settings;
use rail_worker::Worker;
use serde_json::{Value, json};

use super::history::{Ask, CREATED_S, History, Kind, START_S, day_s};
use crate::course::{Course, Turn};

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
            idle_read: Duration::from_secs(3),
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
        let (job, lane) = (JobId::from(id), self.lane);
        let mut course = Course::new(&lane.rail.database, &lane.store, job, ask.troubles.clone());
        let workers = [0, 1].map(|number| self.worker(number));
        let mut retries = 0;
        loop {
            match course.turn(&workers).await? {
                Turn::Made => {}
                Turn::Over(row) if text(&row, "state") == "FAILED" && retries < RETRIES => {
                    if row["error"]["kind"] == "deletes-refused" {
                        break;
                    }
                    retries += 1;
                    let path = format!("/jobs/{job}/retry");
                    let again = lane.rail.caller.post(&path, &Value::Null);
                    let _ = again.await.expect(202);
                }
                Turn::Over(_) => break,
            }
        }
        course.end().await
    }

    fn worker(&self, number: usize) -> Worker {
        Worker {
            clock: self.clock.clone(),
            http: self.lane.http.clone().with_clock(self.clock.clone()),
            batch_records: self.history.batch,
            ..self.lane.workers[number].clone()
        }
    }
}
