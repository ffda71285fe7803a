//! Which refusals an operation can give, as a type: so the document names exactly these.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;

use crate::http::problem::{MEDIA_TYPE, Problem, ProblemBody};

/// A list of statuses.
pub trait Statuses: Send + Sync + 'static {
    /// In rising order.
    const LIST: &'static [u16];

    /// What a status means here, where that is not what it means elsewhere.
    fn meaning(_: u16) -> Option<&'static str> {
        None
    }
}

macro_rules! statuses {
    ($($(#[$meta:meta])* $name:ident = [$($status:literal),+];)+) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name;
        impl Statuses for $name {
            const LIST: &'static [u16] = &[$($status),+];
        }
    )+};
}

statuses! {
    /// Of the log of events.
    Follows = [401, 403, 410, 422, 500, 503];
    /// Of an operation that reads what is always there.
    Reads = [401, 403, 500, 503];
    /// Of a list.
    Lists = [401, 403, 422, 500, 503];
    /// Of an operation on one thing.
    Finds = [401, 403, 404, 500, 503];
    /// Of a list within one thing.
    ListsWithin = [401, 403, 404, 422, 500, 503];
    /// Of a body that makes something new.
    Creates = [400, 401, 403, 413, 415, 422, 500, 503];
    /// Of a body that changes one thing.
    Changes = [400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503];
    /// Of a body that starts work on one thing.
    Starts = [400, 401, 403, 404, 409, 413, 415, 422, 500, 503];
    /// Of a body of records.
    Feeds = [400, 401, 403, 404, 413, 415, 422, 500, 503];
    /// Of an operation without a body that starts work on one thing.
    Begins = [401, 403, 404, 422, 500, 503];
    /// Of the same that may find something in the way.
    Repeats = [401, 403, 404, 409, 422, 500, 503];
    /// Of one thing that may not be in the state for it.
    Fits = [401, 403, 404, 409, 500, 503];
    /// Of a person's return from a vendor.
    Returns = [500, 503];
    /// Of an operation for anybody that may find us unready.
    Ready = [503];
}

/// Of a vendor's webhook.
#[derive(Debug)]
pub struct Hears;

impl Statuses for Hears {
    const LIST: &'static [u16] = &[400, 401, 404, 409, 413, 500, 503];

    fn meaning(status: u16) -> Option<&'static str> {
        match status {
            400 => Some("It is signed, and too old or not of the vendor's form"),
            401 => Some("It is not signed by the vendor; nothing more is told"),
            404 => Some("There is no such connection of this vendor"),
            409 => Some("The connection has no secret to check it with"),
            _ => None,
        }
    }
}

/// A problem of one of these statuses.
#[derive(Debug)]
pub struct Refusal<S> {
    problem: Problem,
    statuses: PhantomData<fn() -> S>,
}

impl<S, E: Into<Problem>> From<E> for Refusal<S> {
    fn from(cause: E) -> Self {
        Self {
            problem: cause.into(),
            statuses: PhantomData,
        }
    }
}

impl<S: Statuses> From<Refusal<S>> for poem::Error {
    fn from(refusal: Refusal<S>) -> Self {
        let status = refusal.problem.status().as_u16();
        debug_assert!(
            S::LIST.contains(&status),
            "{status} is not among the documented statuses"
        );
        refusal.problem.into()
    }
}

impl<S: Statuses> ApiResponse for Refusal<S> {
    fn meta() -> MetaResponses {
        let meant = |status: &u16| {
            let general = response(*status);
            let description = S::meaning(*status).unwrap_or(general.description);
            MetaResponse {
                description,
                ..general
            }
        };
        let responses = S::LIST.iter().map(meant).collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

fn response(status: u16) -> MetaResponse {
    let (description, header) = match status {
        400 => ("The body is not JSON", None),
        401 => (
            "No key, or one that is not accepted",
            Some(("WWW-Authenticate", "How to present a key")),
        ),
        403 => ("The key's scopes do not allow this", None),
        404 => (
            "There is no such thing, or it belongs to another tenant",
            None,
        ),
        409 => (
            "What is there does not allow this now",
            Some(("Location", "What is in the way, where something is")),
        ),
        410 => ("Events after this one are not kept any more", None),
        412 => ("If-Match names another version", None),
        413 => ("The body is too large", None),
        415 => ("The body's media type cannot be read", None),
        422 => ("The input has faults; all of them are listed", None),
        500 => ("A fault of ours", None),
        _ => (
            "Not available now; try again shortly",
            Some(("Retry-After", "Seconds to wait")),
        ),
    };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: MEDIA_TYPE,
            schema: ProblemBody::schema_ref(),
        }],
        headers: header
            .into_iter()
            .map(|(name, about)| documented_header(name, about))
            .collect(),
    }
}

/// A header of an answer, for the document.
pub fn documented_header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    }
}
