//! The sandbox's own endpoints, for those who run it as a program. In process, call the methods instead.
//!
//! - `POST /_sandbox/faults` takes a rule: `{"path": "/v1/customers", "after": 2, "times": 1, "fault": {"kind": "stalledBody"}}`;
//!   `path` (may end in `*`), `after` and `times` (null for ever) may be left out. `GET` lists what is pending, `DELETE` clears it
//!   and lets go what is held.
//! - `POST /_sandbox/mutations` takes a change: `{"op": "create", "entity": "customers", "count": 3}`,
//!   `{"op": "update", "entity": "customers", "id": "cus_…", "patch": {"name": "New"}}`, `{"op": "delete", "entity": …, "id": …}`,
//!   `{"op": "setClock", "unixS": 1767225600}`, `{"op": "advanceClock", "seconds": 86400}`,
//!   `{"op": "expireTokens"}`, `{"op": "revokeTokens"}`.
//! - `GET /_sandbox/requests` answers `{"counts": {path: n}, "requests": […]}`, oldest first; `DELETE` clears it.
//!
//! They need no key: the sandbox listens on loopback.

use hyper::{Method, StatusCode};
use serde_json::json;

use super::exchange::{Answer, Mutation, Request};
use super::faults::Rule;
use super::server::Shared;

/// Where they are. No vendor has such a path.
pub(super) const PREFIX: &str = "/_sandbox/";

pub(super) fn answer(request: &Request, shared: &Shared) -> Answer {
    let name = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let done = match (&request.method, name) {
        (&Method::POST, "faults") => serde_json::from_slice::<Rule>(&request.body)
            .map(|rule| {
                shared.faults.add(rule);
                json!({ "pending": shared.faults.pending() })
            })
            .map_err(|error| error.to_string()),
        (&Method::GET, "faults") => Ok(json!({ "pending": shared.faults.pending() })),
        (&Method::DELETE, "faults") => {
            shared.faults.clear();
            Ok(json!({ "pending": [] }))
        }
        (&Method::POST, "mutations") => serde_json::from_slice::<Mutation>(&request.body)
            .map_err(|error| error.to_string())
            .and_then(|mutation| shared.vendor.mutate(mutation)),
        (&Method::GET, "requests") => {
            Ok(json!({ "counts": shared.requests.counts(), "requests": shared.requests.all() }))
        }
        (&Method::DELETE, "requests") => {
            shared.requests.clear();
            Ok(json!({ "counts": {}, "requests": [] }))
        }
        (method, _) => {
            let message = format!("the sandbox has no {method} {}", request.path);
            return Answer::json(
                StatusCode::NOT_FOUND,
                json!({ "error": message }).to_string(),
            );
        }
    };
    match done {
        Ok(value) => Answer::json(StatusCode::OK, value.to_string()),
        Err(message) => Answer::json(
            StatusCode::BAD_REQUEST,
            json!({ "error": message }).to_string(),
        ),
    }
}
