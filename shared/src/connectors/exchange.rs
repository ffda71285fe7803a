//! One request to a vendor: built, signed, sent, and its failures named.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::classify::Vendor;
use super::connector::Reading;
use super::file::Auth;
use super::session::Session;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Answer, Http, HttpError, Request};

/// A connection's line to its vendor.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub name: &'a str,
    pub reading: &'a Reading,
    pub http: &'a Http,
    pub session: &'a Session,
}

/// An answer of any status, with what it took.
pub(super) struct Exchanged {
    pub answer: Answer,
    pub url: Url,
    pub requests: u32,
}

impl Exchange<'_> {
    /// Asks for a path below the base URL.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(String, String)],
    ) -> Result<Exchanged, Failure> {
        let base = self.reading.base_url.as_str().trim_end_matches('/');
        self.get_url(&format!("{base}{path}"), query).await
    }

    /// Asks for a path and query on the vendor's host, as an earlier answer gave it.
    pub(super) async fn get_own(&self, path_and_query: &str) -> Result<Exchanged, Failure> {
        let origin = self.reading.base_url.origin().ascii_serialization();
        self.get_url(&format!("{origin}{path_and_query}"), &[])
            .await
    }

    async fn get_url(&self, url: &str, query: &[(String, String)]) -> Result<Exchanged, Failure> {
        let mut request = Request::get(url).header("Accept", "application/json");
        for (name, value) in &self.reading.headers {
            request = request.header(name, value);
        }
        for (name, value) in query {
            request = request.query(name, value);
        }
        let request = self.signed(request)?;
        let url = Url::parse(url).map_err(|_| self.silence(&HttpError::Url("not a URL"), url))?;
        let what = format!("GET {}", url.path());
        let (answer, requests) = match self.http.send(request.clone()).await {
            // A kept connection that the vendor closes just then says nothing about the vendor.
            Err(HttpError::Reset(_)) => (self.http.send(request).await, 2),
            first => (first, 1),
        };
        let answer = answer.map_err(|error| self.silence(&error, &what))?;
        Ok(Exchanged {
            answer,
            url,
            requests,
        })
    }

    fn signed(&self, request: Request) -> Result<Request, Failure> {
        Ok(match &self.reading.auth {
            Auth::Bearer { credential } => request.secret_header(
                "Authorization",
                prefixed("Bearer ", self.credential(credential)?),
            ),
            Auth::Header {
                name,
                prefix,
                credential,
            } => request.secret_header(name, prefixed(prefix, self.credential(credential)?)),
            Auth::Query { name, credential } => {
                request.secret_query(name, self.credential(credential)?.clone())
            }
            Auth::Basic { username, password } => {
                let username = self.credential(username)?.expose_secret();
                let password = match password {
                    Some(name) => self.credential(name)?.expose_secret(),
                    None => "",
                };
                let pair: SecretString = STANDARD.encode(format!("{username}:{password}")).into();
                request.secret_header("Authorization", prefixed("Basic ", &pair))
            }
        })
    }

    fn credential(&self, name: &str) -> Result<&SecretString, Failure> {
        self.session.credential(name).ok_or_else(|| {
            Failure::lasting(
                Origin::Configuration,
                FailureKind::Misconfigured,
                format!("The connection's credentials lack {name}; add it."),
            )
        })
    }

    pub(super) fn vendor(&self) -> Vendor<'_> {
        Vendor {
            name: self.name,
            errors: &self.reading.errors,
            session: self.session,
        }
    }

    /// The failure behind an answer whose status is not 2xx.
    pub(super) fn refusal(&self, exchanged: &Exchanged) -> Failure {
        let what = format!("GET {}", exchanged.url.path());
        self.vendor().refusal(&exchanged.answer, &what)
    }

    fn silence(&self, error: &HttpError, what: &str) -> Failure {
        self.vendor().silence(error, what)
    }
}

fn prefixed(prefix: &str, secret: &SecretString) -> SecretString {
    format!("{prefix}{}", secret.expose_secret()).into()
}
