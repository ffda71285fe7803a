//! Requests that write, signed anew and sent again where nothing came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::failures;
use super::signer::{Payload, Signer};
use super::{S3Settings, base_url};
use crate::blobs::bucket::{escaped, is_whole, object_url, refusal, said};
use crate::blobs::media_type;
use crate::blobs::unwritten::{Unwritten, Waits};
use crate::domain::Failure;
use crate::http::{Answer, Http, Method};

/// What is asked for beside an object.
pub(super) type Condition = &'static [(&'static str, &'static str)];

/// Putting many parts together may take Amazon minutes, in which it sends blanks.
const PUT_TOGETHER_WITHIN: Duration = Duration::from_mins(10);

/// A bucket that is written to.
#[derive(Debug, Clone)]
pub(super) struct ObjectStore {
    signer: Signer,
    bucket: String,
    base: String,
    http: Http,
    waits: Waits,
    /// Whether the bucket said that it wants one; others do without.
    wants_md5: Arc<AtomicBool>,
}

impl ObjectStore {
    pub(super) fn new(settings: &S3Settings, http: Http) -> Result<Self, Failure> {
        Ok(Self {
            signer: Signer::new(settings),
            bucket: settings.bucket.clone(),
            base: base_url(settings)?,
            http,
            waits: Waits::default(),
            wants_md5: Arc::default(),
        })
    }

    /// The same, with other waits before it asks again.
    pub(super) fn waiting(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// The bucket's name.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The bucket's own URL, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn url(&self, key: &str) -> Result<String, Failure> {
        object_url(&self.base, key).map_err(|_| Failure::internal())
    }

    /// A URL that reads an object until it expires.
    pub(super) fn link(&self, key: &str, valid: Duration) -> Result<String, Failure> {
        let link = self.signer.link(&self.url(key)?, valid, self.http.now());
        link.ok_or_else(Failure::internal)
    }

    /// Begins an upload in parts: what the store knows it by.
    pub(super) async fn begin(&self, url: &str, kind: &str) -> Result<String, Unwritten> {
        let (url, kind) = (format!("{url}?uploads"), [("content-type", kind)]);
        // One whose answer was lost may be there: a second would leave the first to nobody.
        let again = Unwritten::was_not_done;
        let nothing = Bytes::new().into();
        let answer = self.ask(Method::Post, &url, &kind, &nothing, again).await?;
        let id = said(&answer.body, "InitiateMultipartUploadResult", "UploadId");
        id.ok().flatten().ok_or(Unwritten::Malformed)
    }

    /// Sends a part: what the store knows it by.
    pub(super) async fn put_part(
        &self,
        url: &str,
        upload_id: &str,
        number: u32,
        part: &Payload,
    ) -> Result<String, Unwritten> {
        let url = format!("{}&partNumber={number}", of_upload(url, upload_id));
        let again = Unwritten::may_not_be_done;
        let answer = self.ask(Method::Put, &url, &[], part, again).await?;
        let etag = answer.header("etag").map(str::to_owned);
        etag.ok_or(Unwritten::Malformed)
    }

    /// Makes an object of parts that were sent.
    pub(super) async fn complete(
        &self,
        url: &str,
        upload_id: &str,
        etags: &[String],
        condition: Condition,
    ) -> Result<(), Unwritten> {
        let mut list = "<CompleteMultipartUpload>".to_owned();
        for (number, etag) in (1..).zip(etags) {
            let etag = quick_xml::escape::escape(etag);
            list.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            ));
        }
        list.push_str("</CompleteMultipartUpload>");
        let (url, list) = (of_upload(url, upload_id), Bytes::from(list).into());
        let ask = || async {
            let answer = self.ask_once(Method::Post, &url, condition, &list);
            completed(answer.await?)
        };
        self.waits.persist(Unwritten::was_not_done, ask).await
    }

    /// Withdraws an upload in parts. The store knows it no more where it was put together or withdrawn before. What cannot be
    /// withdrawn soon is noted, and withdrawn later.
    pub(super) async fn withdraw(&self, url: &str, upload_id: &str) -> Result<(), Unwritten> {
        let (url, nothing) = (of_upload(url, upload_id), Bytes::new().into());
        let ask = || self.ask_once(Method::Delete, &url, &[], &nothing);
        match Waits::SHORT.persist(Unwritten::may_not_be_done, ask).await {
            Err(cause) if !failures::is_unknown_upload(&cause) => Err(cause),
            _ => Ok(()),
        }
    }

    /// Writes an object with one request.
    pub(super) async fn put_whole(
        &self,
        url: &str,
        key: &str,
        object: &Payload,
        condition: Condition,
    ) -> Result<(), Unwritten> {
        let headers = [&[("content-type", media_type(key))], condition].concat();
        let again = Unwritten::was_not_done;
        let done = self.ask(Method::Put, url, &headers, object, again).await;
        done.map(drop)
    }

    /// Refuses, as a condition would, when there is such an object.
    pub(super) async fn must_be_absent(&self, url: &str) -> Result<(), Unwritten> {
        let (nothing, again) = (Bytes::new().into(), Unwritten::may_not_be_done);
        match self.ask(Method::Head, url, &[], &nothing, again).await {
            Ok(mut there) => {
                there.status = 412;
                Err(there.into())
            }
            Err(cause) if cause.has_status(404) => Ok(()),
            Err(cause) => Err(cause),
        }
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        payload: &Payload,
        again: fn(&Unwritten) -> bool,
    ) -> Result<Answer, Unwritten> {
        let ask = || self.ask_once(method, url, headers, payload);
        self.waits.persist(again, ask).await
    }

    async fn ask_once(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        payload: &Payload,
    ) -> Result<Answer, Unwritten> {
        let is_file = method == Method::Put;
        if !(is_file && self.wants_md5.load(Ordering::Relaxed)) {
            match self.send(method, url, headers, payload).await {
                Err(cause) if is_file && failures::wants_md5(&cause) => {
                    self.wants_md5.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        let md5 = payload.md5();
        let headers = [headers, &[("content-md5", &md5)]].concat();
        self.send(method, url, &headers, payload).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        payload: &Payload,
    ) -> Result<Answer, Unwritten> {
        let now = self.http.now();
        let signed = self.signer.signed(method, url, headers, payload, now);
        let mut request = signed.ok_or(Unwritten::Unsigned)?;
        if method == Method::Post {
            request = request.within(PUT_TOGETHER_WITHIN);
        }
        let answer = self.http.send(request).await?;
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(answer.into())
        }
    }

    /// The failure to report.
    pub(super) fn told(&self, cause: &Unwritten) -> Failure {
        failures::told(cause, &self.bucket, &self.base)
    }
}

fn of_upload(url: &str, upload_id: &str) -> String {
    format!("{url}?uploadId={}", escaped(upload_id, ""))
}

/// Putting together takes its time, so Amazon says 200 before it has begun, and how it ended in what follows.
fn completed(mut answer: Answer) -> Result<(), Unwritten> {
    let root = "CompleteMultipartUploadResult";
    if is_whole(&answer.body, root) {
        return Ok(());
    }
    answer.status = match refusal::code(&answer).as_str() {
        "" => return Err(Unwritten::Malformed),
        "PreconditionFailed" => 412,
        "ConditionalRequestConflict" => 409,
        "NoSuchUpload" => 404,
        "NotImplemented" => 501,
        "AccessDenied" => 403,
        // As Amazon's own libraries take it.
        _ => 500,
    };
    Err(answer.into())
}
