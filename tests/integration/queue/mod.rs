//! The doorbell and the loop that hears it, against a real Redis that is also killed, frozen, flushed and filled.

mod hearing;
mod lanes;
mod outages;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rail_shared::domain::JobKind::{self, Sync};
use rail_shared::domain::{JobId, TenantId};
use rail_shared::queue::{Doorbell, Ring, Ringer};
use rail_tests::environment;
use rail_tests::redis::PrivateRedis;
use rail_tests::wait::{SOON, wait_until};
use rail_worker::runtime::{bell::listen, pool};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The Redis that is there anyway, or one of our own when none is named; each test has lists of its own in it.
fn any_redis() -> (Option<PrivateRedis>, Doorbell) {
    let (redis, url) = match environment::variable("RAIL_TEST_REDIS_URL") {
        Some(url) => (None, url),
        None => {
            let redis = PrivateRedis::start().unwrap();
            let url = redis.url();
            (Some(redis), url)
        }
    };
    (
        redis,
        Doorbell::new(&url, &JobId::new().to_string()).unwrap(),
    )
}

fn own_doorbell(redis: &PrivateRedis) -> Doorbell {
    Doorbell::new(&redis.url(), "rail").unwrap()
}

/// A ring of one and the same tenant: its rings wait in the first list.
fn ring() -> Ring {
    ring_of(0)
}

fn ring_of(tenant: u128) -> Ring {
    Ring::new(JobId::new(), TenantId::from(Uuid::from_u128(tenant)), 1)
}

/// A loop that hears rings of one kind. Each call reports its ring, then waits to be let go.
struct Ears {
    stop: CancellationToken,
    heard: mpsc::UnboundedReceiver<Ring>,
    ended: Arc<AtomicUsize>,
    /// A permit a call; closed means that none waits.
    gate: Arc<Semaphore>,
    task: JoinHandle<()>,
}

impl Ears {
    fn open(doorbell: &Doorbell, kind: JobKind, slots: usize) -> Self {
        let ears = Self::gated(doorbell, kind, slots);
        ears.gate.close();
        ears
    }

    fn gated(doorbell: &Doorbell, kind: JobKind, slots: usize) -> Self {
        let (report, heard) = mpsc::unbounded_channel();
        let (stop, ended) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let (counted, gated) = (ended.clone(), gate.clone());
        let on_ring = move |ring: Ring| {
            let (report, counted, gated) = (report.clone(), counted.clone(), gated.clone());
            async move {
                let _ = report.send(ring);
                assert!(
                    ring.dispatch_no >= 0,
                    "a negative dispatch number panics on purpose"
                );
                if let Ok(pass) = gated.acquire().await {
                    pass.forget();
                }
                counted.fetch_add(1, Ordering::SeqCst);
            }
        };
        let task = tokio::spawn(listen(
            doorbell.clone(),
            kind,
            pool(slots).0,
            stop.clone(),
            on_ring,
        ));
        Self {
            stop,
            heard,
            ended,
            gate,
            task,
        }
    }

    async fn next(&mut self) -> Ring {
        tokio::time::timeout(SOON, self.heard.recv())
            .await
            .expect("no ring was heard")
            .unwrap()
    }

    /// Stops and returns what was heard and not yet looked at.
    async fn stop(mut self) -> Vec<Ring> {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("the loop did not stop")
            .unwrap();
        let mut rest = Vec::new();
        while let Some(ring) = self.heard.recv().await {
            rest.push(ring);
        }
        rest
    }
}

async fn depth_becomes(doorbell: &Doorbell, kind: JobKind, depth: u64) {
    let what = format!("{depth} rings in the list");
    wait_until(SOON, &what, async || {
        doorbell.depth(kind).await.is_ok_and(|now| now == depth)
    })
    .await;
}

async fn up_becomes(doorbell: &Doorbell, up: bool) {
    wait_until(SOON, &format!("is_up() is {up}"), async || {
        doorbell.is_up() == up
    })
    .await;
}

/// Rings until one is heard: while Redis comes back, a ring may be given up.
async fn heard_again(ringer: &Ringer, ears: &mut Ears) {
    wait_until(SOON, "a ring heard again", async || {
        ringer.ring(Sync, ring());
        tokio::time::timeout(Duration::from_millis(50), ears.heard.recv())
            .await
            .is_ok()
    })
    .await;
}
