//! Tokens by OAuth 2: a first one by consent or by the app's own credentials, the next ones by refreshing, and never two
//! processes at that at once.

mod asking;
mod consent;
mod fetch;
mod held;
mod tokens;

pub(super) use held::Held;
pub(super) use tokens::Tokens;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use url::Url;

use super::draft::fill;
use super::exchange::Exchange;
use super::file::{Auth, BaseUrl, OAuth};
use crate::domain::{Failure, Grant};

impl Exchange<'_> {
    /// How this connection comes by tokens, where it does.
    pub(super) fn tokens(&self) -> Option<Tokens<'_>> {
        match (&self.reading.auth, &self.reading.oauth) {
            (Auth::OAuth2 {}, Some(rules)) => Some(Tokens {
                exchange: self,
                rules,
            }),
            _ => None,
        }
    }

    /// A URL of the vendor's that the file gives whole.
    fn whole_url(&self, url: &BaseUrl) -> Result<String, Failure> {
        let text = self.placed(url)?;
        fill(text, |name| self.session.text(name)).map_err(|name| self.lacks(&name))
    }
}

impl OAuth {
    /// The same at another origin: paths stay.
    pub(super) fn moved_to(mut self, base_url: &str) -> Self {
        if let Ok(base) = Url::parse(base_url) {
            let origin = base.origin().ascii_serialization();
            for url in self.urls() {
                let path = url
                    .split_once("://")
                    .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
                *url = format!("{origin}{}", path.unwrap_or_default());
            }
        }
        self
    }

    /// Whether a grant has a token for some time yet that is not the refused one.
    fn is_good(&self, grant: &Grant, refused: Option<&SecretString>, now: DateTime<Utc>) -> bool {
        held::is_alive(grant, refused, now + self.replaced_before_end(grant))
    }

    /// How long before its end a token is replaced: at most half of its life, or one that lives shortly would be fetched
    /// anew for each request.
    fn replaced_before_end(&self, grant: &Grant) -> TimeDelta {
        let before = TimeDelta::seconds(i64::from(self.refresh_before_seconds));
        match (grant.fetched_at, grant.expires_at) {
            (Some(from), Some(until)) => before.min((until - from) / 2),
            _ => before,
        }
    }
}
