//! Buckets and containers that are read: listed page by page, their objects in pieces of a size that we choose.
//!
//! These requests go through [`crate::http`]: where they go may have been said by a caller, so the guard judges every
//! address at the moment of connecting, no redirect is followed, and no answer is larger than asked for.

mod azure;
mod listing;
pub(super) mod refusal;
mod s3;
mod turns;
mod whole;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

pub use self::azure::{AzureKey, AzureSettings};
pub(super) use self::azure::{Container, azure_url};
pub(super) use self::listing::{is_whole, said};
use self::s3::S3Bucket;
pub use self::turns::Turns;
use super::S3Settings;
use crate::domain::Failure;
use crate::http::{Answer, Http, HttpError, Method, Request};

/// How much of an object one request brings at most: what larger answers need of memory is given out one by one.
const PIECE_BYTES: u64 = 1 << 20;

/// A bucket or container whose objects are read.
#[derive(Debug, Clone)]
pub struct Bucket {
    protocol: Protocol,
    http: Http,
    piece_bytes: u64,
    turns: Option<Arc<Turns>>,
}

#[derive(Debug, Clone)]
enum Protocol {
    S3(Box<S3Bucket>),
    Azure(Box<Container>),
}

/// Where a protocol has things.
struct Addresses<'a> {
    base: &'a str,
    /// What follows it to list, with the parameters that are always there.
    list: &'static str,
    /// The parameter that bounds a page.
    at_most: &'static str,
    /// The parameter that tells where a page begins.
    from: &'static str,
}

impl Addresses<'_> {
    fn list(&self, prefix: &str, from: Option<&str>, at_most: Option<u32>) -> String {
        let at_most = at_most.map(|count| count.to_string());
        let parameters = [
            (self.at_most, at_most.as_deref()),
            ("prefix", Some(prefix).filter(|prefix| !prefix.is_empty())),
            (self.from, from),
        ];
        let mut url = format!("{}{}", self.base, self.list);
        for (name, value) in parameters {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={}", escaped(value, "")));
            }
        }
        url
    }
}

/// An object, as the listing shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: String,
    /// Names this version of it.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// When it was last written, or begun to be written in parts.
    pub last_modified: DateTime<Utc>,
    /// Whatever else the listing says of it, by the store's names.
    pub also: Vec<(&'static str, String)>,
}

/// A page of the listing.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The objects, in the store's order.
    pub objects: Vec<Listed>,
    /// Where the next page is; `None` after the last.
    pub next: Option<String>,
    /// When the store answered, by its own clock where it says.
    pub as_of: DateTime<Utc>,
    /// How long that took.
    pub latency_ms: u64,
    /// The version of the protocol, where the store says.
    pub version: Option<String>,
}

