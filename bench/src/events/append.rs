//! Appending, by eight tenants at once, beside the same rows without numbers.

use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rail_shared::domain::{EventType, TenantId};
use rail_shared::store::Store;
use rail_shared::store::events::{self, NewEvent};
use uuid::Uuid;

use super::{store, tenants};
use crate::stage::Stage;

const TENANTS: usize = 8;
/// Writers of each tenant.
const EACH: usize = 2;

#[derive(Debug, Clone, Copy)]
enum How {
    Log,
    Plain,
}

pub async fn measure(stage: &mut Stage, length: Duration) -> anyhow::Result<()> {
    stage
        .look
        .batch_execute(
            "CREATE TABLE plain (tenant_id uuid NOT NULL, id uuid PRIMARY KEY, type text NOT NULL, subject_id uuid NOT NULL,
                                 created_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    let store = store(stage, TENANTS * EACH)?;
    let tenants = tenants(&store, TENANTS).await?;
    println!(
        "| {TENANTS} tenants, {EACH} writers each, a commit each | events/s | Postgres CPU an event |"
    );
    println!("|---|---|---|");
    for (name, how) in [
        ("plain INSERT, no numbers", How::Plain),
        ("rail: append", How::Log),
    ] {
        let (cpu, begun) = (stage.postgres_cpu(), Instant::now());
        let mut writers = Vec::new();
        for tenant in tenants.iter().flat_map(|tenant| [*tenant; EACH]) {
            writers.push(tokio::spawn(write(store.clone(), tenant, length, how)));
        }
        let mut count = 0;
        for writer in writers {
            count += writer.await??;
        }
        let spent = stage.postgres_cpu() - cpu;
        println!(
            "| {name} | {:.0} | {:.0} µs |",
            f64::from(count) / begun.elapsed().as_secs_f64(),
            spent.as_secs_f64() * 1e6 / f64::from(count)
        );
    }
    Ok(())
}

async fn write(store: Store, tenant: TenantId, length: Duration, how: How) -> anyhow::Result<u32> {
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < length {
        let mut transaction = store.begin().await?;
        match how {
            How::Log => {
                let new = NewEvent {
                    tenant_id: tenant,
                    connection_id: None,
                    event_type: EventType::SyncFailed,
                    subject_id: Uuid::now_v7(),
                };
                events::append(&mut transaction, &[new]).await?;
            }
            How::Plain => {
                diesel::sql_query(
                    "INSERT INTO plain (tenant_id, id, type, subject_id) VALUES ($1, $2, 'x', $2)",
                )
                .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
                .bind::<diesel::sql_types::Uuid, _>(Uuid::now_v7())
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        count += 1;
    }
    Ok(count)
}
