//! Telling receivers what happened: a message signed as [Standard Webhooks](https://www.standardwebhooks.com) says, and
//! what is made of the answer.

use std::time::{Duration, Instant};

use crate::domain::{EventId, Sent};
use crate::http::{Answer, Http, HttpError, Method, Request};
use crate::secrets::WebhookSecrets;

/// So much of an answer is kept.
const ANSWER_BYTES: usize = 1_024;

/// What came back, as far as rules need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took the event.
    Taken,
    /// It did not take this one.
    Refused,
    /// It takes none now: it cannot be reached, or says so.
    Away,
    /// It wants no more, ever.
    Gone,
}

/// What an attempt brought.
#[derive(Debug)]
pub struct Attempted {
    /// What it comes to.
    pub verdict: Verdict,
    /// How long the receiver asks us to wait.
    pub asked: Option<Duration>,
    /// What was sent and what came back.
    pub sent: Sent,
}

/// Sends a message to a receiver, signed as of now, and says what came of it.
pub async fn send(
    http: &Http,
    url: &str,
    secrets: &WebhookSecrets,
    id: EventId,
    body: String,
) -> Attempted {
    let (started_at, begun) = (http.now(), Instant::now());
    let id = id.to_string();
    let signature = secrets.sign(&id, started_at, &body);
    let mut request = Request::new(Method::Post, url)
        .header("Content-Type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", started_at.timestamp().to_string())
        .header("webhook-signature", signature)
        .only_first(ANSWER_BYTES);
    for (name, value) in &secrets.headers {
        request = request.secret_header(name, value.clone());
    }
    let answered = http.send(request.body(body)).await;
    let latency = begun.elapsed();
    let (verdict, error) = judge(&answered);
    let answer = answered.as_ref().ok();
    Attempted {
        verdict,
        asked: answer.and_then(Answer::retry_after),
        sent: Sent {
            started_at,
            latency,
            status: answer.map(|answer| answer.status),
            answer: answer.map(|answer| text(&answer.body)),
            error,
        },
    }
}

fn judge(answered: &Result<Answer, HttpError>) -> (Verdict, Option<String>) {
    let status = match answered {
        Ok(answer) => answer.status,
        Err(error) => return (Verdict::Away, Some(error.to_string())),
    };
    let verdict = match status {
        200..300 => return (Verdict::Taken, None),
        410 => Verdict::Gone,
        429 | 502..=504 => Verdict::Away,
        _ => Verdict::Refused,
    };
    let why = match status {
        300..400 => format!("answered {status}; redirects are not followed"),
        _ => format!("answered {status}"),
    };
    (verdict, Some(why))
}

/// As Postgres can store it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}
