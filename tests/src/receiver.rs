//! A webhook's receiver on loopback: it remembers what it was told, and answers as it is told to.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub text: String,
    /// The same, read.
    pub body: Value,
    /// When.
    pub at: Instant,
    /// What was answered.
    pub answered: u16,
}

impl Message {
    /// A header.
    ///
    /// # Panics
    /// When it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no header {name}: {self:?}"));
        value.to_str().expect("a header of text")
    }

    /// The event's number.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.body["sequence"].as_i64().expect("a sequence")
    }

    /// What the event reports.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().expect("a type")
    }

    /// Whether one of its signatures is by this secret.
    #[must_use]
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").expect("a secret"))
            .expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.{}", self.text).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature")
            .split(' ')
            .any(|given| given == signature)
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    after: Duration,
}

impl Reply {
    /// This status, at once.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            after: Duration::ZERO,
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn saying(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// The same after a while.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

type Script = dyn Fn(&Message) -> Reply + Send + Sync;

#[derive(Default)]
struct Heard {
    messages: Vec<Message>,
    at_once: usize,
    most_at_once: usize,
}

/// The receiver; it ends when it is dropped.
pub struct Receiver {
    url: String,
    heard: Arc<Mutex<Heard>>,
    script: Arc<Mutex<Box<Script>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// One that takes everything.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let script: Arc<Mutex<Box<Script>>> =
            Arc::new(Mutex::new(Box::new(|_| Reply::status(204))));
        let (hearing, scripted) = (heard.clone(), script.clone());
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (hearing, scripted) = (hearing.clone(), scripted.clone());
                let answer = service_fn(move |request| {
                    let (hearing, scripted) = (hearing.clone(), scripted.clone());
                    async move { answer(request, &hearing, &scripted).await }
                });
                connections.spawn(async move {
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self {
            url,
            heard,
            script,
            serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it answers so. Messages that were not answered with a 2xx are remembered as well.
    pub fn answers(&self, script: impl Fn(&Message) -> Reply + Send + Sync + 'static) {
        *lock(&self.script) = Box::new(script);
    }

    /// All messages so far, in the order in which they were answered.
    #[must_use]
    pub fn heard(&self) -> Vec<Message> {
        lock(&self.heard).messages.clone()
    }

    /// Those that were taken.
    #[must_use]
    pub fn taken(&self) -> Vec<Message> {
        let mut heard = self.heard();
        heard.retain(|message| (200..300).contains(&message.answered));
        heard
    }

    /// How many messages it was answering at once, at most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        lock(&self.heard).most_at_once
    }
}

async fn answer(
    request: Request<Incoming>,
    heard: &Mutex<Heard>,
    script: &Mutex<Box<Script>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    {
        let mut heard = lock(heard);
        heard.at_once += 1;
        heard.most_at_once = heard.most_at_once.max(heard.at_once);
    }
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let text = String::from_utf8(body.unwrap_or_default().to_vec()).unwrap_or_default();
    let mut message = Message {
        headers: parts.headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
        at,
        answered: 0,
    };
    let reply = (lock(script))(&message);
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    message.answered = reply.status;
    {
        let mut heard = lock(heard);
        heard.at_once -= 1;
        heard.messages.push(message);
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response
        .body(Full::from(reply.body))
        .expect("a reply that can be said"))
}
