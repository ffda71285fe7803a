//! HTTP in, rows and rings out.
//!
//! A request passes the [`front`], which names it, times it and turns whatever went wrong into one shape, the
//! [`problem`]; the key that came with it is looked up by [`auth`]; what it brings is read by [`body`], all faults at
//! once; one of the [`routes`] asks the store, converts its rows to the [`schemas`] and answers. The [`openapi`]
//! document is made from the same types, and bodies are checked against it.

mod answer;
mod auth;
mod authorizing;
mod body;
mod budgeting;
mod cancelling;
mod changing;
mod connecting;
mod covering;
mod destinations;
mod exporting;
mod feeding;
mod following;
mod front;
mod grants;
mod idempotency;
mod idle;
mod in_flight;
mod openapi;
mod pausing;
mod probing;
mod problem;
mod receiving;
mod refusal;
mod rereading;
mod retrying;
mod routes;
mod schemas;
mod serving;
mod shapes;
mod startup;
mod state;
mod syncing;
mod telling;
mod uploads;

#[cfg(test)]
mod tests;

pub use openapi::document_text;
pub use serving::{app, serve};
pub use startup::{DEFAULT_TENANT, prepare};
pub use state::{Api, SetupError};
