//! The GET of a status beside a handler that only reads one row.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;
use uuid::Uuid;

use crate::client::{Line, request};
use crate::cpu::Pids;
use crate::jobs::CALLERS;
use crate::load::Load;
use crate::stage::Stage;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_secs(3);

/// What a request cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requests {
    pub requests: u64,
    pub wall: Duration,
    pub ours: Duration,
    pub postgres: Duration,
}

/// The api's status, and the bare handler's row: in turns, so that whatever else the machine does strikes both.
pub async fn measure(stage: &mut Stage) -> anyhow::Result<(Requests, Requests)> {
    let mut line = Line::connect(stage.address).await?;
    let accepted = line.ask(&stage.post).await?.expect(202)?.content()?;
    let run_id = accepted["runId"].as_str().context("a run's id")?;
    let newest = stage
        .uuid("SELECT id FROM jobs ORDER BY id DESC LIMIT 1")
        .await?;
    let get = stage.get(run_id);
    let (bare, bare_address) = stage.start_bare().await?;
    let get_bare = request("GET", &format!("/jobs/{newest}"), "-", "");
    let bare_pids = Pids {
        api: bare.pid(),
        ..stage.pids(None)
    };
    let (mut ours, mut floor) = (Requests::default(), Requests::default());
    for _ in 0..ROUNDS {
        ours.add(round(stage.address, &get, stage.pids(None)).await?);
        floor.add(round(bare_address, &get_bare, bare_pids).await?);
    }
    Ok((ours, floor))
}

async fn round(address: SocketAddr, request: &[u8], pids: Pids) -> anyhow::Result<Requests> {
    let load = Load::begin(CALLERS, address, request, 200);
    sleep(WARM_UP).await;
    let (before, begun) = (load.answered(), pids.read());
    sleep(WINDOW).await;
    let (after, spent) = (load.answered(), pids.read() - begun);
    load.end().await?;
    Ok(Requests {
        requests: after - before,
        wall: spent.wall,
        ours: spent.api,
        postgres: spent.postgres,
    })
}

impl Requests {
    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.wall += more.wall;
        self.ours += more.ours;
        self.postgres += more.postgres;
    }
}

impl Stage {
    async fn uuid(&mut self, sql: &str) -> anyhow::Result<Uuid> {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Uuid)]
            id: Uuid,
        }
        let row: Row = diesel::sql_query(sql).get_result(&mut self.look).await?;
        Ok(row.id)
    }
}
