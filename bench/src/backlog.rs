//! What another tenant has queued before ours asks for anything.

use std::fmt;

use diesel_async::SimpleAsyncConnection;
use uuid::Uuid;

use crate::stage::Stage;

/// How many jobs wait, and since or until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    None,
    /// Due in an hour: they lie there.
    Later(u32),
    /// Due: they are worked through in turn with ours.
    Due(u32),
}

impl fmt::Display for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("0"),
            Self::Later(jobs) => write!(f, "{jobs}, not yet due"),
            Self::Due(jobs) => write!(f, "{jobs}, due"),
        }
    }
}

impl Backlog {
    /// How many of them the worker will take.
    pub fn due(self) -> u64 {
        match self {
            Self::Due(jobs) => jobs.into(),
            Self::None | Self::Later(_) => 0,
        }
    }

    /// Writes them, past the product: rows as it writes them, with ids in the order of time.
    pub async fn queue(self, stage: &mut Stage) -> anyhow::Result<()> {
        let (jobs, due) = match self {
            Self::None => return Ok(()),
            Self::Later(jobs) => (jobs, "now() + interval '1 hour'"),
            Self::Due(jobs) => (jobs, "now() - interval '1 minute'"),
        };
        let tenant = neighbour_of(stage.tenant);
        let export = Uuid::now_v7();
        stage.look.batch_execute(&format!(
            "INSERT INTO tenants (id, name) VALUES ('{tenant}', 'another');
             INSERT INTO exports (id, tenant_id, name, format, entities, destination)
             VALUES ('{export}', '{tenant}', 'theirs', 'CSV', '{{invoices}}', '{{\"type\": \"LOCAL\", \"path\": \"theirs\"}}');
             CREATE TEMP TABLE new_jobs AS
             SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - {jobs} + n), 12, '0')
                     || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
             FROM generate_series(1, {jobs}) AS n;
             INSERT INTO jobs (id, tenant_id, kind, due_at, created_at)
             SELECT id, '{tenant}', 'export', {due}, now() - interval '1 minute' FROM new_jobs;
             INSERT INTO export_runs (id, tenant_id, export_id) SELECT id, '{tenant}', '{export}' FROM new_jobs;
             DROP TABLE new_jobs;"
        )).await?;
        stage.settle_down().await
    }
}

/// Another tenant than this, whose rings wait in another list.
fn neighbour_of(tenant: Uuid) -> Uuid {
    Uuid::from_u128(tenant.as_u128() ^ 1)
}
