//! Steps that several scenarios take.

use std::time::{Duration, Instant};

use rail_tests::processes::Installation;
use rail_tests::wait::{SOON, wait_until};
use serde_json::Value;

use crate::history::uuid_of;

/// The lease of workers unless a scenario says otherwise.
pub const LEASE: Duration = Duration::from_secs(5);

/// Records committed for a sync.
pub async fn fetched(installation: &Installation, sync: &str) -> u64 {
    let sql = format!(
        "SELECT sum(fetched)::bigint FROM sync_entities WHERE sync_id = '{}'",
        uuid_of(sync)
    );
    installation.database.ask(&sql).await.as_u64().unwrap_or(0)
}

/// Where a sync's job stands.
pub async fn state(installation: &Installation, sync: &str) -> String {
    let sql = format!("SELECT state FROM jobs WHERE id = '{}'", uuid_of(sync));
    let state = installation.database.ask(&sql).await;
    state.as_str().unwrap_or_default().to_owned()
}

/// How the attempts of a sync ended, in their order.
pub async fn outcomes(installation: &Installation, sync: &str) -> Value {
    let sql = format!(
        "SELECT jsonb_agg(outcome ORDER BY fence) FROM job_attempts WHERE job_id = '{}'",
        uuid_of(sync)
    );
    installation.database.ask(&sql).await
}

/// Waits until a sync's job is claimed.
pub async fn claimed(installation: &Installation, sync: &str) {
    wait_until(SOON, "the job is claimed", async || {
        state(installation, sync).await != "QUEUED"
    })
    .await;
}

/// Waits until no job is active any more.
pub async fn all_ended(installation: &Installation, within: Duration) {
    wait_until(within, "every job has ended", async || {
        active(installation).await == 0
    })
    .await;
}

/// How many jobs wait or run.
pub async fn active(installation: &Installation) -> u64 {
    count(installation, "state IN ('QUEUED', 'RUNNING')").await
}

/// How many jobs are so.
pub async fn count(installation: &Installation, are_so: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM jobs WHERE {are_so}");
    installation.database.ask(&sql).await.as_u64().unwrap_or(0)
}

/// A sync as callers see it.
pub async fn look(installation: &Installation, connection: &str, sync: &str) -> Value {
    let path = format!("/connections/{connection}/sync/{sync}");
    installation.caller.get(&path).await.expect(200)
}

/// Waits until a sync has ended, and returns it.
pub async fn ended(
    installation: &Installation,
    connection: &str,
    sync: &str,
    within: Duration,
) -> Value {
    let seen = ended_within(installation, connection, sync, within).await;
    seen.unwrap_or_else(|| panic!("the sync {sync} goes on for more than {within:?}"))
}

/// The same; `None` when it goes on.
pub async fn ended_within(
    installation: &Installation,
    connection: &str,
    sync: &str,
    within: Duration,
) -> Option<Value> {
    let deadline = Instant::now() + within;
    loop {
        let seen = look(installation, connection, sync).await;
        if !matches!(seen["status"].as_str(), Some("QUEUED" | "RUNNING")) {
            return Some(seen);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Seconds since 1970 by Postgres' clock, by which attempts are dated.
pub async fn now(installation: &Installation) -> f64 {
    let sql = "SELECT extract(epoch FROM clock_timestamp())::double precision";
    installation
        .database
        .ask(sql)
        .await
        .as_f64()
        .expect("a time")
}

/// The longest time after `since` in which jobs waited and none began, up to the last beginning.
pub async fn longest_pause(installation: &Installation, since: f64) -> Duration {
    let sql = format!(
        "SELECT coalesce(max(pause), 0) FROM (
             SELECT at - greatest(lag(at, 1, {since}::double precision) OVER (ORDER BY at),
                                  min(accepted) OVER (ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) AS pause
             FROM (SELECT extract(epoch FROM a.started_at)::double precision AS at,
                          extract(epoch FROM created_at)::double precision AS accepted
                   FROM job_attempts a JOIN jobs ON id = job_id WHERE a.fence = 1) AS begun
             WHERE at > {since}
         ) AS pauses"
    );
    let seconds = installation.database.ask(&sql).await.as_f64();
    Duration::from_secs_f64(seconds.unwrap_or(0.0).max(0.0))
}
