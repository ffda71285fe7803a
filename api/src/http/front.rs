//! What every request passes first and every answer last: its name, its time limit, its line in the log, and the one
//! shape for whatever went wrong.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use poem_openapi::OperationId;
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError};
use rail_shared::domain::{RequestIds, TenantId};

use crate::http::auth::unauthorized;
use crate::http::problem::Problem;
use crate::openapi::Paths;
use crate::routes::BASE;

const REQUEST_ID: &str = "x-request-id";
const LONGEST_REQUEST_ID: usize = 64;
/// From the request's head to the answer's head; a body that streams may take longer.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The same for a body that streams in, however long it is; each part of it has a shorter limit of its own.
const UPLOAD_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// The operations that orchestrators call.
const PROBES: [&str; 2] = ["getHealth", "getReadiness"];

/// What is known of a request while it is answered.
#[derive(Debug)]
pub struct Visit {
    request_id: String,
    uri: Uri,
    tenant: OnceLock<TenantId>,
}

impl Visit {
    /// The request's name: the caller's own, or one of ours.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The path that was asked for, whole.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The same with its query.
    pub fn path_and_query(&self) -> &str {
        let asked = self.uri.path_and_query();
        asked.map_or("/", |asked| asked.as_str())
    }

    /// Notes whose key came with it.
    pub fn note_tenant(&self, tenant: TenantId) {
        let _ = self.tenant.set(tenant);
    }
}

/// The middleware.
#[derive(Debug)]
pub struct Front {
    paths: Arc<Paths>,
    time_limit: Duration,
}

impl Front {
    /// With the methods of every path, for 405.
    pub fn new(paths: Paths) -> Self {
        Self {
            paths: Arc::new(paths),
            time_limit: TIME_LIMIT,
        }
    }

    /// With another time limit.
    #[cfg(test)]
    pub fn within(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }
}

impl<E: Endpoint> Middleware<E> for Front {
    type Output = Fronted<E>;

    fn transform(&self, inner: E) -> Fronted<E> {
        Fronted {
            inner,
            paths: Arc::clone(&self.paths),
            request_ids: RequestIds::new(),
            time_limit: self.time_limit,
        }
    }
}

/// An endpoint behind the front: it never fails, it answers.
#[derive(Debug)]
pub struct Fronted<E> {
    inner: E,
    paths: Arc<Paths>,
    request_ids: RequestIds,
    time_limit: Duration,
}

impl<E: Endpoint> Endpoint for Fronted<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let begun = Instant::now();
        let visit = Arc::new(Visit {
            request_id: given_id(&request).unwrap_or_else(|| self.request_ids.next().to_string()),
            uri: request.uri().clone(),
            tenant: OnceLock::new(),
        });
        request.set_data(Arc::clone(&visit));
        let method = request.method().clone();
        let outcome = self.answer(request).await;
        let (operation, mut response) = match outcome {
            Ok(response) => (response.data::<OperationId>().copied(), response),
            Err(error) => {
                let operation = error.data::<OperationId>().copied();
                (
                    operation,
                    self.problem(&error, &visit.uri).answer(&visit.request_id),
                )
            }
        };
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&visit.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        let status = response.status();
        log(&visit, operation, &method, status, begun.elapsed());
        Ok(response)
    }
}

impl<E: Endpoint> Fronted<E> {
    async fn answer(&self, request: Request) -> poem::Result<Response> {
        let limit = if uploads(&request) {
            UPLOAD_LIMIT
        } else {
            self.time_limit
        };
        let answering = Box::pin(AssertUnwindSafe(self.inner.call(request)).catch_unwind());
        match tokio::time::timeout(limit, answering).await {
            Ok(Ok(answered)) => answered.map(IntoResponse::into_response),
            Ok(Err(panic)) => {
                let said = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                tracing::error!(said, "a request panicked");
                Err(Problem::internal().into())
            }
            Err(_) => Err(Problem::unavailable(
                "timed-out",
                "The request was not answered within its time limit; whether it had an effect is not known.",
            )
            .into()),
        }
    }

    /// The one shape for what poem, poem-openapi and our own code refuse.
    fn problem(&self, error: &poem::Error, uri: &Uri) -> Problem {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return problem.clone();
        }
        if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
            return Problem::new(
                StatusCode::NOT_FOUND,
                "not-found",
                "There is nothing at this path.",
            );
        }
        if error.is::<MethodNotAllowedError>() {
            return self.method_not_allowed(uri);
        }
        if error.is::<AuthorizationError>() {
            return unauthorized();
        }
        if let Some(fault) = error.downcast_ref::<ParseParamError>() {
            return Problem::fault(fault.name, "bad-parameter", plain(&fault.reason));
        }
        if let Some(fault) = error.downcast_ref::<ContentTypeError>() {
            return Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                fault.to_string(),
            );
        }
        if let Some(ReadBodyError::PayloadTooLarge) = error.downcast_ref::<ReadBodyError>() {
            return Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large.",
            );
        }
        if error.status().is_server_error() {
            tracing::error!(%error, "a request failed");
            return Problem::internal();
        }
        Problem::new(error.status(), "bad-request", "The request cannot be read.")
    }

    fn method_not_allowed(&self, uri: &Uri) -> Problem {
        let allowed = self.paths.methods_of(uri.path());
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("Here are only: {allowed}."),
        )
        .with_header(header::ALLOW, allowed)
    }
}

/// Whether the body is as long as its sender likes.
fn uploads(request: &Request) -> bool {
    let within = request.uri().path().strip_prefix(BASE);
    *request.method() == Method::PUT && within.is_some_and(|path| path.starts_with("/records/"))
}

/// One line a request. Probes of orchestrators come all the time: only one that fails is worth a line.
fn log(
    visit: &Visit,
    operation: Option<OperationId>,
    method: &Method,
    status: StatusCode,
    latency: Duration,
) {
    let operation = operation.map_or("-", |operation| operation.0);
    if PROBES.contains(&operation) && status.is_success() {
        return;
    }
    tracing::info!(
        request.id = %visit.request_id,
        operation,
        %method,
        path = visit.path(),
        status = status.as_u16(),
        latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        tenant.id = visit.tenant.get().map(tracing::field::display),
        "answered"
    );
}

/// What poem-openapi says of a parameter, for people: `verification failed. minimum(1, exclusive: false)`, or
/// `failed to parse "integer": invalid digit found in string`.
fn plain(reason: &str) -> String {
    let rule = reason.strip_prefix("verification failed. ");
    let bound = |name: &str| {
        let number = rule?.strip_prefix(name)?.split([',', ')']).next()?;
        number.parse::<i64>().ok()
    };
    if let Some(least) = bound("minimum(") {
        return format!("The value is at least {least}.");
    }
    if let Some(most) = bound("maximum(") {
        return format!("The value is at most {most}.");
    }
    let point = reason.split_once("\": ").map_or(reason, |(_, point)| point);
    let point = point.split(" (occurred while").next().unwrap_or(point);
    format!("The value cannot be read: {point}.")
}

/// The caller's own id where it is short and plain, so that nothing strange gets into logs.
fn given_id(request: &Request) -> Option<String> {
    let given = request.header(REQUEST_ID).filter(|id| {
        (1..=LONGEST_REQUEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    given.map(str::to_owned)
}
