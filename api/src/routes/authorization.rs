//! Authorizing connections at their vendors.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use rail_shared::domain::ConnectionId;

use super::{BASE, Tag};
use crate::connections::authorize::{self, CameBack, Refused};
use crate::http::answer::Found;
use crate::http::auth::Caller;
use crate::http::front::Visit;
use crate::http::refusal::{Fits, Refusal, Returns};
use crate::schemas::authorization::Authorization as Shown;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on authorizations.
#[derive(Debug, Default)]
pub struct Authorization;

#[OpenApi(prefix_path = BASE, tag = "Tag::Connections")]
impl Authorization {
    /// Authorize a connection.
    ///
    /// For connectors that a person authorizes at the vendor: answers where to send the person. The person comes back to
    /// `GET /oauth/callback` within ten minutes, once, and the connection is ACTIVE then; it keeps its id and its
    /// checkpoints when it was authorized before. An authorization that was begun earlier ends. 409 `not-authorizable`
    /// where the credentials are all that the vendor asks for.
    #[oai(
        path = "/connections/:connectionId/authorize",
        method = "post",
        operation_id = "authorizeConnection"
    )]
    async fn authorize(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<Shown>, Refusal<Fits>> {
        Ok(Found::new(authorize::begin(api, &caller, id.0.0).await?))
    }

    /// Come back from a vendor.
    ///
    /// Where vendors send a person's browser after the consent; so without a key. Answers a page for the person. The
    /// vendor's app has to know this address: `RAIL_PUBLIC_URL` with this path.
    #[oai(
        path = "/oauth/callback",
        method = "get",
        operation_id = "finishAuthorization"
    )]
    async fn callback(
        &self,
        request: &Request,
        Data(api): Data<&Api>,
        /// What was sent along with the person.
        state: Query<Option<String>>,
        /// What becomes the tokens.
        code: Query<Option<String>>,
        /// Why the vendor gave no code.
        error: Query<Option<String>>,
    ) -> Result<Page, Refusal<Returns>> {
        let parameters: Vec<(String, String)> = request.params().unwrap_or_default();
        let visit = request.data::<Arc<Visit>>();
        let came = CameBack {
            state: state.0.as_deref(),
            code: code.0.as_deref(),
            error: error.0.as_deref(),
            parameters: &parameters,
            request_id: visit.map_or("", |visit| visit.request_id()),
        };
        match authorize::finish(api, &came).await {
            Ok(name) => Ok(Page::Connected(name)),
            Err(Refused::Because(why)) => Ok(Page::Refused(why)),
            Err(Refused::Problem(problem)) => Err(problem.into()),
        }
    }
}

/// A page for a person.
#[derive(Debug)]
enum Page {
    /// The connection of this name is authorized.
    Connected(String),
    /// It is not, for this reason.
    Refused(String),
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Connected(name) => (
                StatusCode::OK,
                "Connected",
                format!("{name} is connected. You may close this page."),
            ),
            Self::Refused(why) => (StatusCode::BAD_REQUEST, "Not connected", why),
        };
        let text = escaped(&text);
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n</html>\n"
        );
        Response::builder()
            .status(status)
            .content_type("text/html; charset=utf-8")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'")
            // The address holds the code.
            .header(header::REFERRER_POLICY, "no-referrer")
            .body(html)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl ApiResponse for Page {
    fn meta() -> MetaResponses {
        let page = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "text/html",
                schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
            }],
            headers: Vec::new(),
        };
        MetaResponses {
            responses: vec![
                page(200, "The connection is authorized"),
                page(400, "It is not; the page says why"),
            ],
        }
    }

    fn register(_: &mut Registry) {}
}
