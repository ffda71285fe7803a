//! Request bodies: read within bounds, then checked against the document's own schema and against what they mean, so
//! that one answer names every fault.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{StatusCode, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use rail_shared::domain::{Faults, fingerprint};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::problem::Problem;
use crate::state::Api;

const MAX_BYTES: usize = 1024 * 1024;

/// A wire type that callers send: its derived schema says what it may look like, and [`read`](Asked::read) what it means.
pub trait Asked: Type {
    /// What it means, in the domain's words.
    type Meant;
    /// What its meaning depends on.
    type Rules<'a>;
    /// The media types it may come as; the first is the usual one.
    const MEDIA_TYPES: &'static [&'static str] = &["application/json"];
    /// Whether it may be left out.
    const NEED: Need = Need::Required;
    /// Pointers at and below which [`read`](Asked::read) alone judges.
    const OWN: &'static [&'static str] = &[];

    /// Says what the body means, or adds its faults. Called for a body of any shape: what is missing or of the wrong
    /// type was added to `faults` before.
    fn read(body: &Json, rules: Self::Rules<'_>, faults: &mut Faults) -> Option<Self::Meant>;
}

/// Whether a body may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may not.
    Required,
    /// It may; then it is an empty object.
    Optional,
}

/// A body that is JSON.
pub struct Json {
    text: Bytes,
    value: Value,
}

/// Bodies hold credentials.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

impl Json {
    /// Reads a text; empty counts as an empty object.
    pub fn parse(text: Bytes) -> Result<Self, Problem> {
        let text = if text.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            text
        };
        match serde_json::from_slice(&text) {
            Ok(value) => Ok(Self { text, value }),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                let detail =
                    format!("The body is not JSON: {said}, at line {line}, column {column}.");
                Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "malformed-json",
                    detail,
                ))
            }
        }
    }

    /// All of it.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What stands at a pointer; null counts as left out.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The text at a pointer.
    pub fn text_at(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    /// The texts in the list at a pointer.
    pub fn texts_at(&self, pointer: &str) -> Option<Vec<&str>> {
        self.at(pointer)?
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect()
    }

    /// What is the same for two bodies that differ in white space and in the order of keys only.
    pub fn fingerprint(&self) -> String {
        match fingerprint(&self.text) {
            Ok(fingerprint) => format!("{:032x}", u128::from_be_bytes(fingerprint.to_bytes())),
            // What Postgres could not hold is compared letter by letter.
            Err(_) => String::from_utf8_lossy(&self.text).into_owned(),
        }
    }

    /// The members of an object, each as it was written: numbers with all their digits.
    pub fn members(&self) -> Option<BTreeMap<String, Box<RawValue>>> {
        serde_json::from_slice(&self.text).ok()
    }

    /// A member of the body as it was written.
    pub fn raw(&self, member: &str) -> Option<String> {
        Some(self.members()?.get(member)?.get().to_owned())
    }
}

/// A request body that should be a `T`.
#[derive(Debug)]
pub struct Body<T> {
    json: Json,
    asked: PhantomData<fn() -> T>,
}

impl<T: Asked> Body<T> {
    /// What the body means.
    ///
    /// # Errors
    /// 422 with every fault.
    pub fn read(&self, api: &Api, rules: T::Rules<'_>) -> Result<T::Meant, Problem> {
        let mut faults = api.shapes.faults::<T>(self.json.value());
        let meant = T::read(&self.json, rules, &mut faults);
        match meant {
            Some(meant) if faults.is_empty() => Ok(meant),
            None if faults.is_empty() => {
                tracing::error!(body = %T::name(), "a body without a fault has no meaning");
                Err(Problem::internal())
            }
            _ => Err(Problem::invalid(faults)),
        }
    }
}

impl<T> Body<T> {
    /// The body, as it came.
    pub fn json(&self) -> &Json {
        &self.json
    }
}

impl<T> From<Json> for Body<T> {
    fn from(json: Json) -> Self {
        Self {
            json,
            asked: PhantomData,
        }
    }
}

impl<'a, T: Asked> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = T::MEDIA_TYPES
            .iter()
            .map(|content_type| MetaMediaType {
                content_type,
                schema: T::schema_ref(),
            })
            .collect();
        Some(MetaRequest {
            description: None,
            content,
            required: T::NEED == Need::Required,
        })
    }

    fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> impl Future<Output = poem::Result<Self>> + Send {
        let taken = body.take();
        async move {
            let text = match taken {
                Ok(body) => whole(request, body).await?,
                Err(_) => Bytes::new(),
            };
            if !(text.is_empty() && T::NEED == Need::Optional) {
                check_media_type(request, T::MEDIA_TYPES)?;
            }
            if text.is_empty() && T::NEED == Need::Required {
                let detail = "The body is empty; a JSON object is expected.";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed-json", detail).into());
            }
            Ok(Json::parse(text)?.into())
        }
    }
}

/// Reads a body, within bounds.
///
/// # Errors
/// 413 when it is too large; 400 when it breaks off.
pub async fn whole(request: &Request, body: poem::Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("A body has at most {MAX_BYTES} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    };
    let announced = request
        .header(header::CONTENT_LENGTH)
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BYTES) {
        return Err(too_large());
    }
    body.into_bytes_limit(MAX_BYTES)
        .await
        .map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => too_large(),
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-json",
                "The body broke off.",
            ),
        })
}

/// Refuses a body of another media type than these, and says which one it is.
pub fn check_media_type<'a>(request: &Request, readable: &[&'a str]) -> Result<&'a str, Problem> {
    let given = request.content_type().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let known = readable
        .iter()
        .find(|known| known.eq_ignore_ascii_case(essence));
    if let Some(known) = known {
        return Ok(known);
    }
    let detail = format!(
        "The Content-Type of this body is {}.",
        readable.join(" or ")
    );
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        detail,
    ))
}