/// A piece of an object.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The bytes; fewer than asked for at the object's end.
    pub bytes: Bytes,
    /// The version of the object.
    pub etag: String,
    /// The length of the whole object.
    pub size: u64,
    /// When the object was last written.
    pub last_modified: Option<DateTime<Utc>>,
    /// When the store answered, by its own clock where it says.
    pub as_of: DateTime<Utc>,
}

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// No answer came.
    #[error("the store did not answer")]
    Unanswered(#[from] HttpError),
    /// The store refused, or its answer is none.
    #[error("the store refused")]
    Refused(#[source] Failure),
    /// The object is another version than the one that was asked for.
    #[error("the object was changed meanwhile")]
    Changed,
    /// There is no such object (any more).
    #[error("there is no such object")]
    Gone,
    /// This one object cannot be read, and others can.
    #[error("the object cannot be read: {message}")]
    Unreadable {
        /// Stable, kebab-case.
        code: &'static str,
        /// Why.
        message: String,
    },
}

impl Bucket {
    /// A bucket of S3 or of a store that speaks its protocol.
    ///
    /// # Errors
    /// When a setting cannot work; it is named.
    pub fn s3(settings: S3Settings, http: Http) -> Result<Self, Failure> {
        Ok(Self::of(
            Protocol::S3(Box::new(S3Bucket::new(settings)?)),
            http,
        ))
    }

    /// A container of Azure Blob Storage or of an emulator.
    ///
    /// # Errors
    /// When a setting cannot work; it is named.
    pub fn azure(settings: AzureSettings, http: Http) -> Result<Self, Failure> {
        Ok(Self::of(
            Protocol::Azure(Box::new(Container::new(settings)?)),
            http,
        ))
    }

    fn of(protocol: Protocol, http: Http) -> Self {
        Self {
            protocol,
            http,
            piece_bytes: PIECE_BYTES,
            turns: None,
        }
    }

    /// The same, whose requests are counted, and sent when it is their turn.
    #[must_use]
    pub fn paced(self, turns: Turns) -> Self {
        Self {
            turns: Some(Arc::new(turns)),
            ..self
        }
    }

    /// The same, read in smaller pieces.
    #[cfg(test)]
    pub(crate) fn in_pieces_of(self, piece_bytes: u64) -> Self {
        Self {
            piece_bytes,
            ..self
        }
    }

    /// How much of an object one request brings at most.
    #[must_use]
    pub fn piece_bytes(&self) -> u64 {
        self.piece_bytes
    }

    /// Lists what begins with `prefix`: from `from` on, as the page before said; as many as the store gives at once.
    ///
    /// # Errors
    /// [`NotRead`].
    pub async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Listing, NotRead> {
        self.list_at_most(prefix, from, None).await
    }

    /// Lists only the first object, to see whether that is allowed.
    ///
    /// # Errors
    /// [`NotRead`].
    pub async fn list_one(&self, prefix: &str) -> Result<Listing, NotRead> {
        self.list_at_most(prefix, None, Some(1)).await
    }

    async fn list_at_most(
        &self,
        prefix: &str,
        from: Option<&str>,
        at_most: Option<u32>,
    ) -> Result<Listing, NotRead> {
        let url = self.addresses().list(prefix, from, at_most);
        let answer = self.send(self.get(&url, &[])?).await?;
        if !answer.is_success() {
            return Err(refusal::of(&answer, &self.store()));
        }
        let listed = match &self.protocol {
            Protocol::S3(_) => listing::of_s3(&answer.body, from),
            Protocol::Azure(_) => listing::of_azure(&answer.body),
        };
        let (objects, next) =
            listed.map_err(|wrong| refusal::malformed(&self.store(), "listing", &wrong))?;
        Ok(Listing {
            objects,
            next,
            as_of: as_of(&answer),
            latency_ms: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
            version: answer.header("x-ms-version").map(str::to_owned),
        })
    }

    /// Reads a piece of an object: at most [`Bucket::piece_bytes`], and of this version only where one is named.
    ///
    /// # Errors
    /// [`NotRead`].
    pub async fn read(
        &self,
        key: &str,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<Piece, NotRead> {
        let range = range.start..range.end.min(range.start + self.piece_bytes);
        let url = object_url(self.addresses().base, key)?;
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let mut headers = vec![("Range", bytes.as_str())];
        headers.extend(etag.map(|etag| ("If-Match", etag)));
        let answer = self.send(self.get(&url, &headers)?.as_kept()).await?;
        if answer.status == 416 {
            // Nothing is where we asked: an empty object, or another than we know.
            return match etag {
                Some(_) => Err(NotRead::Changed),
                None => Ok(piece(&answer, Bytes::new(), 0)),
            };
        }
        if !answer.is_success() {
            return Err(refusal::of_object(&answer, &self.store()));
        }
        let wrong = |what| refusal::malformed(&self.store(), "object", what);
        if let Some(wanted) = etag {
            // Whatever is between us and the store may not know conditions.
            let told = answer.header("etag");
            let told = told.ok_or_else(|| wrong("does not say of which version it is"))?;
            if told.trim_matches('"') != wanted.trim_matches('"') {
                return Err(NotRead::Changed);
            }
        }
        if answer.status != 206 {
            // The store does not know parts: it sent everything.
            let size = answer.body.len() as u64;
            let place = |at: u64| usize::try_from(at.min(size)).unwrap_or_default();
            let bytes = answer.body.slice(place(range.start)..place(range.end));
            return Ok(piece(&answer, bytes, size));
        }
        let told = answer.header("content-range").and_then(content_range);
        let (start, size) = told.ok_or_else(|| wrong("does not say which part it is"))?;
        if start != range.start {
            return Err(wrong("is another part than the one asked for"));
        }
        Ok(piece(&answer, answer.body.clone(), size))
    }

    /// A request that proves who asks.
    fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Request, NotRead> {
        let now = self.http.now();
        let request = match &self.protocol {
            Protocol::S3(bucket) => bucket.signed(url, headers, now),
            Protocol::Azure(container) => container.opened(Method::Get, url, headers, None, now),
        };
        request.ok_or_else(|| NotRead::Refused(Failure::internal()))
    }

    fn addresses(&self) -> Addresses<'_> {
        match &self.protocol {
            Protocol::S3(bucket) => bucket.addresses(),
            Protocol::Azure(container) => container.addresses(),
        }
    }

    async fn send(&self, request: Request) -> Result<Answer, NotRead> {
        // Boxed, as futures that hold these are deep enough.
        match Box::pin(self.in_turn(request.clone())).await {
            // A kept connection that is closed just then says nothing about the store.
            Err(NotRead::Unanswered(HttpError::Reset(_))) => Box::pin(self.in_turn(request)).await,
            answer => answer,
        }
    }

    /// Sends a request when it is its turn among all that the store gets.
    async fn in_turn(&self, request: Request) -> Result<Answer, NotRead> {
        let Some(turns) = &self.turns else {
            return Ok(self.http.send(request).await?);
        };
        let store = self.store();
        let pass = turns.enter(store.name).await.map_err(NotRead::Refused)?;
        let answer = pass.during(self.http.send(request)).await?;
        if !answer.is_success() {
            turns.refused(&answer, &refusal::of(&answer, &store)).await;
        }
        Ok(answer)
    }

    fn store(&self) -> refusal::Store<'_> {
        match &self.protocol {
            Protocol::S3(bucket) => bucket.store(),
            Protocol::Azure(container) => container.store(),
        }
    }
}

fn piece(answer: &Answer, bytes: Bytes, size: u64) -> Piece {
    Piece {
        bytes,
        etag: answer.header("etag").unwrap_or_default().to_owned(),
        size,
        last_modified: answer.header("last-modified").and_then(listing::http_date),
        as_of: as_of(answer),
    }
}

fn as_of(answer: &Answer) -> DateTime<Utc> {
    answer.date().unwrap_or(answer.received_at)
}

/// The first byte and the length of the whole, of `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, size.parse().ok()?))
}

/// A text in a URL: all but letters, digits and `-_.~` is escaped, and slashes too where it is not a path.
pub(super) fn escaped(text: &str, kept: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-_.~".contains(&byte)
            || kept.as_bytes().contains(&byte)
        {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// The path of an object below `base`; refused where a URL cannot spell it.
pub(super) fn object_url(base: &str, key: &str) -> Result<String, NotRead> {
    // Whatever reads a URL takes these parts out, however they are escaped: another object would be read.
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(NotRead::Unreadable {
            code: "unusable-key",
            message: "its name holds . or .. as a part, which no request can spell".to_owned(),
        });
    }
    Ok(format!("{base}/{}", escaped(key, "/")))
}

#[cfg(test)]
mod tests;
