//! What an operation answers when it succeeds: the `data` envelope, written straight from the wire types.

use std::fmt;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde::{Deserialize, Serialize};

use crate::http::problem::Problem;
use crate::http::refusal::documented_header;

const JSON: &str = "application/json";

/// A wire type that stands in answers.
pub trait Shown: Type + Serialize {
    /// Its version, where answers of one carry it as ETag.
    const TAGGED: Tagged = Tagged::No;
}

/// Whether answers carry an ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tagged {
    /// They do.
    Yes,
    /// They do not.
    No,
}

/// What an envelope holds.
pub trait Content: Serialize + Send {
    /// Whether it carries an ETag.
    const TAGGED: Tagged;
    /// The schema of the whole body.
    fn schema() -> MetaSchema;
    /// Registers what the schema refers to.
    fn register(registry: &mut Registry);
}

/// `{"data": …}`.
#[derive(Debug, Serialize)]
pub struct One<T> {
    data: T,
}

/// `{"data": […], "page": {"nextCursor": …}}`.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    data: Vec<T>,
    page: Next,
}

/// `{"data": […], "page": {"nextCursor": …, "hasMore": …}}`.
#[derive(Debug, Serialize)]
pub struct Part<T> {
    data: Vec<T>,
    page: Onward,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Onward {
    next_cursor: String,
    has_more: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Next {
    next_cursor: Option<String>,
}

impl<T: Shown> Content for One<T> {
    const TAGGED: Tagged = T::TAGGED;

    fn schema() -> MetaSchema {
        object(vec![("data", T::schema_ref())])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Shown> Content for Page<T> {
    const TAGGED: Tagged = Tagged::No;

    fn schema() -> MetaSchema {
        let cursor = MetaSchema {
            description: Some("Give it as `cursor` to read on; null on the last page."),
            nullable: true,
            ..MetaSchema::new("string")
        };
        let page = object(vec![("nextCursor", inline(cursor))]);
        let rows = MetaSchema {
            items: Some(Box::new(T::schema_ref())),
            ..MetaSchema::new("array")
        };
        object(vec![("data", inline(rows)), ("page", inline(page))])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Shown> Content for Part<T> {
    const TAGGED: Tagged = Tagged::No;

    fn schema() -> MetaSchema {
        let cursor = MetaSchema {
            description: Some("Give it as `after` to read on: now, or when there may be more."),
            ..MetaSchema::new("string")
        };
        let more = MetaSchema {
            description: Some("Whether there is more already."),
            ..MetaSchema::new("boolean")
        };
        let page = object(vec![
            ("nextCursor", inline(cursor)),
            ("hasMore", inline(more)),
        ]);
        let rows = MetaSchema {
            items: Some(Box::new(T::schema_ref())),
            ..MetaSchema::new("array")
        };
        object(vec![("data", inline(rows)), ("page", inline(page))])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

fn object(properties: Vec<(&'static str, MetaSchemaRef)>) -> MetaSchema {
    MetaSchema {
        required: properties.iter().map(|(name, _)| *name).collect(),
        properties,
        ..MetaSchema::new("object")
    }
}

/// An answer of this status.
#[derive(Debug)]
pub struct Answer<const STATUS: u16, C> {
    content: C,
    location: Option<String>,
    etag: Option<String>,
}

/// 200 with one thing.
pub type Found<T> = Answer<200, One<T>>;
/// 200 with a part of a list.
pub type Listed<T> = Answer<200, Page<T>>;
/// 200 with a part of a feed that never ends.
pub type Followed<T> = Answer<200, Part<T>>;
/// 201: made, and where it is.
pub type Created<T> = Answer<201, One<T>>;
/// 202: accepted, and where to look how it goes.
pub type Accepted<T> = Answer<202, One<T>>;

impl<const STATUS: u16, T> Answer<STATUS, One<T>> {
    /// An answer with this thing.
    pub fn new(thing: impl Into<T>) -> Self {
        Self {
            content: One { data: thing.into() },
            location: None,
            etag: None,
        }
    }

    /// The same, saying where the thing is.
    #[must_use]
    pub fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// The same with the thing's version.
    #[must_use]
    pub fn tagged(mut self, etag: String) -> Self {
        self.etag = Some(etag);
        self
    }
}

impl<T> Listed<T> {
    /// A part of a list, and where the next part begins.
    pub fn of<R: Into<T>>(rows: impl IntoIterator<Item = R>, next_cursor: Option<String>) -> Self {
        Self {
            content: Page {
                data: rows.into_iter().map(Into::into).collect(),
                page: Next { next_cursor },
            },
            location: None,
            etag: None,
        }
    }
}

impl<T> Followed<T> {
    /// A part of a feed, where the next part begins, and whether there is one already.
    pub fn of<R: Into<T>>(
        rows: impl IntoIterator<Item = R>,
        next_cursor: String,
        has_more: bool,
    ) -> Self {
        Self {
            content: Part {
                data: rows.into_iter().map(Into::into).collect(),
                page: Onward {
                    next_cursor,
                    has_more,
                },
            },
            location: None,
            etag: None,
        }
    }
}

/// An answer in the words that go out: what can be kept and said again.
#[derive(Clone, Serialize, Deserialize)]
pub struct Said {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    body: String,
}

/// Bodies show secrets.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").finish_non_exhaustive()
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or_default())
            .content_type(JSON);
        if let Some(location) = self.location {
            response = response.header(header::LOCATION, location);
        }
        if let Some(etag) = self.etag {
            response = response.header(header::ETAG, etag);
        }
        response.body(self.body)
    }
}

impl<const STATUS: u16, C: Content> Answer<STATUS, C> {
    /// Puts it into words.
    ///
    /// # Errors
    /// When the content cannot be JSON: a fault of ours.
    pub fn said(self) -> Result<Said, Problem> {
        let body = serde_json::to_string(&self.content).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Problem::internal()
        })?;
        Ok(Said {
            status: STATUS,
            location: self.location,
            etag: self.etag,
            body,
        })
    }
}

impl<const STATUS: u16, C: Content> IntoResponse for Answer<STATUS, C> {
    fn into_response(self) -> Response {
        match self.said() {
            Ok(said) => said.into_response(),
            Err(problem) => problem.answer(""),
        }
    }
}

impl<const STATUS: u16, C: Content> ApiResponse for Answer<STATUS, C> {
    fn meta() -> MetaResponses {
        let description = match STATUS {
            201 => "Made",
            202 => "Accepted",
            _ => "Found",
        };
        let mut headers = Vec::new();
        if matches!(STATUS, 201 | 202) {
            headers.push(documented_header("Location", "Where it is"));
        }
        if C::TAGGED == Tagged::Yes {
            headers.push(documented_header("ETag", "Its version, for If-Match"));
        }
        MetaResponses {
            responses: vec![MetaResponse {
                description,
                status: Some(STATUS),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: JSON,
                    schema: inline(C::schema()),
                }],
                headers,
            }],
        }
    }

    fn register(registry: &mut Registry) {
        C::register(registry);
    }
}

/// 204: done, nothing to show.
#[derive(Debug)]
pub struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Done",
                status: Some(204),
                status_range: None,
                content: Vec::new(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
