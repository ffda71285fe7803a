//! The document: generated from the wire types and the routes, then made strict and given examples.

mod examples;
mod paths;
mod polish;

use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::Value;

pub use paths::Paths;
pub use polish::{SCHEMAS, body_schemas};

use crate::routes::Routes;

const ABOUT: &str = "\
Connects a platform to outside systems: list **connectors**, make **connections**, run **syncs** that copy **records** of \
**entities** into the rail, and configure **exports** that write them as files.

Ids are a prefix and a time-ordered number. Times are RFC 3339 in UTC. Answers come in `{\"data\": …}`; lists add \
`{\"page\": {\"nextCursor\": …}}`. Every refusal is `application/problem+json` with a stable `code`, and for bad input \
`errors` lists every fault at once.

Present a key with every call: `Authorization: Bearer rail_…`.";

/// The routes with their document, as poem-openapi makes it.
pub fn service() -> OpenApiService<Routes, ()> {
    OpenApiService::new(
        Routes::default(),
        "Integrations Rail",
        env!("CARGO_PKG_VERSION"),
    )
    .summary("External connectors, sync jobs, and data feeds")
    .description(ABOUT)
    .license(LicenseObject::new("Apache-2.0").identifier("Apache-2.0"))
    .server("/")
}

/// The document.
pub fn document() -> Value {
    let mut document = serde_json::from_str(&service().spec()).unwrap_or_default();
    polish::polish(&mut document);
    examples::add(&mut document);
    document
}

/// The document as it is served and checked in.
#[must_use]
pub fn document_text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// A page that shows the document and tries it out; everything it needs is in it.
pub fn page(document: &str) -> String {
    let service = service();
    service
        .swagger_ui_html()
        .replace(&service.spec(), document.trim_end())
}

#[cfg(test)]
mod tests;
