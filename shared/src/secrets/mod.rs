//! Secrets: sealed at rest, opened in memory, never printed.

mod api_key;
mod key_ring;
mod one_time;
mod references;

pub use api_key::ApiKey;
pub use key_ring::{
    AnswerBinding, Binding, Bound, ConsentBinding, GrantBinding, KeyRing, KeyRingError, OpenError,
    Sealed,
};
pub use one_time::{OneTime, challenge};
pub use references::{References, Unresolved};
pub use secrecy::{ExposeSecret, SecretString};
