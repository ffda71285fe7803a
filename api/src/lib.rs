//! HTTP in, rows and rings out.
//!
//! A request passes the [`front`](http::front), which names it, times it and turns whatever went wrong into one shape,
//! the [`problem`](http::problem); the key that came with it is looked up by [`auth`](http::auth); what it brings is read
//! by [`body`](http::body), all faults at once; one of the [`routes`] asks the store, converts its rows to the [`schemas`]
//! and answers. What takes more than that stands in the folder of its resource: [`connections`], [`syncs`], [`jobs`],
//! [`exports`], [`records`], [`events`], [`webhooks`] and [`vendor_webhooks`]. The [`openapi`] document is made from the same
//! types, and bodies are checked against it.

mod connections;
mod events;
mod exports;
mod http;
mod idle;
mod jobs;
mod openapi;
mod records;
mod routes;
mod schemas;
mod serving;
mod startup;
mod state;
mod syncs;
mod vendor_webhooks;
mod webhooks;

#[cfg(test)]
mod tests;

pub use openapi::document_text;
pub use serving::{app, serve};
pub use startup::{DEFAULT_TENANT, prepare};
pub use state::{Api, SetupError};
