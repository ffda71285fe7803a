//! What was asked of the sandbox, for tests to count.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::exchange::Authorization;
use super::faults::Fault;

/// How many requests are kept; the counts go on for ever.
const KEPT: usize = 100_000;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// GET, POST …
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query's names and values, decoded.
    pub query: Vec<(String, String)>,
    /// The headers the vendor is interested in, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What the credentials were worth; never the credentials.
    pub authorization: Authorization,
    /// The fault it met.
    pub fault: Option<Fault>,
    /// The status it was answered with; `None` when the connection was reset instead.
    pub status: Option<u16>,
}

impl LoggedRequest {
    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header of interest.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// All requests so far, oldest first. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<LoggedRequest>,
    counts: BTreeMap<String, u64>,
}

impl RequestLog {
    /// Every request kept, oldest first.
    pub fn all(&self) -> Vec<LoggedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    /// The requests to one path.
    pub fn to(&self, path: &str) -> Vec<LoggedRequest> {
        self.lock()
            .requests
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// How many requests there were to a path, those no longer kept included.
    pub fn count(&self, path: &str) -> u64 {
        self.lock().counts.get(path).copied().unwrap_or(0)
    }

    /// How many requests there were to each path.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Log::default();
    }

    pub(super) fn push(&self, request: LoggedRequest) {
        let mut log = self.lock();
        *log.counts.entry(request.path.clone()).or_default() += 1;
        if log.requests.len() == KEPT {
            log.requests.pop_front();
        }
        log.requests.push_back(request);
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
