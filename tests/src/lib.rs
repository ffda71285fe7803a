//! What tests the product from outside: the harness that runs it, the sandbox of fake vendors, private servers.

pub mod moto;
pub mod redis;
pub mod sandbox;
pub mod wait;
