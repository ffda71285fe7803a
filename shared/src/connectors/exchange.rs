//! One request to a vendor: built, signed, sent, and its failures named.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::classify::Vendor;
use super::connector::Reading;
use super::draft::{Draft, fill, map_texts};
use super::file::{Auth, BaseUrl};
use super::rate::Pace;
use super::session::Session;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Answer, Http, HttpError, Method, Request};

const JSON: &str = "application/json";

/// A connection's line to its vendor.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub reading: &'a Reading,
    pub http: &'a Http,
    pub session: &'a Session,
    pub pace: Option<&'a Pace>,
}

/// An answer of any status, with what it took.
pub(super) struct Exchanged {
    pub answer: Answer,
    pub url: Url,
    pub method: Method,
    pub requests: u32,
}

impl Exchange<'_> {
    /// Sends a request to a path below the base URL.
    pub(super) async fn send(&self, draft: &Draft) -> Result<Exchanged, Failure> {
        self.ready().await?;
        let words = draft.words();
        let filled = |text: &str, encode: fn(&str) -> String| {
            let look = |name: &str| match words.iter().find(|(word, _)| *word == name) {
                Some((_, value)) => Some(encode(value)),
                None => self.session.text(name).map(|value| encode(&value)),
            };
            fill(text, look).map_err(|name| self.lacks(&name))
        };
        let as_it_is: fn(&str) -> String = str::to_owned;
        let base = self.base_url()?;
        let base = base.as_str().trim_end_matches('/');
        let url = format!("{base}{}", filled(&draft.path, path_segment)?);
        let mut request = Request::new(draft.verb.into(), &url);
        for (name, value) in &draft.query {
            let value = filled(value, as_it_is)?;
            // What turned out to be nothing is not asked for.
            if !value.is_empty() {
                request = request.query(name, value);
            }
        }
        for (name, value) in &draft.headers {
            request = request.header(name, value);
        }
        request = request.header("Accept", draft.accept.unwrap_or(JSON));
        if let Some(body) = &draft.body {
            let mut failed = None;
            let body = map_texts(body, &mut |text| {
                filled(text, as_it_is).unwrap_or_else(|failure| {
                    failed = Some(failure);
                    String::new()
                })
            });
            if let Some(failure) = failed {
                return Err(failure);
            }
            request = request.header("Content-Type", JSON).body(body.to_string());
        }
        // Boxed, as futures that hold this one are deep enough.
        Box::pin(self.exchanged(request, &url, draft.verb.into())).await
    }

    /// Asks for a path and query on the vendor's host, as an earlier answer gave it.
    pub(super) async fn get_own(&self, path_and_query: &str) -> Result<Exchanged, Failure> {
        self.ready().await?;
        let origin = self.base_url()?.origin().ascii_serialization();
        let url = format!("{origin}{path_and_query}");
        let request = Request::get(&url).header("Accept", JSON);
        Box::pin(self.exchanged(request, &url, Method::Get)).await
    }

    /// Asks the vendor to remove what is at a path below the base URL.
    ///
    /// # Errors
    /// Whatever it answers but success.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Failure> {
        self.ready().await?;
        let base = self.base_url()?;
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let request = Request::new(Method::Delete, &url).header("Accept", JSON);
        let exchanged = Box::pin(self.exchanged(request, &url, Method::Delete)).await?;
        self.failure(&exchanged).map_or(Ok(()), Err)
    }

    async fn exchanged(
        &self,
        mut request: Request,
        url: &str,
        method: Method,
    ) -> Result<Exchanged, Failure> {
        for (name, value) in &self.reading.headers {
            let text = fill(value, |name| self.session.text(name));
            let text = text.map_err(|name| self.lacks(&name))?;
            // What is put in may be a credential.
            request = if text == *value {
                request.header(name, value)
            } else {
                request.secret_header(name, text.into())
            };
        }
        let url = Url::parse(url).map_err(|_| self.silence(&HttpError::Url("not a URL"), url))?;
        let what = format!("{} {}", method.as_str(), url.path());
        let token = self.session.token();
        let signed = self.signed(request.clone(), token.as_ref())?;
        let (mut answer, mut requests) = self.sent(signed, &url, &what).await?;
        if let (Some(tokens), Some(refused)) = (self.tokens(), &token)
            && self.rejects_credentials(&answer, &what)
        {
            // It may have ended early, or been replaced by another process.
            let other = tokens.instead_of(refused).await?;
            let signed = self.signed(request, Some(&other))?;
            let (second, more) = self.sent(signed, &url, &what).await?;
            (answer, requests) = (second, requests + more);
        }
        Ok(Exchanged {
            answer,
            url,
            method,
            requests,
        })
    }

    async fn sent(
        &self,
        request: Request,
        url: &Url,
        what: &str,
    ) -> Result<(Answer, u32), Failure> {
        let (answer, requests) = match self.in_turn(request.clone(), url, what).await? {
            // A kept connection that the vendor closes just then says nothing about the vendor.
            Err(HttpError::Reset(_)) => (self.in_turn(request, url, what).await?, 2),
            first => (first, 1),
        };
        let answer = answer.map_err(|error| self.silence(&error, what))?;
        Ok((answer, requests))
    }

    /// Sends a request when it is its turn among all that the vendor gets.
    async fn in_turn(
        &self,
        request: Request,
        url: &Url,
        what: &str,
    ) -> Result<Result<Answer, HttpError>, Failure> {
        let (Some(pace), Some(rate)) = (self.pace, &self.reading.rate) else {
            return Ok(self.http.send(request).await);
        };
        let base = self.base_url()?;
        let Some(counted) = pace.counted(rate, self.id, base.as_str(), self.session) else {
            return Ok(self.http.send(request).await);
        };
        let below = url.path().strip_prefix(base.path().trim_end_matches('/'));
        let pass = counted
            .enter(self.name, below.unwrap_or(url.path()))
            .await?;
        let answer = pass.during(self.http.send(request)).await;
        if let Ok(answer) = &answer {
            let refused = !self.vendor().is_success(answer);
            let limited =
                refused && self.vendor().refusal(answer, what).kind == FailureKind::RateLimited;
            counted.heard(&pass, answer, limited).await;
        }
        Ok(answer)
    }

    fn rejects_credentials(&self, answer: &Answer, what: &str) -> bool {
        let vendor = self.vendor();
        !vendor.is_success(answer)
            && vendor.refusal(answer, what).kind == FailureKind::CredentialsRejected
    }

    /// Has a token at hand, where requests carry one, and with it the facts that their places are made of.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        if let Some(tokens) = self.tokens() {
            Box::pin(tokens.current()).await?;
        }
        Ok(())
    }

    /// Where this connection's requests go.
    pub(super) fn base_url(&self) -> Result<Url, Failure> {
        let text = self.placed(&self.reading.base_url)?;
        let text = fill(text, |name| self.session.text(name)).map_err(|name| self.lacks(&name))?;
        Url::parse(&text).map_err(|_| self.silence(&HttpError::Url("not a URL"), "the base URL"))
    }

    /// The one of several places that is this connection's.
    pub(super) fn placed<'u>(&self, url: &'u BaseUrl) -> Result<&'u String, Failure> {
        match url {
            BaseUrl::One(url) => Ok(url),
            BaseUrl::By(by) => {
                let value = self.session.text(&by.by);
                let value = value.as_deref().unwrap_or(&by.default);
                by.urls.get(value).ok_or_else(|| self.lacks(&by.by))
            }
        }
    }

    fn signed(&self, request: Request, token: Option<&SecretString>) -> Result<Request, Failure> {
        Ok(match &self.reading.auth {
            Auth::Placed {} => request,
            Auth::OAuth2 {} => {
                let token = token.ok_or_else(Failure::internal)?;
                request.secret_header("Authorization", prefixed("Bearer ", token))
            }
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

    pub(super) fn credential(&self, name: &str) -> Result<&SecretString, Failure> {
        self.session
            .credential(name)
            .ok_or_else(|| self.lacks(name))
    }

    pub(super) fn lacks(&self, name: &str) -> Failure {
        Failure::lasting(
            Origin::Configuration,
            FailureKind::Misconfigured,
            format!("The connection's credentials lack {name}; add it."),
        )
    }

    pub(super) fn vendor(&self) -> Vendor<'_> {
        Vendor {
            name: self.name,
            errors: &self.reading.errors,
            session: self.session,
            rules: &[],
            secrets: &[],
        }
    }

    /// The failure behind an answer that is not a success.
    pub(super) fn refusal(&self, exchanged: &Exchanged) -> Failure {
        self.vendor().refusal(&exchanged.answer, &exchanged.what())
    }

    /// The failure behind an answer, if it is one.
    pub(super) fn failure(&self, exchanged: &Exchanged) -> Option<Failure> {
        (!self.vendor().is_success(&exchanged.answer)).then(|| self.refusal(exchanged))
    }

    fn silence(&self, error: &HttpError, what: &str) -> Failure {
        self.vendor().silence(error, what)
    }
}

impl Exchanged {
    /// The request in words: `GET /v1/customers`.
    pub(super) fn what(&self) -> String {
        format!("{} {}", self.method.as_str(), self.url.path())
    }
}

/// A text as one segment of a path.
pub(super) fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte));
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

fn prefixed(prefix: &str, secret: &SecretString) -> SecretString {
    format!("{prefix}{}", secret.expose_secret()).into()
}
