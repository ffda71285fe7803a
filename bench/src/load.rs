//! Callers who ask again as soon as they were answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::client::Line;

/// Some callers at work.
pub struct Load {
    answered: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    callers: JoinSet<anyhow::Result<()>>,
}

impl Load {
    /// So many callers, each with a connection of its own, send this request; every answer must have this status.
    pub fn begin(callers: usize, address: SocketAddr, request: &[u8], status: u16) -> Self {
        let mut load = Self {
            answered: Arc::default(),
            over: Arc::default(),
            broken: Arc::default(),
            callers: JoinSet::new(),
        };
        for _ in 0..callers {
            let (answered, over) = (load.answered.clone(), load.over.clone());
            let (request, broken) = (request.to_vec(), load.broken.clone());
            load.callers.spawn(async move {
                let calling = async {
                    let mut line = Line::connect(address).await?;
                    while !over.load(Ordering::Relaxed) {
                        line.ask(&request).await?.expect(status)?;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                };
                calling
                    .await
                    .inspect_err(|_| broken.store(true, Ordering::Relaxed))
            });
        }
        load
    }

    /// How many requests were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether a caller gave up.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Waits for the answers that are due.
    pub async fn end(mut self) -> anyhow::Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended??;
        }
        Ok(self.answered())
    }
}
