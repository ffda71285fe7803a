//! A request as it came: what a signature may be over.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderMap, Method};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use rail_shared::domain::TenantId;

use crate::http::body::whole;
use crate::http::front::Visit;
use crate::http::problem::Problem;

/// A request as it came, its body byte by byte.
pub struct Called {
    method: Method,
    visit: Arc<Visit>,
    headers: HeaderMap,
    body: Bytes,
}

impl Called {
    /// The method, in capitals.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The URL that was called, for whoever reaches us at this one.
    pub fn url(&self, public_url: &str) -> String {
        format!("{public_url}{}", self.visit.path_and_query())
    }

    /// The headers that are text, by their names in small letters; of one that came several times, all with commas between.
    pub fn headers(&self) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            let Ok(value) = value.to_str() else {
                continue;
            };
            all.entry(name.as_str().to_owned())
                .and_modify(|before| {
                    before.push(',');
                    before.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        all
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Notes whose connection it is for.
    pub fn note_tenant(&self, tenant: TenantId) {
        self.visit.note_tenant(tenant);
    }
}

/// Headers hold signatures.
impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Called")
            .field("visit", &self.visit)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl<'a> ApiExtractor<'a> for Called {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema {
            description: Some("As the vendor writes it: an object or an array."),
            ..MetaSchema::ANY
        };
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: MetaSchemaRef::Inline(Box::new(schema)),
            }],
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
            let body = match taken {
                Ok(body) => whole(request, body).await?,
                Err(_) => Bytes::new(),
            };
            let visit = request.data::<Arc<Visit>>();
            Ok(Self {
                method: request.method().clone(),
                visit: visit.cloned().ok_or_else(Problem::internal)?,
                headers: request.headers().clone(),
                body,
            })
        }
    }
}
