//! What is true of every request, whatever it asks for: who asks, what it brought, what it is answered or refused, and
//! that it may be repeated. What is true of one resource stands in its own folder.

pub mod answer;
pub mod auth;
pub mod body;
pub mod front;
pub mod idempotency;
pub mod in_flight;
pub mod known_keys;
pub mod precondition;
pub mod problem;
pub mod refusal;
pub mod shapes;
