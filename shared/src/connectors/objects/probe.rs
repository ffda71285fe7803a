//! Whether credentials work, and what they may do.

use super::ObjectStore;
use crate::blobs::NotRead;
use crate::connectors::TestReport;
use crate::connectors::session::Session;
use crate::domain::{Failure, FailureKind};

/// Asked for where nothing is listed: a store says "there is none" only to those who may read.
const NOBODY: &str = "integrations-rail-reads-no-such-object";

impl ObjectStore {
    /// Lists one object and reads a byte of it.
    pub(in crate::connectors) async fn test(
        &self,
        session: &Session,
    ) -> Result<TestReport, Failure> {
        let prefix = &self.settings.prefix;
        let listed = self.bucket.list_one(prefix).await;
        let listing = listed.map_err(|not_read| self.failure(not_read, session, "the listing"))?;
        let key = listing.objects.first();
        let key = key.map_or(format!("{prefix}{NOBODY}"), |listed| listed.key.clone());
        let mut report = TestReport {
            latency_ms: listing.latency_ms,
            version: listing.version,
            permissions: vec!["list".to_owned()],
            missing_permissions: Vec::new(),
        };
        match self.bucket.read(&key, 0..1, None).await {
            Err(not_read) if is_forbidden(&not_read) => {
                report.missing_permissions.push("rows:read".to_owned());
            }
            Err(not_read @ (NotRead::Refused(_) | NotRead::Unanswered(_))) => {
                return Err(self.failure(not_read, session, "an object"));
            }
            // Whatever is the matter with this one object, it was not forbidden.
            Ok(_) | Err(_) => report.permissions.push("read".to_owned()),
        }
        Ok(report)
    }
}

fn is_forbidden(not_read: &NotRead) -> bool {
    match not_read {
        NotRead::Refused(failure) => failure.kind == FailureKind::PermissionDenied,
        NotRead::Unreadable { code, .. } => *code == "forbidden-object",
        _ => false,
    }
}
