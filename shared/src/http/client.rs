//! Sends requests.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::guard::AllowedNames;
use super::request::Compressed;
use super::{Answer, Guard, HttpError, Method, Networks, Request};
use crate::domain::Clock;

/// How long and how large an exchange may become.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a connection stands, encryption included.
    pub connect: Duration,
    /// Between two reads of an answer.
    pub idle_read: Duration,
    /// From the first byte sent to the last byte received.
    pub whole: Duration,
    /// Of an answer's body, decompressed.
    pub max_body_bytes: usize,
    /// From which size on a body counts as large.
    pub large_body_bytes: usize,
    /// How many large bodies are held in memory at once; further ones are read on when one of them is let go.
    pub large_bodies: usize,
    /// How long a further one waits for that: less than its sender waits for us.
    pub room_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle_read: Duration::from_secs(30),
            whole: Duration::from_secs(120),
            max_body_bytes: 32 * 1024 * 1024,
            large_body_bytes: 1024 * 1024,
            large_bodies: 4,
            room_within: Duration::from_secs(20),
        }
    }
}

/// The client for other systems' HTTP APIs. Cheap to clone: connections are shared.
#[derive(Clone)]
pub struct Http {
    decompressing: Clients,
    keeping: Clients,
    guard: Arc<Guard>,
    limits: Limits,
    room_for_large: Arc<Semaphore>,
    /// How many answers had to wait for room.
    #[cfg(test)]
    pub(super) kept_waiting: Arc<std::sync::atomic::AtomicUsize>,
    clock: Clock,
}

/// One client for each degree of trust.
#[derive(Clone)]
struct Clients {
    guarded: reqwest::Client,
    // For the origins the operator named, whose addresses are not judged.
    trusting: reqwest::Client,
}

impl Clients {
    fn new(limits: &Limits, guard: &Guard, compressed: Compressed) -> Result<Self, HttpError> {
        let builder = || builder(limits).gzip(compressed == Compressed::Undone);
        let names = AllowedNames(guard.networks().clone());
        let guarded = builder().dns_resolver(Arc::new(names));
        Ok(Self {
            guarded: guarded.build().map_err(HttpError::Setup)?,
            trusting: builder().build().map_err(HttpError::Setup)?,
        })
    }
}

/// A body that occupies room until the last part of it is let go.
struct Large {
    body: BytesMut,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Http {
    /// A client with the given limits that reaches only what the guard allows.
    ///
    /// # Errors
    /// [`HttpError::Setup`], when the system's means for TLS cannot be set up.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, HttpError> {
        Ok(Self {
            decompressing: Clients::new(&limits, &guard, Compressed::Undone)?,
            keeping: Clients::new(&limits, &guard, Compressed::Kept)?,
            guard: Arc::new(guard),
            limits,
            room_for_large: Arc::new(Semaphore::new(limits.large_bodies)),
            #[cfg(test)]
            kept_waiting: Arc::default(),
            clock: Clock::system(),
        })
    }

    /// The client for webhooks' receivers: it reaches public addresses and these networks, and waits less long.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn to_webhooks(networks: Networks) -> Result<Self, HttpError> {
        let limits = Limits {
            connect: Duration::from_secs(5),
            idle_read: Duration::from_secs(15),
            whole: Duration::from_secs(15),
            ..Limits::default()
        };
        Self::new(Guard::public().allowing(networks), limits)
    }

    /// The same with another clock for the time of arrival.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What the time is, by the clock of arrivals.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sends a request and reads the whole answer, whatever its status. No redirect is followed and nothing is tried again.
    ///
    /// # Errors
    /// [`HttpError`], when no whole answer came within the limits.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let mut url = Url::parse(&request.url).map_err(|_| HttpError::Url("not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::Url("neither http nor https"));
        }
        if !request.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            for (name, value) in &request.query {
                pairs.append_pair(name, value.expose());
            }
        }
        let clients = match request.compressed {
            Compressed::Undone => &self.decompressing,
            Compressed::Kept => &self.keeping,
        };
        let client = if self.guard.trusts(&url) {
            &clients.trusting
        } else {
            let networks = self.guard.networks();
            networks
                .check_literal(&url)
                .map_err(|_| HttpError::Forbidden)?;
            &clients.guarded
        };
        let mut sending = client
            .request(method(request.method), url)
            .headers(headers(&request)?);
        if let Some(limit) = request.within {
            sending = sending.timeout(limit);
        }
        if let Some(body) = request.body {
            if body.is_empty() {
                // Not said by itself, and some servers want it.
                sending = sending.header(CONTENT_LENGTH, 0);
            }
            sending = sending.body(body);
        }
        let begun = Instant::now();
        let mut response = sending.send().await.map_err(HttpError::before_answer)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = match request.only_first {
            Some(bytes) => beginning(response, bytes).await,
            None => self.whole_body(response).await?,
        };
        Ok(Answer {
            status,
            body,
            latency: begun.elapsed(),
            received_at: self.clock.now(),
            headers,
        })
    }

    async fn whole_body(&self, mut response: reqwest::Response) -> Result<Bytes, HttpError> {
        let max_bytes = self.limits.max_body_bytes;
        // As large as it says it is, as far as that is not large: it may not be true.
        let said = response.content_length().unwrap_or_default();
        let said = usize::try_from(said).unwrap_or(usize::MAX);
        let mut whole = BytesMut::with_capacity(said.min(self.limits.large_body_bytes));
        let (mut room, mut waited) = (None, false);
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // We kept it waiting: that it broke off says nothing about the other side.
                Err(_) if waited => return Err(HttpError::Crowded),
                Err(error) => return Err(HttpError::within_answer(error)),
            };
            let size = whole.len() + chunk.len();
            if size > max_bytes {
                return Err(HttpError::TooLarge { max_bytes });
            }
            if size > self.limits.large_body_bytes && room.is_none() {
                room = self.room_for_large.clone().try_acquire_owned().ok();
                if room.is_none() {
                    waited = true;
                    room = Some(self.wait_for_room().await?);
                }
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(match room {
            Some(room) => Bytes::from_owner(Large {
                body: whole,
                _room: room,
            }),
            None => whole.freeze(),
        })
    }

    async fn wait_for_room(&self) -> Result<OwnedSemaphorePermit, HttpError> {
        #[cfg(test)]
        self.kept_waiting
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let room = self.room_for_large.clone().acquire_owned();
        match tokio::time::timeout(self.limits.room_within, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(HttpError::Crowded),
        }
    }
}

/// The beginning of a body; the status alone tells how it went, so that one that breaks off says nothing more.
async fn beginning(mut response: reqwest::Response, bytes: usize) -> Bytes {
    let mut read = BytesMut::new();
    while read.len() < bytes {
        match response.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    read.truncate(bytes);
    read.freeze()
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn builder(limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("integrations-rail/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        // A proxy would resolve names out of the guard's sight.
        .no_proxy()
        .connect_timeout(limits.connect)
        .read_timeout(limits.idle_read)
        .timeout(limits.whole)
        .pool_idle_timeout(Duration::from_secs(60))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

fn headers(request: &Request) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::new();
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| HttpError::Url("a header's name is not valid"))?;
        let mut text = HeaderValue::from_str(value.expose())
            .map_err(|_| HttpError::Url("a header's value holds characters that cannot be sent"))?;
        text.set_sensitive(matches!(value, super::request::Value::Secret(_)));
        map.append(name, text);
    }
    Ok(map)
}
