//! The fakes against the real thing: what the vendors' own clients and published examples say of the sandbox. And the
//! api against its own document, as a tool reads it that knows nothing else of the product.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bulk;
mod connectors;
mod exports;
mod hubspot;
mod openapi;
mod paypal;
mod plaid;
mod quickbooks;
mod s3_signed;
mod salesforce;
mod scripts;
mod stripe_client;
mod stripe_fixtures;
mod stripe_webhooks;
mod webhooks;
mod xero;
