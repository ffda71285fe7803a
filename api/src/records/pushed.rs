//! A body of records on its way in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use poem::http::{StatusCode, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::split::Form;
use crate::http::body::check_media_type;
use crate::http::problem::Problem;

const LINES: &str = "application/x-ndjson";
const ARRAY: &str = "application/json";
/// A body has no more bytes.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// How long the next part of a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body of records, read a part at a time.
pub struct Pushed {
    form: Form,
    parts: Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
    bytes: u64,
}

impl fmt::Debug for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

impl Pushed {
    /// How records stand in it.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The next part; `None` at its end.
    ///
    /// # Errors
    /// 400 when it breaks off or stands still, 413 when it grows too long.
    pub async fn part(&mut self) -> Result<Option<Bytes>, Problem> {
        let broke_off = || {
            let detail = "The body broke off. What stands before is stored.";
            Problem::new(StatusCode::BAD_REQUEST, "malformed-json", detail)
        };
        match tokio::time::timeout(PATIENCE, self.parts.next()).await {
            Ok(Some(Ok(part))) => {
                self.bytes += part.len() as u64;
                if self.bytes > MAX_BYTES {
                    return Err(too_large());
                }
                Ok(Some(part))
            }
            Ok(None) => Ok(None),
            Ok(Some(Err(_))) | Err(_) => Err(broke_off()),
        }
    }
}

fn too_large() -> Problem {
    let detail = format!("A body of records has at most {MAX_BYTES} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
}

impl<'a> ApiExtractor<'a> for Pushed {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
        let lines = MetaSchema {
            description: Some("One JSON object a line."),
            ..MetaSchema::new("string")
        };
        // What is no object is a record error, not a fault of the whole.
        let array = MetaSchema {
            items: Some(Box::new(inline(MetaSchema::ANY))),
            ..MetaSchema::new("array")
        };
        let media = |content_type, schema| MetaMediaType {
            content_type,
            schema: inline(schema),
        };
        Some(MetaRequest {
            description: None,
            content: vec![media(LINES, lines), media(ARRAY, array)],
            required: true,
        })
    }

    fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> impl Future<Output = poem::Result<Self>> + Send {
        let taken = body.take();
        async move {
            let form = match check_media_type(request, &[LINES, ARRAY])? {
                LINES => Form::Lines,
                _ => Form::Array,
            };
            let announced = request
                .header(header::CONTENT_LENGTH)
                .and_then(|length| length.parse::<u64>().ok());
            if announced.is_some_and(|length| length > MAX_BYTES) {
                return Err(too_large().into());
            }
            let body = taken.unwrap_or_else(|_| poem::Body::empty());
            Ok(Self {
                form,
                parts: Box::pin(body.into_bytes_stream()),
                bytes: 0,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn pushed(parts: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Pushed {
        Pushed {
            form: Form::Lines,
            parts: Box::pin(parts),
            bytes: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_for_half_a_minute_is_given_up_and_a_slow_one_is_not() {
        let slow = stream::unfold(0, async |part| {
            tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
            (part < 5).then_some((Ok(Bytes::from_static(b"{}")), part + 1))
        });
        let mut body = pushed(slow.chain(stream::pending()));
        for _ in 0..5 {
            assert!(body.part().await.unwrap().is_some());
        }
        let begun = tokio::time::Instant::now();
        let problem = body.part().await.unwrap_err();
        assert!(
            problem.to_string().starts_with("malformed-json"),
            "{problem}"
        );
        assert_eq!(begun.elapsed().as_secs(), 30);
    }

    #[tokio::test]
    async fn a_body_that_grows_too_long_without_having_said_so_is_refused() {
        let part = Bytes::from(vec![b' '; 64 * 1024 * 1024]);
        let mut body = pushed(stream::repeat_with(move || Ok(part.clone())));
        for _ in 0..16 {
            assert!(body.part().await.unwrap().is_some());
        }
        let problem = body.part().await.unwrap_err();
        assert!(problem.to_string().starts_with("too-large"), "{problem}");
    }
}
