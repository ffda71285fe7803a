//! Waking: the delivery jobs of webhooks that are behind their tenant's log become due.

use diesel::sql_types::{self, Array, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{JobId, TenantId, WebhookId};
use crate::store::StoreError;
use crate::store::statement::statement;

/// Which webhooks are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Those of these tenants: something was just appended to their logs.
    Tenants(&'a [TenantId]),
    /// These: their jobs were just put back, or their owners want something.
    Webhooks(&'a [WebhookId]),
    /// All: what nobody woke after all.
    All,
}

/// A delivery job that is due now and wants to be rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// Which.
    pub job_id: JobId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its dispatch.
    pub dispatch_no: i32,
}

#[derive(diesel::QueryableByName)]
struct WokenRow {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Integer)]
    dispatch_no: i32,
}

macro_rules! wake_where {
    ($which:literal) => {
        concat!(
            "WITH waiting AS (
                 SELECT jobs.id FROM webhooks JOIN jobs ON jobs.id = webhooks.id
                 LEFT JOIN event_counters AS log ON log.tenant_id = webhooks.tenant_id
                 WHERE ",
            $which,
            " AND status = 'ENABLED' AND (retry_at IS NULL OR retry_at <= now())
                   AND jobs.state = 'QUEUED' AND jobs.due_at > now()
                   -- One that failed by a fault of ours waits as long as any job does.
                   AND (barren_attempts = 0 OR jobs.due_at > now() + interval '10 minutes')
                   AND (log.last_seq > read_seq
                        OR EXISTS (SELECT FROM webhook_lanes
                                   WHERE webhook_id = webhooks.id AND webhook_lanes.due_at <= now())
                        OR EXISTS (SELECT FROM webhook_resends
                                   WHERE webhook_id = webhooks.id AND webhook_resends.due_at <= now()))
                 FOR NO KEY UPDATE OF jobs SKIP LOCKED
             )
             UPDATE jobs SET due_at = now(),
                    -- It lives as long as the webhook: the numbers begin again before they end.
                    dispatch_no = CASE WHEN dispatch_no < 2000000000 THEN dispatch_no + 1 ELSE 1 END
             WHERE id IN (SELECT id FROM waiting)
             RETURNING id, tenant_id, dispatch_no"
        )
    };
}

/// Makes due what waits though there is something to send and its receiver is not being left in peace.
///
/// To be called after the commit of what gives it work, never within: a job that runs meanwhile reads the log itself before
/// it is put back, and whoever puts it back calls this as well. So whichever comes last sees both, and no lock is held for
/// it. A row that is being claimed is passed over: who claims it reads the log after that.
///
/// # Errors
/// When the database refuses.
pub async fn wake(
    conn: &mut AsyncPgConnection,
    whose: Whose<'_>,
) -> Result<Vec<Woken>, StoreError> {
    // A text each, so that one plan serves each for good.
    let (sql, ids): (_, Vec<Uuid>) = match whose {
        Whose::Tenants(ids) => (
            wake_where!("webhooks.tenant_id = ANY($1)"),
            ids.iter().map(|id| id.uuid()).collect(),
        ),
        Whose::Webhooks(ids) => (
            wake_where!("webhooks.id = ANY($1)"),
            ids.iter().map(|id| id.uuid()).collect(),
        ),
        Whose::All => (wake_where!("$1 = '{}'"), Vec::new()),
    };
    let rows: Vec<WokenRow> = statement(sql)
        .bind::<Array<sql_types::Uuid>, _>(ids)
        .load(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Woken {
            job_id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            dispatch_no: row.dispatch_no,
        })
        .collect())
}
