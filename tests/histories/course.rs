//! The attempts of one job, one after the other, with what befalls them. No time is waited for: what is due and which lease
//! has run out is written into the job's row.

use std::vec;

use diesel_async::SimpleAsyncConnection;
use futures::future::join_all;
use rail_shared::domain::{JobId, TenantId};
use rail_shared::queue::Ring;
use rail_shared::store::Store;
use rail_tests::harness::{Database, text};
use rail_worker::Worker;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::doom::{Frozen, Went, attempt};
use crate::trouble::Trouble;

/// Attempts after which a job is taken for one that never ends.
const ATTEMPTS: usize = 40;

/// What a job is when somebody looks.
pub enum Turn {
    /// An attempt was made.
    Made,
    /// It needs none any more: its row.
    Over(Value),
}

pub struct Course<'d> {
    database: &'d Database,
    store: &'d Store,
    job: JobId,
    troubles: vec::IntoIter<Trouble>,
    /// Attempts so far.
    turn: usize,
    fence: Option<Value>,
    sleepers: Vec<Frozen>,
    naps: Vec<Frozen>,
    woken: Vec<JoinHandle<()>>,
}

impl<'d> Course<'d> {
    pub fn new(
        database: &'d Database,
        store: &'d Store,
        job: JobId,
        troubles: Vec<Trouble>,
    ) -> Self {
        Self {
            database,
            store,
            job,
            troubles: troubles.into_iter(),
            turn: 0,
            fence: None,
            sleepers: Vec::new(),
            naps: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Lets one of these workers try, unless the job is over.
    pub async fn turn(&mut self, workers: &[Worker; 2]) -> Result<Turn, String> {
        let job = self.job.uuid();
        let row = format!("SELECT to_jsonb(jobs) FROM jobs WHERE id = '{job}'");
        let row = self.database.ask(&row).await;
        match text(&row, "state") {
            "QUEUED" | "RUNNING" if self.turn == ATTEMPTS => {
                return Err(format!("it does not end: {row}"));
            }
            "QUEUED" | "RUNNING" => {}
            _ => return Ok(Turn::Over(row)),
        }
        // Due now, and whoever holds it is taken for dead.
        let due = format!(
            "UPDATE jobs SET due_at = now(), lease_until = lease_until - interval '1 hour' WHERE id = '{job}'"
        );
        let mut conn = self
            .store
            .connect()
            .await
            .map_err(|error| error.to_string())?;
        conn.batch_execute(&due)
            .await
            .map_err(|error| error.to_string())?;
        drop(conn);
        self.woken.extend(self.naps.drain(..).map(Frozen::thaw));
        // Another entity's transaction may stand still with one: then nobody gets the job before it goes on.
        let fence = row["fence"].clone();
        if self.fence.replace(fence.clone()) == Some(fence) {
            self.woken.extend(self.sleepers.drain(..).map(Frozen::thaw));
        }
        self.attempt(workers, ring(self.job, &row)).await;
        self.turn += 1;
        Ok(Turn::Made)
    }

    async fn attempt(&mut self, workers: &[Worker; 2], ring: Ring) {
        let trouble = self.troubles.next();
        let went = if trouble == Some(Trouble::Race) {
            let both = [0, 1].map(|worker| attempt(workers[worker].clone(), ring, None));
            let _ = join_all(both).await;
            Went::Over
        } else {
            attempt(workers[self.turn % 2].clone(), ring, trouble).await
        };
        match went {
            Went::Over => {}
            Went::Frozen(nap) if matches!(trouble, Some(Trouble::Nap(_))) => self.naps.push(nap),
            Went::Frozen(sleeper) => self.sleepers.push(sleeper),
        }
    }

    /// Lets those go on that still stand still, and waits for all.
    pub async fn end(mut self) -> Result<(), String> {
        let still = self.naps.drain(..).chain(self.sleepers.drain(..));
        self.woken.extend(still.map(Frozen::thaw));
        for woken in self.woken {
            woken
                .await
                .map_err(|error| format!("a worker that woke up: {error}"))?;
        }
        Ok(())
    }
}

fn ring(job: JobId, row: &Value) -> Ring {
    let tenant: uuid::Uuid = text(row, "tenant_id").parse().expect("a number");
    let dispatch = row["dispatch_no"]
        .as_i64()
        .and_then(|no| i32::try_from(no).ok());
    Ring::new(job, TenantId::from(tenant), dispatch.expect("a number"))
}
