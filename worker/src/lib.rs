//! worker

pub mod runtime;
