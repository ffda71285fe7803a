//! The catalogue.

use poem::web::Data;
use poem_openapi::OpenApi;

use super::{BASE, Tag};
use crate::http::answer::Listed;
use crate::http::auth::Caller;
use crate::http::refusal::{Reads, Refusal};
use crate::schemas::connector::Connector;
use crate::state::Api;

/// The operations on connectors.
#[derive(Debug, Default)]
pub struct Connectors;

#[OpenApi(prefix_path = BASE, tag = "Tag::Connectors")]
impl Connectors {
    /// List connectors.
    ///
    /// Every connector of this installation, on one page: what it is for, whether it can be used, what it can sync, and
    /// the JSON Schemas of the credentials and settings that a connection brings.
    #[oai(path = "/connectors", method = "get", operation_id = "listConnectors")]
    async fn list(
        &self,
        _caller: Caller,
        Data(api): Data<&Api>,
    ) -> Result<Listed<Connector>, Refusal<Reads>> {
        Ok(Listed::of(api.catalogue.connectors().iter(), None))
    }
}
