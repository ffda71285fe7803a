//! How a worker hears of jobs and runs them.

pub mod bell;
