//! The GET of a status beside a handler that only reads one row.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use diesel_async::SimpleAsyncConnection;
use rail_shared::domain::{ConnectionId, SyncId};
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

/// What each GET cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statuses {
    /// The status of a run.
    pub of_run: Requests,
    /// The status of a sync with two entities, whose rows were written past the product.
    pub of_sync: Requests,
    /// The bare handler's row.
    pub floor: Requests,
}

/// The api's statuses and the bare handler's row: in turns, so that whatever else the machine does strikes all.
pub async fn measure(stage: &mut Stage) -> anyhow::Result<Statuses> {
    let mut line = Line::connect(stage.address).await?;
    let accepted = line.ask(&stage.post).await?.expect(202)?.content()?;
    let run_id = accepted["runId"].as_str().context("a run's id")?;
    let newest = stage
        .uuid("SELECT id FROM jobs ORDER BY id DESC LIMIT 1")
        .await?;
    let get_run = stage.get(run_id);
    let get_sync = stage.get_sync().await?;
    let (bare, bare_address) = stage.start_bare().await?;
    let get_bare = request("GET", &format!("/jobs/{newest}"), "-", "");
    let bare_pids = Pids {
        api: bare.pid(),
        ..stage.pids(None)
    };
    let mut statuses = Statuses::default();
    for _ in 0..ROUNDS {
        let Statuses {
            of_run,
            of_sync,
            floor,
        } = &mut statuses;
        of_run.add(round(stage.address, &get_run, stage.pids(None)).await?);
        floor.add(round(bare_address, &get_bare, bare_pids).await?);
        of_sync.add(round(stage.address, &get_sync, stage.pids(None)).await?);
    }
    Ok(statuses)
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

    /// Writes a sync that waits, and returns the request for its status.
    async fn get_sync(&mut self) -> anyhow::Result<Vec<u8>> {
        let (connection, sync) = (ConnectionId::new(), SyncId::new());
        let (tenant, connection_no, sync_no) = (self.tenant, connection.uuid(), sync.uuid());
        self.look
            .batch_execute(&format!(
                "INSERT INTO connections (id, tenant_id, connector_id, name, status, sealed_credentials, sealed_by, auto_sync)
                 VALUES ('{connection_no}', '{tenant}', 'stripe', 'Ours', 'ACTIVE', '', 'nobody', false);
                 INSERT INTO jobs (id, tenant_id, connection_id, kind, due_at, created_at)
                 VALUES ('{sync_no}', '{tenant}', '{connection_no}', 'sync', now() + interval '1 day', now());
                 INSERT INTO syncs (id, tenant_id, connection_id, mode)
                 VALUES ('{sync_no}', '{tenant}', '{connection_no}', 'FULL');
                 INSERT INTO sync_entities (sync_id, entity, place)
                 VALUES ('{sync_no}', 'customers', 0), ('{sync_no}', 'invoices', 1)"
            ))
            .await?;
        Ok(self.request("GET", &format!("/connections/{connection}/sync/{sync}"), ""))
    }
}
