//! The HTTP server under every vendor: one thread, one listener, HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::body::{AnswerBody, Ending, ResetSwitch, Wire};
use super::control;
use super::exchange::{Answer, Request, Vendor};
use super::faults::{Fault, Faults};
use super::request_log::{LoggedRequest, RequestLog};

/// What every connection needs.
pub(super) struct Shared {
    pub(super) vendor: Arc<dyn Vendor>,
    pub(super) faults: Faults,
    pub(super) requests: RequestLog,
    pub(super) latency: Duration,
    /// Makes request ids.
    pub(super) answered: AtomicU64,
}

/// Serves until told to stop; then every connection is dropped, also those in the middle of an answer.
pub(super) fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    stop: oneshot::Receiver<Infallible>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        let accept = async {
            loop {
                // Done connections are collected here, or a long run would keep every one of them.
                while connections.try_join_next().is_some() {}
                // A connection that broke before it was accepted is no reason to stop.
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                // Answers are small: do not wait for more. On failure they merely come late.
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
        };
        tokio::select! {
            () = accept => {}
            // The sender is never used: dropping it is the signal.
            _ = stop => {}
        }
        Ok(())
    })
}

async fn connection(stream: tokio::net::TcpStream, shared: Arc<Shared>) {
    let switch = ResetSwitch::default();
    let wire = TokioIo::new(Wire::new(stream, switch.clone()));
    let service = service_fn(move |request| {
        let (shared, switch) = (Arc::clone(&shared), switch.clone());
        async move { exchange(request, &shared, switch).await }
    });
    // A caller that hangs up, or a fault that resets, ends a connection with an error nobody needs to hear of.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(wire, service)
        .await;
}

async fn exchange(
    request: hyper::Request<Incoming>,
    shared: &Shared,
    switch: ResetSwitch,
) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query,
        headers: head.headers,
        body,
    };
    if request.path.starts_with(control::PREFIX) {
        return Ok(whole(control::answer(&request, shared)));
    }
    let (fault, gate) = match shared.faults.take(&request.path) {
        Some(met) => (Some(met.fault), met.gate),
        None => Default::default(),
    };
    let answer = answer(&request, fault.as_ref(), shared);
    let status = (fault != Some(Fault::ResetBeforeAnswer)).then_some(answer.status.as_u16());
    shared.requests.push(logged(
        &request,
        fault.clone(),
        status,
        shared.vendor.as_ref(),
    ));
    let delay = match fault {
        Some(Fault::Slow { delay_ms }) => Duration::from_millis(delay_ms),
        _ => shared.latency,
    };
    if fault == Some(Fault::Held) {
        gate.cancelled().await;
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fault {
        Some(Fault::ResetBeforeAnswer) => {
            switch.press();
            Err(io::Error::other("a fault resets this connection"))
        }
        Some(Fault::StalledBody) => Ok(broken(answer, Ending::Stalls)),
        Some(Fault::ResetMidBody) => Ok(broken(answer, Ending::Resets(switch))),
        Some(Fault::SlowBody { pause_ms }) => {
            let body = AnswerBody::trickled(answer.body, Duration::from_millis(pause_ms));
            Ok(response(answer.status, answer.headers, body))
        }
        Some(Fault::HugeBody { bytes }) => Ok(response(
            answer.status,
            answer.headers,
            AnswerBody::huge(bytes),
        )),
        _ => Ok(whole(answer)),
    }
}

/// The vendor's answer, or what a fault puts in its place.
fn answer(request: &Request, fault: Option<&Fault>, shared: &Shared) -> Answer {
    let refusal = |status: u16| {
        shared
            .vendor
            .refusal(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    };
    let mut answer = match fault {
        Some(Fault::RateLimited { retry_after_s }) => match retry_after_s {
            Some(seconds) => refusal(429).header("retry-after", &seconds.to_string()),
            None => refusal(429),
        },
        Some(Fault::Status { status }) => refusal(*status),
        Some(Fault::RefusalInOk { status }) => Answer {
            status: StatusCode::OK,
            ..refusal(*status)
        },
        Some(Fault::HtmlPage { status }) => html_page(*status),
        Some(Fault::EmptyObject) => Answer::json(StatusCode::OK, "{}".to_owned()),
        fault => shared.vendor.answer(request, fault),
    };
    match fault {
        Some(Fault::TruncatedJson) => answer.body.truncate(answer.body.len() / 2),
        Some(Fault::WrongContentType) => {
            answer.headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain; charset=utf-8"),
            );
        }
        _ => {}
    }
    let number = shared.answered.fetch_add(1, Ordering::Relaxed);
    answer.header("request-id", &format!("req_sandbox{number:08}"))
}

fn html_page(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<!doctype html>\n<title>{status}</title>\n<h1>{status}</h1>\n<p>The proxy says hello.</p>\n"
    );
    Answer::typed(status, "text/html; charset=utf-8", page)
}

fn logged(
    request: &Request,
    fault: Option<Fault>,
    status: Option<u16>,
    vendor: &dyn Vendor,
) -> LoggedRequest {
    let header = |name: &&str| {
        let value = request.headers.get(*name)?;
        Some((
            (*name).to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ))
    };
    LoggedRequest {
        method: request.method.to_string(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: vendor
            .headers_of_interest()
            .iter()
            .filter_map(header)
            .collect(),
        authorization: vendor.authorization(request),
        fault,
        status,
    }
}

fn whole(answer: Answer) -> Response<AnswerBody> {
    response(
        answer.status,
        answer.headers,
        AnswerBody::Whole(Some(answer.body)),
    )
}

/// Promises the whole body and sends half of it.
fn broken(mut answer: Answer, ending: Ending) -> Response<AnswerBody> {
    answer
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    let part: Bytes = answer.body.slice(..answer.body.len() / 2);
    let body = AnswerBody::Broken {
        part: Some(part),
        flushed: false,
        ending,
    };
    response(answer.status, answer.headers, body)
}

fn response(
    status: StatusCode,
    headers: hyper::HeaderMap,
    body: AnswerBody,
) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use crate::sandbox::stripe::{DEFAULT_KEY, Settings};
    use crate::sandbox::{Fault, Rule, Sandbox};
    use crate::wait::{SOON, wait_until};

    const LIST: &str = "/v1/customers";

    async fn fetch(sandbox: &Sandbox, path: &str) -> String {
        let url = format!("{}{path}", sandbox.base_url());
        let asked = reqwest::Client::new().get(url).bearer_auth(DEFAULT_KEY);
        asked.send().await.unwrap().text().await.unwrap()
    }

    #[tokio::test]
    async fn held_answers_are_the_right_ones_and_come_when_they_are_released() {
        let sandbox = Sandbox::start(Settings::new(11).with("customers", 3));
        let fair = fetch(&sandbox, LIST).await;
        let held = Rule::new(Fault::Held).on(LIST).always();
        sandbox.faults().add(held);
        let asked = async {
            let both = tokio::join!(fetch(&sandbox, LIST), fetch(&sandbox, LIST));
            (both, Instant::now())
        };
        let release = async {
            wait_until(SOON, "two more questions", async || {
                sandbox.requests().count(LIST) == 3
            })
            .await;
            // Another path is not held.
            fetch(&sandbox, "/v1/products").await;
            let released = Instant::now();
            sandbox.faults().release();
            released
        };
        let ((both, answered), released) = tokio::join!(asked, release);
        assert!(answered > released, "it was not held");
        assert_eq!(both, (fair.clone(), fair.clone()));
        assert_eq!(fetch(&sandbox, LIST).await, fair);
    }
}
