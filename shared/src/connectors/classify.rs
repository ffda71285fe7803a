//! What an answer that is not the wanted one means.

use secrecy::SecretString;

use super::file::{ErrorRule, Errors, Stays};
use super::lift::{lift, word};
use super::session::Session;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Answer, HttpError};

/// How much of a vendor's own message is quoted.
const MAX_QUOTED_CHARS: usize = 300;

/// The vendor as messages name it, and what its errors mean.
pub(super) struct Vendor<'a> {
    pub name: &'a str,
    pub errors: &'a Errors,
    pub session: &'a Session,
    /// What errors mean where this was asked, before what they mean elsewhere.
    pub rules: &'a [ErrorRule],
    /// What is not to be quoted, besides what the session holds.
    pub secrets: &'a [SecretString],
}

impl Vendor<'_> {
    /// The failure behind an answer whose status is not 2xx. `what` names the request: `GET /v1/customers`.
    pub(super) fn refusal(&self, answer: &Answer, what: &str) -> Failure {
        let [code, message] = self.told(answer);
        let rule = self.rules.iter().chain(&self.errors.rules).find(|rule| {
            rule.status.contains(&answer.status)
                && rule
                    .codes
                    .as_ref()
                    .is_none_or(|codes| code.as_ref().is_some_and(|code| codes.contains(code)))
        });
        let (kind, stays, say) = match rule {
            Some(rule) => (rule.kind, rule.stays, rule.say.clone()),
            None => self.by_status(answer.status, what),
        };
        let retryable = match self.vendors_wish(answer) {
            // Nobody can promise that a busy or broken vendor stays so; a wish to stop counts for the rest.
            Some(Stays::Lasting) if answer.status < 500 && answer.status != 429 => false,
            Some(Stays::Passing) => true,
            _ => stays == Stays::Passing,
        };
        let quoted =
            message.map(|message| format!(" {} said: {}", self.name, self.quote(&message)));
        Failure {
            origin: Origin::Vendor,
            kind,
            retryable,
            message: format!("{say}{}", quoted.unwrap_or_default()),
            retry_after: retryable.then(|| answer.retry_after()).flatten(),
        }
    }

    /// Whether an answer is what was asked for: some vendors tell of an error in an answer of success.
    pub(super) fn is_success(&self, answer: &Answer) -> bool {
        answer.is_success()
            && self.errors.within_success.as_ref().is_none_or(|at| {
                let body = std::str::from_utf8(&answer.body).ok();
                let found = body.and_then(|body| lift(body, [Some(at)]).ok());
                !matches!(found, Some([Some(value)]) if !matches!(value, "null" | "[]"))
            })
    }

    /// The vendor's own code.
    pub(super) fn code(&self, answer: &Answer) -> Option<String> {
        let [code, _] = self.told(answer);
        code
    }

    /// The vendor's own code and message.
    fn told(&self, answer: &Answer) -> [Option<String>; 2] {
        let Ok(body) = std::str::from_utf8(&answer.body) else {
            return [None, None];
        };
        [&self.errors.code, &self.errors.message].map(|places| {
            let places = places.as_ref()?.all();
            places.iter().find_map(|at| {
                let [found] = lift(body, [Some(at)]).ok()?;
                word(found?)
            })
        })
    }

    /// Whether an answer says that there is no such record: by one of these codes, where some are given.
    pub(super) fn is_missing(&self, answer: &Answer, codes: Option<&[String]>) -> bool {
        match codes {
            Some(codes) => {
                let is_refusal = (400..500).contains(&answer.status);
                is_refusal && self.code(answer).is_some_and(|code| codes.contains(&code))
            }
            None => matches!(answer.status, 404 | 410),
        }
    }

    fn by_status(&self, status: u16, what: &str) -> (FailureKind, Stays, String) {
        let name = self.name;
        match status {
            401 => (
                FailureKind::CredentialsRejected,
                Stays::Lasting,
                format!("{name} does not accept the credentials; replace them on the connection."),
            ),
            403 => (
                FailureKind::PermissionDenied,
                Stays::Lasting,
                format!(
                    "The credentials may not do {what} at {name}; grant them the permission there."
                ),
            ),
            404 => (
                FailureKind::NotFound,
                Stays::Lasting,
                format!("{name} knows nothing at {what}."),
            ),
            429 => (
                FailureKind::RateLimited,
                Stays::Passing,
                format!("{name} asks for fewer requests; the work goes on later."),
            ),
            300..=399 => (
                FailureKind::Misconfigured,
                Stays::Lasting,
                format!(
                    "{name} redirected {what} (HTTP {status}), and redirects are not followed; check the base URL."
                ),
            ),
            408 | 425 | 500.. => (
                FailureKind::Unavailable,
                Stays::Passing,
                format!("{name} could not answer {what} (HTTP {status}); it is tried again."),
            ),
            _ => (
                FailureKind::Refused,
                Stays::Lasting,
                format!("{name} refused {what} (HTTP {status})."),
            ),
        }
    }

    fn vendors_wish(&self, answer: &Answer) -> Option<Stays> {
        let header = self.errors.retry_header.as_ref()?;
        match answer.header(header)?.trim() {
            "true" => Some(Stays::Passing),
            "false" => Some(Stays::Lasting),
            _ => None,
        }
    }

    /// A bounded piece of what the vendor said, without credentials and control characters.
    pub(super) fn quote(&self, message: &str) -> String {
        let clean: String = self
            .session
            .blot(message, self.secrets)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        match clean.char_indices().nth(MAX_QUOTED_CHARS) {
            Some((end, _)) => format!("{}…", &clean[..end]),
            None => clean,
        }
    }

    /// The failure behind a missing answer.
    pub(super) fn silence(&self, error: &HttpError, what: &str) -> Failure {
        let name = self.name;
        tracing::debug!(vendor = name, request = what, error = ?error, "no answer");
        let unavailable =
            |message| Failure::passing(Origin::Vendor, FailureKind::Unavailable, message);
        let misconfigured =
            |message| Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message);
        match error {
            HttpError::Timeout(_) => unavailable(format!("{name} did not answer {what} in time.")),
            HttpError::Connect(_) => unavailable(format!("No connection to {name} could be made.")),
            HttpError::Reset(_) => unavailable(format!(
                "{name} closed the connection instead of answering {what}."
            )),
            HttpError::Body(_) => {
                unavailable(format!("{name}'s answer to {what} broke off half-way."))
            }
            HttpError::TooLarge { max_bytes } => Failure::lasting(
                Origin::Vendor,
                FailureKind::MalformedAnswer,
                format!(
                    "{name}'s answer to {what} is larger than the {} MB that are read at most.",
                    max_bytes >> 20
                ),
            ),
            HttpError::Crowded => Failure::crowded(format!(
                "{name}'s answer to {what} is large, and other large answers were being read."
            )),
            HttpError::Forbidden => misconfigured(format!(
                "{name}'s address is inside a private network, which the operator has not allowed."
            )),
            HttpError::Url(why) => {
                misconfigured(format!("No request to {name} can be formed: {why}."))
            }
            HttpError::Setup(_) => Failure::internal(),
        }
    }
}
