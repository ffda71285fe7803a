//! What is used to test the product from outside: the sandbox of fake vendors.

pub mod sandbox;
