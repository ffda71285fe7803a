//! What must be looked up before a body is judged.

use rail_shared::domain::SnapshotId;
use rail_shared::store::own_records;
use rail_shared::store::snapshots::{self, Snapshot};

use super::destination::{self, Lent};
use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::problem::Problem;
use crate::records::may_have;
use crate::state::Api;

/// What must be known of the tenant to judge a body.
pub struct Known {
    /// Those of its entities that the tenant has though no connector knows them.
    pub own_entities: Vec<String>,
    /// The snapshot that it names, where the tenant has it.
    pub snapshot: Option<Snapshot>,
    /// The connection that its destination names, where the tenant has it.
    pub lent: Option<Lent>,
}

/// Looks up what a body speaks of.
///
/// # Errors
/// When the database refuses.
pub async fn known(api: &Api, caller: &Caller, body: &Json) -> Result<Known, Problem> {
    let asked = body.texts_at("/entities").unwrap_or_default();
    let unknown: Vec<&str> = asked
        .into_iter()
        .filter(|entity| !api.catalogue.knows_entity(entity) && may_have(api, entity))
        .collect();
    let snapshot = body.text_at("/snapshotId");
    let snapshot = snapshot.and_then(|id| id.parse::<SnapshotId>().ok());
    let mut known = Known {
        own_entities: Vec::new(),
        snapshot: None,
        lent: destination::lent(api, caller, body).await?,
    };
    if unknown.is_empty() && snapshot.is_none() {
        return Ok(known);
    }
    let mut conn = api.store.connect().await?;
    if !unknown.is_empty() {
        known.own_entities = own_records::known_among(&mut conn, caller.tenant(), &unknown).await?;
    }
    if let Some(id) = snapshot {
        known.snapshot = snapshots::find(&mut conn, caller.tenant(), None, id).await?;
    }
    Ok(known)
}
