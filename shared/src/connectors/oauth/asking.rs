//! The requests that bring a token: one, or three where an app asks with its own token for a user's.

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::Serializer;

use super::super::file::{OAuth, UserGrant};
use super::super::lift::{lift, word};
use super::fetch::{App, Fetched, posted, request, said};
use crate::http::{Answer, Http, Request};

/// What is asked for tokens.
pub(super) struct Asking {
    first: Request,
    /// Where the first answer brings the app's own token only.
    user: Option<User>,
}

/// For whom the app asks, and where.
pub(super) struct User {
    pub app: App,
    pub token_url: String,
    pub url: String,
    pub form: Vec<(String, String)>,
}

/// A refusal, and which of the requests it is of.
pub(super) struct Refused {
    pub answer: Answer,
    pub asked: Asked,
    /// What was fetched before it, which nobody is told.
    pub fetched: Vec<SecretString>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Tokens,
    /// A code for the user.
    User,
}

impl Asking {
    /// One request, whose answer brings what is wanted.
    pub(super) fn at_once(request: Request) -> Self {
        Self {
            first: request,
            user: None,
        }
    }

    /// One whose answer brings the app's own token, by which a user's is asked for.
    pub(super) fn for_user(request: Request, user: User) -> Self {
        Self {
            first: request,
            user: Some(user),
        }
    }

    /// The answer that brings the token which requests are to carry.
    pub(super) async fn answered(self, http: &Http, rules: &OAuth) -> Result<Answer, Box<Fetched>> {
        let mut answer = answer(http, self.first, Asked::Tokens, &[]).await?;
        if let (Some(user), Some(way)) = (self.user, &rules.user_grant) {
            let told = said(&answer).ok_or(Fetched::Unreadable)?;
            let own = SecretString::from(told.access_token);
            answer = user.answered(http, rules, way, own).await?;
        }
        Ok(answer)
    }
}

impl User {
    /// The answer to the user's code, for which the app's own token is asked in exchange.
    async fn answered(
        self,
        http: &Http,
        rules: &OAuth,
        way: &UserGrant,
        own: SecretString,
    ) -> Result<Answer, Box<Fetched>> {
        let bearer = format!("Bearer {}", own.expose_secret());
        let form = Serializer::new(String::new())
            .extend_pairs(&self.form)
            .finish();
        let asked = posted(&self.url, form).secret_header("Authorization", bearer.into());
        let told = answer(http, asked, Asked::User, std::slice::from_ref(&own)).await?;
        let code: SecretString = code(&told, way).ok_or(Fetched::Unreadable)?.into();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
        ];
        let asked = request(rules, &self.token_url, &self.app, &fields);
        answer(http, asked, Asked::Tokens, &[own, code]).await
    }
}

/// An answer of success.
async fn answer(
    http: &Http,
    request: Request,
    asked: Asked,
    fetched: &[SecretString],
) -> Result<Answer, Box<Fetched>> {
    match http.send(request).await {
        Ok(answer) if answer.is_success() => Ok(answer),
        Ok(answer) => Err(Box::new(Fetched::Refused(Refused {
            answer,
            asked,
            fetched: fetched.to_vec(),
        }))),
        Err(error) => Err(Box::new(Fetched::Silence(error))),
    }
}

impl Refused {
    /// Of a request for tokens, before which nothing was fetched.
    pub(super) fn of(answer: Answer) -> Self {
        Self {
            answer,
            asked: Asked::Tokens,
            fetched: Vec::new(),
        }
    }
}

fn code(answer: &Answer, way: &UserGrant) -> Option<String> {
    let body = std::str::from_utf8(&answer.body).ok()?;
    let [found] = lift(body, [Some(&way.code)]).ok()?;
    word(found?)
}
