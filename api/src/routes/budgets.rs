//! The rate budget of a connection.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use rail_shared::domain::ConnectionId;

use super::{BASE, Tag};
use crate::connections::budget;
use crate::http::answer::Found;
use crate::http::auth::Caller;
use crate::http::refusal::{Finds, Refusal};
use crate::schemas::budget::Budget;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on rate budgets.
#[derive(Debug, Default)]
pub struct Budgets;

#[OpenApi(prefix_path = BASE, tag = "Tag::Connections")]
impl Budgets {
    /// Get the rate budget of a connection.
    ///
    /// How many requests its account at the vendor gets, how many are left, and who waits. All connections of an account
    /// share its budget, and so do all processes.
    #[oai(
        path = "/connections/:connectionId/budget",
        method = "get",
        operation_id = "getConnectionBudget"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<Budget>, Refusal<Finds>> {
        Ok(Found::new(budget::find(api, &caller, id.0.0).await?))
    }
}
