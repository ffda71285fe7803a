//! Why there is no answer.

use std::error::Error;

use super::guard::Forbidden;

/// Why a request brought no answer. Holds no URL, because a URL's query may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL or a header cannot be used.
    #[error("the request cannot be formed: {0}")]
    Url(&'static str),
    /// The address belongs to the inside of a network.
    #[error("the address is not a public one")]
    Forbidden,
    /// No connection: the name does not resolve, nobody listens, or the certificate is refused.
    #[error("no connection could be made")]
    Connect(#[source] reqwest::Error),
    /// A time limit was reached.
    #[error("no answer within the time limit")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke before any byte of the answer arrived.
    #[error("the connection was closed before an answer")]
    Reset(#[source] reqwest::Error),
    /// The answer broke off or could not be decompressed.
    #[error("the answer broke off")]
    Body(#[source] reqwest::Error),
    /// The answer is larger than allowed.
    #[error("the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// What was allowed.
        max_bytes: usize,
    },
    /// Other large answers take up the memory there is for them: no fault of the other side's, and it will pass.
    #[error("there is no room for a further large answer now")]
    Crowded,
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
}

impl HttpError {
    /// From an error before the headers of the answer.
    pub(super) fn before_answer(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if causes(&error).any(|cause| cause.is::<Forbidden>()) {
            Self::Forbidden
        } else if error.is_timeout() {
            Self::Timeout(error)
        } else if error.is_connect() {
            Self::Connect(error)
        } else if error.is_builder() {
            Self::Url("the URL or a header is not valid")
        } else {
            Self::Reset(error)
        }
    }

    /// From an error after the headers of the answer.
    pub(super) fn within_answer(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            Self::Timeout(error)
        } else {
            Self::Body(error)
        }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (**cause).source())
}
