//! Who is calling: Stripe's keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::AUTHORIZATION;

use super::errors::StripeError;
use super::settings::Settings;
use crate::sandbox::exchange::{Authorization, Request};

/// What the key of a request may do.
pub(super) enum Permission<'s> {
    All,
    Only(&'s [String]),
}

/// The key a request brought: as a Bearer token, or as the user of Basic authentication.
fn key_of(request: &Request) -> Option<String> {
    let header = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        return Some(decoded.split(':').next().unwrap_or_default().to_owned());
    }
    None
}

/// Finds out what the caller may do, or refuses to know them.
pub(super) fn authenticate<'s>(
    settings: &'s Settings,
    request: &Request,
) -> Result<Permission<'s>, StripeError> {
    let key = key_of(request);
    match key.as_deref() {
        Some(key) if settings.keys.iter().any(|accepted| accepted == key) => Ok(Permission::All),
        Some(key) => match settings
            .restricted
            .iter()
            .find(|restricted| restricted.token == key)
        {
            Some(restricted) => Ok(Permission::Only(&restricted.reads)),
            None => Err(StripeError::unauthenticated(Some(key))),
        },
        None => Err(StripeError::unauthenticated(None)),
    }
}

/// Refuses a caller whose key may not read this path.
pub(super) fn permit(
    permission: &Permission<'_>,
    path_name: &str,
    account: &str,
    request: &Request,
) -> Result<(), StripeError> {
    match permission {
        Permission::Only(reads) if !reads.iter().any(|name| name == path_name) => {
            let needed = format!("rak_{}_read", path_name.trim_end_matches('s'));
            Err(StripeError::not_permitted(
                &key_of(request).unwrap_or_default(),
                account,
                &needed,
            ))
        }
        _ => Ok(()),
    }
}

/// The verdict for the request log, which never holds the key itself.
pub(super) fn verdict(settings: &Settings, request: &Request) -> Authorization {
    match (
        request.headers.get(AUTHORIZATION),
        authenticate(settings, request),
    ) {
        (None, _) => Authorization::Absent,
        (_, Ok(Permission::All)) => Authorization::Right,
        (_, Ok(Permission::Only(_))) => Authorization::Restricted,
        (_, Err(_)) => Authorization::Wrong,
    }
}
