//! The one shape of every refusal: RFC 9457, with a stable code and, for bad input, every fault.

use poem::error::ResponseError;
use poem::http::{HeaderName, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use rail_shared::domain::{Fault, Faults};
use rail_shared::store::StoreError;
use serde::Serialize;

use crate::http::shapes::AT_MOST;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// How long a caller waits before asking an unavailable database again.
const RETRY_AFTER_S: &str = "2";

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Fault>,
    sync_id: Option<String>,
    committed: Option<u64>,
    headers: Vec<(HeaderName, String)>,
}

/// What went wrong, as `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Problem", rename_all = "camelCase")]
pub struct ProblemBody {
    /// A URI that names this kind of problem.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// The status of the answer, repeated.
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// Stable, kebab-case: what programs branch on. For bad input, the code of its faults where they share one, else
    /// `invalid-input`.
    code: String,
    /// The request, as the header X-Request-Id and the logs name it.
    request_id: String,
    /// Every fault of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default)]
    errors: Vec<FaultBody>,
    /// The sync that is in the way, with `sync-already-active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<String>,
    /// How many records of the body were taken before it could not be read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<u64>,
}

/// One fault of the input.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Fault")]
struct FaultBody {
    /// JSON pointer (RFC 6901) into the body, or the name of a parameter.
    pointer: String,
    /// Stable, kebab-case.
    code: String,
    /// What is wrong and what would be right.
    detail: String,
}

impl Problem {
    /// A problem of this status and code.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            sync_id: None,
            committed: None,
            headers: Vec::new(),
        }))
    }

    /// Input that cannot be taken, with every fault.
    pub fn invalid(faults: Faults) -> Self {
        let mut errors: Vec<Fault> = faults.into_iter().collect();
        errors.truncate(AT_MOST);
        errors.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        let (code, detail) = match &errors[..] {
            [only] if only.pointer.is_empty() => (only.code, only.detail.clone()),
            [only] => (only.code, format!("{}: {}", only.pointer, only.detail)),
            [first, rest @ ..] if rest.iter().all(|fault| fault.code == first.code) => (
                first.code,
                format!("The input has {} faults.", errors.len()),
            ),
            _ => (
                "invalid-input",
                format!("The input has {} faults.", errors.len()),
            ),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        problem.0.errors = errors;
        problem
    }

    /// Input that cannot be taken, for one reason.
    pub fn fault(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        let mut faults = Faults::default();
        faults.add(pointer, code, detail);
        Self::invalid(faults)
    }

    /// What is asked for is not there, or belongs to somebody else: the answer does not tell which.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("There is no such {what}."),
        )
    }

    /// A fault of ours: the cause goes to the log, not to the caller.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "A fault of ours; the log names its cause under this requestId.",
        )
    }

    /// Not now; the same request may succeed soon.
    pub fn unavailable(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .with_header(header::RETRY_AFTER, RETRY_AFTER_S)
    }

    /// The same with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// The same, naming the sync that is in the way.
    #[must_use]
    pub fn with_sync(mut self, sync_id: String) -> Self {
        self.0.sync_id = Some(sync_id);
        self
    }

    /// The same, saying how much of the body was taken all the same.
    #[must_use]
    pub fn with_committed(mut self, committed: u64) -> Self {
        self.0.committed = Some(committed);
        self
    }

    /// The faults of the input.
    pub fn into_faults(self) -> Vec<Fault> {
        self.0.errors
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The faults of the input.
    #[cfg(test)]
    pub fn faults(&self) -> &[Fault] {
        &self.0.errors
    }

    /// The answer to the request of this id.
    pub fn answer(&self, request_id: &str) -> Response {
        let Parts {
            status,
            code,
            detail,
            errors,
            sync_id,
            committed,
            headers,
        } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:integrations-rail:problem:{code}"),
            title: title_of(code),
            status: status.as_u16(),
            detail: detail.clone(),
            code: (*code).to_owned(),
            request_id: request_id.to_owned(),
            errors: errors.iter().cloned().map(FaultBody::from).collect(),
            sync_id: sync_id.clone(),
            committed: *committed,
        };
        let mut response = Response::builder().status(*status).content_type(MEDIA_TYPE);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

/// `unknown-connector` becomes `Unknown connector`.
fn title_of(code: &str) -> String {
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

impl From<Fault> for FaultBody {
    fn from(
        Fault {
            pointer,
            code,
            detail,
        }: Fault,
    ) -> Self {
        Self {
            pointer,
            code: code.to_owned(),
            detail,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.status
    }

    fn as_response(&self) -> Response {
        self.answer("").into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = &error as &dyn std::error::Error;
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(error = cause, "Postgres is not available");
                Self::unavailable(
                    "database-unavailable",
                    "The database is not available; try again shortly.",
                )
            }
            StoreError::TookTooLong => Self::unavailable(
                "takes-too-long",
                "To answer this takes longer than a request may; ask for less.",
            ),
            StoreError::Stale => changed_meanwhile(StatusCode::CONFLICT),
            StoreError::Refused(_)
            | StoreError::LeaseLost
            | StoreError::Fault(_)
            | StoreError::Unreadable(_) => {
                tracing::error!(error = cause, "the store failed");
                Self::internal()
            }
        }
    }
}

/// Somebody else changed what this request changes.
pub fn changed_meanwhile(status: StatusCode) -> Problem {
    Problem::new(
        status,
        "changed-meanwhile",
        "It was changed since it was read; read it again and repeat the change.",
    )
}
