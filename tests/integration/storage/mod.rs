//! S3 and Azure Blob Storage as sources, against real servers that the vendors' own libraries fill.

mod budgets;
mod reading;
mod refusals;
mod syncing;
