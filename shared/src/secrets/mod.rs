//! Secrets: sealed at rest, opened in memory, never printed.

mod api_key;
mod key_ring;
mod references;

pub use api_key::ApiKey;
pub use key_ring::{AnswerBinding, Binding, Bound, KeyRing, KeyRingError, OpenError, Sealed};
pub use references::{References, Unresolved};
pub use secrecy::{ExposeSecret, SecretString};
