//! Which client is asking.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::AUTHORIZATION;

use super::policy::ClientAuth;
use super::{OAuth, Refusal};
use crate::sandbox::exchange::{Authorization, Request};

/// Lets the one known client pass, if it proves itself the way the policy wants.
pub(super) fn check(
    server: &OAuth,
    request: &Request,
    form: &[(String, String)],
) -> Result<(), Refusal> {
    let refused = |why| Err(Refusal::new("invalid_client", why));
    let by_form = field(form, "client_secret").map(|secret| {
        (
            field(form, "client_id").unwrap_or_default().to_owned(),
            secret.to_owned(),
        )
    });
    let (id, secret) = match (basic(request), by_form, server.policy.client_auth) {
        (Some(_), Some(_), _) => return refused("the client authenticates in two ways at once"),
        (Some(pair), None, ClientAuth::Basic | ClientAuth::Either)
        | (None, Some(pair), ClientAuth::Form | ClientAuth::Either) => pair,
        (None, None, _) => return refused("the client does not authenticate"),
        _ => return refused("the client authenticates in a way that is not supported"),
    };
    if id == server.client.id && secret == server.client.secret {
        Ok(())
    } else {
        refused("the client is not known, or its secret is wrong")
    }
}

/// What the client's proof is worth, if there is one.
pub(super) fn verdict(server: &OAuth, request: &Request) -> Authorization {
    let form = request.form();
    let tries =
        request.header(AUTHORIZATION.as_str()).is_some() || field(&form, "client_secret").is_some();
    match (tries, check(server, request, &form)) {
        (false, _) => Authorization::Absent,
        (true, Ok(())) => Authorization::Right,
        (true, Err(_)) => Authorization::Wrong,
    }
}

/// User and password of HTTP Basic, form-decoded as RFC 6749 wants it.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, rest) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A field of a form.
pub(super) fn field<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
