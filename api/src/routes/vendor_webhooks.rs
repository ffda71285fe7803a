//! Webhooks of vendors, as they come in.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use rail_shared::domain::ConnectionId;

use super::{BASE, Tag};
use crate::http::refusal::{Hears, Refusal};
use crate::schemas::wire::Id;
use crate::state::Api;
use crate::vendor_webhooks::{self, Called, Heard};

/// The operation that vendors call.
#[derive(Debug, Default)]
pub struct VendorWebhooks;

#[OpenApi(prefix_path = BASE, tag = "Tag::VendorWebhooks")]
impl VendorWebhooks {
    /// Take a vendor's webhook.
    ///
    /// For vendors, not for clients: it needs no API key, because the vendor's signature over the body is the key. Point the
    /// vendor at the `webhookUrl` of the connection, and give the connection the secret that its connector's
    /// `credentialsSchema` names for it. What the webhook tells is committed before it is answered with 200 and no body; a
    /// sync of the records or entities it names begins within half a second, or when the active one ends; a connection that is paused
    /// remembers it. The same event again changes nothing. Up to 1 MiB, read as it comes, whatever its media type says.
    #[oai(
        path = "/connections/:connectionId/webhooks/:vendor",
        method = "post",
        operation_id = "receiveWebhook"
    )]
    async fn receive(
        &self,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Its connector, such as `stripe`.
        vendor: Path<String>,
        called: Called,
    ) -> Result<Heard, Refusal<Hears>> {
        let id = connection_id.0.0;
        Ok(vendor_webhooks::receive(api, id, &vendor.0, &called).await?)
    }
}
