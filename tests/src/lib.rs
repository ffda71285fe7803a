//! tests

pub mod redis;
pub mod wait;
