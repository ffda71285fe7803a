//! What differs between the vendors' OAuth servers.

/// A way to come by tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// `authorization_code`
    Code,
    /// `refresh_token`
    Refresh,
    /// `client_credentials`
    Client,
}

/// Whether a refresh gives a new refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The first one stays good.
    Never,
    /// Each use gives another; the old one works on for the grace period.
    Always {
        /// How long, in seconds.
        grace_s: i64,
    },
    /// A use gives another once the token is this old; the old one then works on for the grace period.
    OlderThan {
        /// How old, in seconds.
        age_s: i64,
        /// How long, in seconds.
        grace_s: i64,
    },
}

/// What the use of a refresh token does that was rotated away, after its grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It is refused.
    Refused,
    /// It is refused, and every token of its family dies: somebody stole it.
    RevokesFamily,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic only.
    Basic,
    /// `client_id` and `client_secret` in the form only.
    Form,
    /// Either.
    Either,
}

/// What an access token looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessForm {
    /// Letters that tell nothing.
    Opaque,
    /// A JWT, in which the claim of this name tells the consent that it came of.
    Jwt(&'static str),
}

/// One vendor's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The grants there are.
    pub grants: &'static [Grant],
    /// How a client proves who it is.
    pub client_auth: ClientAuth,
    /// Whether a refresh gives a new refresh token.
    pub rotation: Rotation,
    /// What the use of an old refresh token does.
    pub reuse: Reuse,
    /// What an access token looks like.
    pub access_form: AccessForm,
    /// How long an access token lives.
    pub access_life_s: i64,
    /// How long an unused refresh token lives; without an end when `None`.
    pub refresh_life_s: Option<i64>,
    /// A scope without which a consent gives no refresh token, such as `offline_access`.
    pub refresh_scope: Option<&'static str>,
}

impl Policy {
    /// The code flow, either client authentication, no rotation, an hour per access token.
    pub fn code_flow() -> Self {
        Self {
            grants: &[Grant::Code, Grant::Refresh],
            client_auth: ClientAuth::Either,
            rotation: Rotation::Never,
            reuse: Reuse::Refused,
            access_form: AccessForm::Opaque,
            access_life_s: 3_600,
            refresh_life_s: None,
            refresh_scope: None,
        }
    }

    /// Client credentials, which give no refresh token.
    pub fn client_credentials() -> Self {
        Self {
            grants: &[Grant::Client],
            ..Self::code_flow()
        }
    }
}
