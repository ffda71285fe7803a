//! How a long list is read by a job that the vendor carries out.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::lift::Pointer;

/// How a long list is read by a job that the vendor carries out, in place of page by page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Bulk {
    /// In whose way.
    pub by: BulkWay,
    /// Where jobs are made.
    pub path: String,
    /// What a job is asked for, in the vendor's query language.
    pub query: String,
    /// Where the first page of the list tells how many records it has.
    pub total: Pointer,
    /// A list of more than so many is read by a job.
    pub above: u64,
    /// So many rows are taken at once.
    pub rows: u32,
}

/// The ways there are: each is a few lines of Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum BulkWay {
    /// Query jobs of Salesforce's Bulk API 2.0.
    SalesforceQueryJobs,
}
