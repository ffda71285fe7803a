//! The product against real servers.

mod s3;
