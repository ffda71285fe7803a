//! Holding a connection back, and letting it go on.

use rail_shared::domain::{ConnectionId, ConnectionStatus};
use rail_shared::store::audit;
use rail_shared::store::connections::{self, ConnectionRow};

use super::not_active;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::state::Api;

/// What a connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
}

/// Pauses or resumes a connection of the caller's tenant; one that is so already stays as it is.
///
/// # Errors
/// 404; 409 `connection-not-active` when it waits for its owner to authorize it.
pub async fn wish(
    api: &Api,
    caller: &Caller,
    id: ConnectionId,
    wish: Wish,
) -> Result<ConnectionRow, Problem> {
    let mut transaction = api.store.begin().await?;
    let held = connections::hold(&mut transaction, caller.tenant(), id).await?;
    let row = held.ok_or_else(|| Problem::not_found("connection"))?;
    let (status, action) = match (wish, row.status) {
        (Wish::Pause, ConnectionStatus::Paused) | (Wish::Resume, ConnectionStatus::Active) => {
            return Ok(row);
        }
        (Wish::Pause, ConnectionStatus::Active | ConnectionStatus::Error) => {
            (ConnectionStatus::Paused, "connection.pause")
        }
        (Wish::Resume, ConnectionStatus::Paused) => (ConnectionStatus::Active, "connection.resume"),
        _ => return Err(not_active(&row)),
    };
    let row = connections::set_status(&mut transaction, id, status).await?;
    audit::write(&mut transaction, caller.actor(), action, &id.to_string()).await?;
    transaction.commit().await?;
    Ok(row)
}
