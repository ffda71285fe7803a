//! Secrets: sealed at rest, opened in memory, never printed.

mod api_key;
mod bindings;
mod key_ring;
mod one_time;
mod references;
mod signatures;
mod signing;

pub use api_key::ApiKey;
pub use bindings::{AnswerBinding, Binding, Bound, ConsentBinding, GrantBinding, WebhookBinding};
pub use key_ring::{KeyRing, KeyRingError, OpenError, SECRET_AT, Sealed};
pub use one_time::{OneTime, challenge};
pub use references::{References, Unresolved};
pub use secrecy::{ExposeSecret, SecretString};
pub use signatures::{
    P256Point, alternatives, from_hex, is_es256, is_hmac_sha256, is_rsa_sha256, same, sha256,
};
pub use signing::{BadSecret, SigningSecret, WebhookSecrets};
