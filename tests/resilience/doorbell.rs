//! Redis loses everything, goes away, or takes nothing more: the doorbell is silent, the jobs go on.

use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program};
use rail_tests::redis::PrivateRedis;
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::flow::{all_ended, count, longest_pause, now};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::source::compare;
use crate::tally::Tally;

const CUSTOMERS: u64 = 150;
const JOBS: u64 = 60;
/// Work that waits is found without a ring within this time.
const FOUND_WITHIN: Duration = Duration::from_secs(5);
/// Slots of a worker where no job is to wait for one.
const FREE_SLOTS: &str = "32";
/// Between two requests of a caller while Redis is away.
const REQUEST_EVERY: Duration = Duration::from_millis(250);

struct Scene {
    redis: PrivateRedis,
    installation: Installation,
    workers: Vec<Program>,
    connections: Vec<String>,
    accepted: Vec<String>,
}

impl Scene {
    async fn set(settings: &Settings, name: &str) -> Self {
        let redis = PrivateRedis::start().expect("a Redis");
        let installation = Installation::builder(name, &settings.logs)
            .sandbox(stripe::Settings::new(settings.seed).with("customers", CUSTOMERS))
            .variable("REDIS_URL", &redis.url())
            .start()
            .await;
        let slow = Rule::new(Fault::Slow { delay_ms: 400 }).on("/v1/customers");
        installation.sandbox.faults().add(slow.always());
        Self {
            redis,
            installation,
            workers: Vec::new(),
            connections: Vec::new(),
            accepted: Vec::new(),
        }
    }

    /// Two workers, each for so many jobs at once.
    fn start_workers(&mut self, slots: &str) {
        let start = |_| {
            let more = [("RAIL_WORKER_SYNCS", slots)];
            self.installation.start_worker_with(&more)
        };
        self.workers = (0..2).map(start).collect();
    }

    /// One more sync, of a connection of its own.
    async fn trigger(&mut self) {
        let connection = self.installation.caller.connect_stripe().await;
        self.trigger_of(connection).await;
    }

    async fn trigger_of(&mut self, connection: String) {
        let sync = self
            .installation
            .trigger(&connection, &json!({"entities": ["customers"]}))
            .await;
        self.connections.push(connection);
        self.accepted.push(sync);
    }

    /// Many jobs, of which some are done and most still wait.
    async fn backlog(&mut self) {
        let mut connections = Vec::new();
        for _ in 0..JOBS {
            connections.push(self.installation.caller.connect_stripe().await);
        }
        for connection in connections {
            self.trigger_of(connection).await;
        }
        self.start_workers("4");
        wait_until(SOON, "some are done", async || {
            count(&self.installation, "state = 'COMPLETED'").await > 0
        })
        .await;
        let waiting = count(&self.installation, "state = 'QUEUED'").await;
        assert!(waiting > JOBS / 3, "only {waiting} jobs wait");
    }

    /// A caller that goes on asking for syncs for a while.
    async fn requests_for(&mut self, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until {
            self.trigger().await;
            tokio::time::sleep(REQUEST_EVERY).await;
        }
    }

    async fn readiness(&self) -> String {
        let answer = self.installation.caller.get("//readyz").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    async fn readiness_becomes(&self, status: &str) {
        wait_until(SOON, &format!("readiness says {status}"), async || {
            self.readiness().await == status
        })
        .await;
    }

    /// From accepted to begun: the middle and the longest.
    async fn waits_ms(&self) -> Value {
        let sql = "SELECT jsonb_build_array(percentile_disc(0.5) WITHIN GROUP (ORDER BY wait), max(wait)) FROM (
                       SELECT round(1000 * extract(epoch FROM started_at - created_at)) AS wait FROM jobs) AS waits";
        self.installation.database.ask(sql).await
    }

