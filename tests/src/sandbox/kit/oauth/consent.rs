//! The authorize page, without a page: whoever asks consents at once.

use hyper::StatusCode;
use url::Url;

use super::tokens::Code;
use super::{OAuth, Refusal};
use crate::sandbox::exchange::{Answer, Request};

/// How long a code can be used.
pub(super) const CODE_LIFE_S: i64 = 300;

pub(super) fn answer(
    server: &OAuth,
    request: &Request,
    subject: &str,
    extras: &[(&str, &str)],
) -> Answer {
    let redirect_uri = request.parameter("redirect_uri").unwrap_or_default();
    // Whom to send back where is not to be guessed: these two are refused on the spot, never by a redirect.
    let Ok(mut back) = Url::parse(redirect_uri) else {
        return Refusal::new("invalid_request", "'redirect_uri' is not an absolute URL")
            .into_answer();
    };
    if request.parameter("client_id") != Some(&server.client.id) {
        return Refusal::new(
            "invalid_request",
            "there is no client with this 'client_id'",
        )
        .into_answer();
    }
    let outcome = check(request).and_then(|challenge| {
        let mut book = server.lock();
        if std::mem::take(&mut book.deny_next) {
            return Err(Refusal::new("access_denied", "consent was refused"));
        }
        let name = book.code(Code {
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            scope: request.parameter("scope").unwrap_or_default().to_owned(),
            subject: subject.to_owned(),
            until_s: server.clock.now() + CODE_LIFE_S,
            used_for: None,
        });
        Ok(name)
    });
    {
        let mut query = back.query_pairs_mut();
        match &outcome {
            Ok(code) => query.append_pair("code", code).extend_pairs(extras),
            Err(refusal) => query
                .append_pair("error", refusal.error)
                .append_pair("error_description", refusal.description),
        };
        if let Some(state) = request.parameter("state") {
            query.append_pair("state", state);
        }
    }
    Answer::typed(StatusCode::FOUND, "text/plain", String::new()).header("location", back.as_str())
}

/// Checks what may be told to the client by a redirect; answers the PKCE challenge.
fn check(request: &Request) -> Result<Option<String>, Refusal> {
    if request.parameter("response_type") != Some("code") {
        return Err(Refusal::new(
            "unsupported_response_type",
            "'response_type' must be 'code'",
        ));
    }
    match (
        request.parameter("code_challenge"),
        request.parameter("code_challenge_method"),
    ) {
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if challenge.len() == 43 => Ok(Some(challenge.to_owned())),
        _ => Err(Refusal::new(
            "invalid_request",
            "PKCE needs a 'code_challenge' of 43 characters and the method 'S256'",
        )),
    }
}
