//! Records: which entities a tenant may have, and taking in the platform's own.

mod pushed;
mod put;
mod split;
mod uploads;

use rail_shared::domain::is_entity_name;

pub use pushed::Pushed;
pub use put::put;
pub use uploads::Uploads;

use crate::state::Api;

/// Whether a tenant may have records of this name though no connector lists it: put in, or of an entity that a connector
/// permits.
pub fn may_have(api: &Api, entity: &str) -> bool {
    is_entity_name(entity) || api.catalogue.permits_entity(entity)
}