    /// Without a backlog no job waits long, whatever Redis does.
    async fn demand_short_waits(&self, tally: &mut Tally) {
        let longest = self.waits_ms().await[1].as_u64().unwrap_or(u64::MAX);
        tally.demand(longest <= FOUND_WITHIN.as_millis() as u64, || {
            format!("a job waited {longest} ms for somebody to begin it")
        });
    }

    /// All that was accepted, before and after, is done; no job waited long after `since` for somebody to begin it.
    async fn close(&mut self, since: f64) -> Tally {
        let mut tally = Tally {
            runs: 1,
            ..Tally::default()
        };
        // Whatever was broken is whole again: so must the doorbell be.
        self.readiness_becomes("ready").await;
        for _ in 0..5 {
            self.trigger().await;
        }
        all_ended(&self.installation, SOON * 4).await;
        let pause = longest_pause(&self.installation, since).await;
        tally.recoveries.push(pause);
        tally.demand(pause <= FOUND_WITHIN, || {
            format!("for {pause:.1?} no waiting job was begun")
        });
        for connection in [self.connections.first(), self.connections.last()]
            .into_iter()
            .flatten()
        {
            tally.add(compare(&self.installation, connection, "customers").await);
        }
        let waited = self.waits_ms().await;
        tally.notes.push(format!(
            "{} jobs; from accepted to begun, p50 and max: {waited} ms",
            self.accepted.len()
        ));
        tally.add(check_all_completed(&self.installation, &self.accepted).await);
        let ended: Vec<_> = self
            .workers
            .iter_mut()
            .filter_map(Program::status)
            .collect();
        tally.demand(ended.is_empty(), || format!("workers ended: {ended:?}"));
        tally
    }
}

/// FLUSHALL while most jobs wait: every ring is gone.
pub async fn flushed(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..settings.choose(5, 1) {
        let mut scene = Scene::set(settings, "flush").await;
        scene.backlog().await;
        let since = now(&scene.installation).await;
        scene.redis.command(&[b"FLUSHALL"]).expect("a flush");
        tally.add(scene.close(since).await);
    }
    tally
}

/// Redis is killed while most jobs wait, and comes back empty.
pub async fn restarted(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..settings.choose(5, 1) {
        let mut scene = Scene::set(settings, "redis-restart").await;
        scene.backlog().await;
        let since = now(&scene.installation).await;
        scene.redis.restart().expect("a Redis");
        tally.add(scene.close(since).await);
    }
    tally
}

/// Redis is gone for a while, and callers go on.
pub async fn away(settings: &'static Settings) -> Tally {
    let mut scene = Scene::set(settings, "redis-away").await;
    scene.start_workers(FREE_SLOTS);
    scene.trigger().await;
    let since = now(&scene.installation).await;
    scene.redis.kill().expect("a dead Redis");
    scene.readiness_becomes("degraded").await;
    let gone = Duration::from_secs(settings.choose(30, 10));
    scene.requests_for(gone).await;
    let begun = count(&scene.installation, "started_at IS NOT NULL").await;
    scene.redis.restart().expect("a Redis");
    let mut tally = scene.close(since).await;
    scene.demand_short_waits(&mut tally).await;
    tally.notes.push(format!(
        "gone for {gone:?}: {begun} jobs were begun meanwhile"
    ));
    tally.demand(begun > 2, || {
        "hardly a job was begun while Redis was away".to_owned()
    });
    tally
}

/// Redis answers, and takes no more rings.
pub async fn full(settings: &'static Settings) -> Tally {
    let mut scene = Scene::set(settings, "redis-full").await;
    scene.start_workers(FREE_SLOTS);
    scene.trigger().await;
    let since = now(&scene.installation).await;
    scene
        .redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])
        .expect("a limit");
    let length = Duration::from_secs(settings.choose(30, 8));
    scene.requests_for(length).await;
    scene
        .redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])
        .expect("no limit");
    let mut tally = scene.close(since).await;
    scene.demand_short_waits(&mut tally).await;
    tally
}
