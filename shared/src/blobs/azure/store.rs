//! Requests that write, signed anew and sent again where nothing came of them.

use std::time::Duration;

use bytes::Bytes;

use super::failures;
use crate::blobs::bucket::{AzureSettings, Container, escaped, object_url};
use crate::blobs::media_type;
use crate::blobs::unwritten::{Unwritten, Waits};
use crate::domain::Failure;
use crate::http::{Http, Method};

/// A container that is written to.
#[derive(Debug, Clone)]
pub(super) struct BlobStore {
    container: Container,
    http: Http,
    waits: Waits,
}

impl BlobStore {
    pub(super) fn new(settings: AzureSettings, http: Http) -> Result<Self, Failure> {
        Ok(Self {
            container: Container::new(settings)?,
            http,
            waits: Waits::default(),
        })
    }

    /// The same, with other waits before it asks again.
    pub(super) fn waiting(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// The container's name.
    pub(super) fn container(&self) -> &str {
        self.container.name()
    }

    pub(super) fn url(&self, key: &str) -> Result<String, Failure> {
        object_url(self.container.base(), key).map_err(|_| Failure::internal())
    }

    /// The same for people.
    pub(super) fn locate(&self, key: &str) -> String {
        format!("{}/{}", self.container.base(), escaped(key, "/"))
    }

    /// A URL that reads a blob until it expires; none where nothing of ours signs.
    pub(super) fn link(&self, key: &str, valid: Duration) -> Result<Option<String>, Failure> {
        let until = self.http.now() + valid;
        let query = self.container.readable_until(key, until);
        let url = self.url(key)?;
        Ok(query.map(|query| format!("{url}?{query}")))
    }

    /// Writes a blob with one request.
    pub(super) async fn put_blob(
        &self,
        url: &str,
        key: &str,
        condition: &[(&str, &str)],
        bytes: Bytes,
    ) -> Result<(), Unwritten> {
        let own = [
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-blob-content-type", media_type(key)),
        ];
        self.put(url, &[&own, condition].concat(), bytes).await
    }

    /// Sends a block of a blob that is not there yet.
    pub(super) async fn put_block(
        &self,
        url: &str,
        id: &str,
        bytes: Bytes,
    ) -> Result<(), Unwritten> {
        let url = format!("{url}?comp=block&blockid={}", escaped(id, ""));
        self.put(&url, &[], bytes).await
    }

    /// Makes a blob of blocks that were sent.
    pub(super) async fn put_block_list(
        &self,
        url: &str,
        key: &str,
        condition: &[(&str, &str)],
        ids: impl Iterator<Item = String>,
    ) -> Result<(), Unwritten> {
        let mut list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>".to_owned();
        for id in ids {
            // Also of those that a request put together whose answer was lost.
            list.push_str(&format!("<Latest>{id}</Latest>"));
        }
        list.push_str("</BlockList>");
        let own = [
            ("Content-Type", "application/xml"),
            ("x-ms-blob-content-type", media_type(key)),
        ];
        let url = format!("{url}?comp=blocklist");
        self.put(&url, &[&own, condition].concat(), list.into())
            .await
    }

    /// A block may be sent twice, and of a whole blob the second request finds the first.
    async fn put(&self, url: &str, headers: &[(&str, &str)], body: Bytes) -> Result<(), Unwritten> {
        let put = || self.put_once(url, headers, body.clone());
        self.waits.persist(Unwritten::may_not_be_done, put).await
    }

    async fn put_once(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(), Unwritten> {
        let now = self.http.now();
        let request = self
            .container
            .opened(Method::Put, url, headers, Some(body), now)
            .ok_or(Unwritten::Unsigned)?;
        let answer = self.http.send(request).await?;
        if answer.is_success() {
            Ok(())
        } else {
            Err(answer.into())
        }
    }

    /// The failure to report.
    pub(super) fn told(&self, cause: &Unwritten) -> Failure {
        failures::told(cause, self.container.name())
    }
}
