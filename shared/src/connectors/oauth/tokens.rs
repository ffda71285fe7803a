//! The token that requests carry: the kept one while it is good, else a new one, fetched by one process at a time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use super::super::classify::Vendor;
use super::super::draft::fill;
use super::super::exchange::Exchange;
use super::super::file::{GrantType, OAuth};
use super::asking::{Asked, Asking, Refused, User};
use super::fetch::{self, App, Fetched, Renewed};
use super::held::is_alive;
use crate::domain::{Claim, Failure, FailureKind, Grant, Kept, Origin, VaultError};

/// How long nobody else fetches a token: longer than fetching and keeping one takes, all waits for Postgres included.
const RIGHT_FOR: Duration = Duration::from_secs(60);
/// How long one waits for another process that fetches a token.
const PATIENCE: Duration = Duration::from_secs(65);
/// How often one looks whether it is there.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a token is used that lives, but could not be replaced early.
const REST: TimeDelta = TimeDelta::seconds(30);

/// How a connection comes by tokens.
#[derive(Clone, Copy)]
pub(in crate::connectors) struct Tokens<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) rules: &'a Arc<OAuth>,
}

impl Tokens<'_> {
    /// A token that is good for a request now.
    pub(in crate::connectors) async fn current(&self) -> Result<SecretString, Failure> {
        if let Some(token) = self.good(self.exchange.session.held.grant(), None) {
            return Ok(token);
        }
        let mut rest = self.exchange.session.held.alone().await;
        let grant = self.grant_of(&self.read().await?);
        if let Some(token) = self.good(Some(grant.clone()), None) {
            return Ok(token);
        }
        if rest.is_some_and(|until| self.exchange.http.now() < until)
            && let Some(token) = self.alive(&grant, None)
        {
            return Ok(token);
        }
        match self.renew(None).await {
            // It was asked for early, so that there is time for this.
            Err(failure) if failure.retryable => {
                *rest = Some(self.exchange.http.now() + REST);
                self.alive(&grant, None).ok_or(failure)
            }
            renewed => renewed,
        }
    }

    /// Has what is kept at hand, whether its token is good or not.
    pub(in crate::connectors) async fn recall(&self) -> Result<(), Failure> {
        self.read().await.map(drop)
    }

    /// Another token than the one that the vendor refused.
    pub(in crate::connectors) async fn instead_of(
        &self,
        refused: &SecretString,
    ) -> Result<SecretString, Failure> {
        let _alone = self.exchange.session.held.alone().await;
        match self.good(self.exchange.session.held.grant(), Some(refused)) {
            Some(token) => Ok(token),
            None => self.renew(Some(refused)).await,
        }
    }

    async fn renew(&self, refused: Option<&SecretString>) -> Result<SecretString, Failure> {
        let vault = &self.exchange.session.vault;
        let mut waited = Duration::ZERO;
        loop {
            match vault.claim(RIGHT_FOR).await.map_err(unreachable)? {
                Claim::Ours(kept) => return self.renew_from(kept, refused).await,
                Claim::Theirs => {}
            }
            let kept = self.read().await?;
            let grant = self.grant_of(&kept);
            let good = self.good(Some(grant.clone()), refused);
            // While another fetches the next one, the old one may do for some seconds.
            let good = good.or_else(|| self.alive(&grant, refused));
            if let Some(token) = good {
                return Ok(token);
            }
            if waited >= PATIENCE {
                return Err(Failure::crowded(format!(
                    "The authorization at {} is being renewed by another process; the work goes on when it is.",
                    self.exchange.name
                )));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        }
    }

    /// Fetches a token, with the right to do so.
    async fn renew_from(
        &self,
        kept: Kept,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Failure> {
        let session = self.exchange.session;
        let from = self.grant_of(&kept);
        session.held.hold(from.clone());
        if let Some(token) = self.good(Some(from.clone()), refused) {
            self.release().await;
            return Ok(token);
        }
        let asking = match self.asking(&from) {
            Ok(asking) => asking,
            Err(failure) => {
                self.release().await;
                return Err(failure);
            }
        };
        let (http, vault) = (self.exchange.http.clone(), Arc::clone(&session.vault));
        let renewing = fetch::renew(
            http,
            asking,
            Arc::clone(self.rules),
            vault,
            from,
            kept.version,
        );
        let renewed = tokio::spawn(renewing).await;
        match renewed.map_err(|_| Failure::internal())? {
            Renewed::Kept(kept) => self.token_of(&kept),
            Renewed::Overtaken => self.token_of(&self.read().await?),
            Renewed::Lost => Err(Failure::internal()),
            Renewed::Not(fetched) => {
                self.release().await;
                let failure = self.failure(fetched);
                // Whoever came first may have ended the token that was sent.
                let now = self.read().await?;
                match self.good(Some(self.grant_of(&now)), refused) {
                    Some(token) if now.version != kept.version => Ok(token),
                    _ => Err(failure),
                }
            }
        }
    }

    fn token_of(&self, kept: &Kept) -> Result<SecretString, Failure> {
        let grant = self.grant_of(kept);
        self.exchange.session.held.hold(grant.clone());
        grant.access_token.ok_or_else(Failure::internal)
    }

    fn asking(&self, from: &Grant) -> Result<Asking, Failure> {
        let url = self.exchange.whole_url(&self.rules.token_url)?;
        let scopes = self.rules.scopes.join(" ");
        let app = self.app()?;
        let mut fields = Vec::new();
        match (self.rules.grant, &from.refresh_token) {
            (GrantType::ClientCredentials, _) => {
                fields.push(("grant_type", "client_credentials"));
                if !scopes.is_empty() {
                    fields.push(("scope", &scopes));
                }
            }
            (_, Some(token)) => {
                fields.push(("grant_type", "refresh_token"));
                fields.push(("refresh_token", token.expose_secret()));
            }
            (_, None) => {
                let name = self.exchange.name;
                return Err(self.rejected(&format!(
                    "{name} does not accept the access token any more, and there is no refresh token."
                )));
            }
        }
        let request = fetch::request(self.rules, &url, &app, &fields);
        let Some(way) = &self.rules.user_grant else {
            return Ok(Asking::at_once(request));
        };
        let mut form = Vec::new();
        for (name, text) in &way.parameters {
            let value = fill(text, |name| self.exchange.session.text(name));
            form.push((
                name.clone(),
                value.map_err(|name| self.exchange.lacks(&name))?,
            ));
        }
        let user = User {
            app,
            token_url: url,
            url: self.exchange.whole_url(&way.url)?,
            form,
        };
        Ok(Asking::for_user(request, user))
    }

    pub(super) fn app(&self) -> Result<App, Failure> {
        let session = self.exchange.session;
        Ok(App {
            id: self.exchange.credential(&self.rules.client_id)?.clone(),
            secret: session.credential(&self.rules.client_secret).cloned(),
        })
    }

    /// The failure behind a request for tokens that brought none.
    pub(super) fn failure(&self, fetched: Fetched) -> Failure {
        let name = self.exchange.name;
        let passing = |message| Failure::passing(Origin::Vendor, FailureKind::Unavailable, message);
        match fetched {
            Fetched::Refused(refused) => self.refusal(&refused),
            Fetched::Silence(error) => self
                .exchange
                .vendor()
                .silence(&error, "a request for tokens"),
            Fetched::TooLate => passing(format!(
                "{name} did not answer a request for tokens in time."
            )),
            Fetched::Unreadable | Fetched::Granted(_) => Failure::passing(
                Origin::Vendor,
                FailureKind::MalformedAnswer,
                format!("{name}'s answer to a request for tokens holds none."),
            ),
        }
    }

    fn refusal(&self, refused: &Refused) -> Failure {
        let (what, way) = match refused.asked {
            Asked::Tokens => ("a request for tokens", None),
            Asked::User => (
                "a request to act for the user",
                self.rules.user_grant.as_ref(),
            ),
        };
        let vendor = Vendor {
            rules: way.map_or(&[], |way| &way.rules),
            secrets: &refused.fetched,
            ..self.exchange.vendor()
        };
        let said: serde_json::Value =
            serde_json::from_slice(&refused.answer.body).unwrap_or_default();
        // Only these say that the authorization itself is over; a proxy's refusal, or one of the request, does not.
        let is_over = matches!(
            said["error"].as_str(),
            Some("invalid_grant" | "invalid_client" | "unauthorized_client")
        );
        if !is_over {
            return vendor.refusal(&refused.answer, what);
        }
        let said = ["error_description", "error"]
            .iter()
            .find_map(|name| said[name].as_str())
            .map(|said| format!(" It said \"{}\".", vendor.quote(said)));
        let name = self.exchange.name;
        self.rejected(&format!(
            "{name} gave no new access token.{}",
            said.unwrap_or_default()
        ))
    }

    fn rejected(&self, what: &str) -> Failure {
        let then = match self.rules.grant {
            GrantType::AuthorizationCode => {
                "Authorize the connection again, or replace its tokens."
            }
            GrantType::ClientCredentials | GrantType::RefreshToken => {
                "Replace the credentials on the connection."
            }
        };
        Failure::lasting(
            Origin::Vendor,
            FailureKind::CredentialsRejected,
            format!("{what} {then}"),
        )
    }

    async fn read(&self) -> Result<Kept, Failure> {
        let session = self.exchange.session;
        let kept = session.vault.read().await.map_err(unreachable)?;
        session.held.hold(self.grant_of(&kept));
        Ok(kept)
    }

    async fn release(&self) {
        // The right ends by itself too.
        let _ = self.exchange.session.vault.release().await;
    }

    /// The kept grant; or the tokens that the caller brought, before there is one.
    fn grant_of(&self, kept: &Kept) -> Grant {
        let session = self.exchange.session;
        kept.grant.clone().unwrap_or_else(|| session.brought())
    }

    fn good(&self, grant: Option<Grant>, refused: Option<&SecretString>) -> Option<SecretString> {
        let grant = grant?;
        let now = self.exchange.http.now();
        self.rules
            .is_good(&grant, refused, now)
            .then_some(grant.access_token)
            .flatten()
    }

    fn alive(&self, grant: &Grant, refused: Option<&SecretString>) -> Option<SecretString> {
        let now = self.exchange.http.now();
        is_alive(grant, refused, now)
            .then(|| grant.access_token.clone())
            .flatten()
    }
}

fn unreachable(_: VaultError) -> Failure {
    Failure::passing(
        Origin::Internal,
        FailureKind::Internal,
        "The stored authorization could not be reached; the work is tried again.",
    )
}
