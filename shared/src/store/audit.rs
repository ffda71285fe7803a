//! Who changed what, written in the transaction of the change.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::api_keys::KeyGrant;
use super::schema::audit_log;

/// Who asks, and in which request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The key and its tenant.
    pub grant: KeyGrant,
    /// The request, as the answer names it.
    pub request_id: String,
}

/// Writes one line of the log.
///
/// # Errors
/// When the database refuses.
pub async fn write(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    action: &str,
    subject: &str,
) -> Result<(), StoreError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::tenant_id.eq(actor.grant.tenant_id.uuid()),
            audit_log::key_id.eq(actor.grant.key_id.uuid()),
            audit_log::action.eq(action),
            audit_log::subject.eq(subject),
            audit_log::request_id.eq(&actor.request_id),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
