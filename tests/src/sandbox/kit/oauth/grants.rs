//! The token endpoint's grants.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::client::field;
use super::policy::{Grant, Reuse};
use super::tokens::{Book, Tokens};
use super::{OAuth, Refusal};

/// Exchanges whatever the form brings for tokens.
pub(super) fn exchange(server: &OAuth, form: &[(String, String)]) -> Result<Tokens, Refusal> {
    let grant = match field(form, "grant_type") {
        Some("authorization_code") => Grant::Code,
        Some("refresh_token") => Grant::Refresh,
        Some("client_credentials") => Grant::Client,
        Some(_) => return Err(unsupported()),
        None => return Err(missing()),
    };
    if !server.policy.grants.contains(&grant) {
        return Err(unsupported());
    }
    let mut book = server.lock();
    match grant {
        Grant::Code => code(server, &mut book, form),
        Grant::Refresh => {
            let outcome = refresh(server, &mut book, form);
            match &outcome {
                Ok(_) => book.counts.refreshes += 1,
                Err(_) => book.counts.refused_refreshes += 1,
            }
            outcome
        }
        Grant::Client => {
            book.counts.client_credentials += 1;
            let scope = field(form, "scope").unwrap_or_default();
            let mut tokens =
                book.issue(&server.policy, server.clock.now(), scope, &server.client.id);
            tokens.refresh_token = None;
            Ok(tokens)
        }
    }
}

fn unsupported() -> Refusal {
    Refusal::new("unsupported_grant_type", "there is no such grant here")
}

fn missing() -> Refusal {
    Refusal::new("invalid_request", "a parameter of the grant is missing")
}

fn dead(why: &'static str) -> Refusal {
    Refusal::new("invalid_grant", why)
}

fn code(server: &OAuth, book: &mut Book, form: &[(String, String)]) -> Result<Tokens, Refusal> {
    let now_s = server.clock.now();
    let name = field(form, "code").ok_or_else(missing)?;
    let Some(code) = book.codes.get(name).cloned() else {
        return Err(dead("the code is not known"));
    };
    if let Some(family) = code.used_for {
        // Two have it, so one of them stole it (RFC 6749, 4.1.2).
        book.revoke_family(family);
        return Err(dead("the code was used before"));
    }
    if code.until_s <= now_s {
        return Err(dead("the code has expired"));
    }
    if field(form, "redirect_uri").unwrap_or_default() != code.redirect_uri {
        return Err(dead("'redirect_uri' is not the one the code was sent to"));
    }
    let challenge = field(form, "code_verifier")
        .map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())));
    if challenge != code.challenge {
        return Err(dead("'code_verifier' does not belong to the challenge"));
    }
    let tokens = book.issue(&server.policy, now_s, &code.scope, &code.subject);
    let family = book.newest_family();
    if let Some(code) = book.codes.get_mut(name) {
        code.used_for = Some(family);
    }
    book.counts.codes += 1;
    Ok(tokens)
}

fn refresh(server: &OAuth, book: &mut Book, form: &[(String, String)]) -> Result<Tokens, Refusal> {
    let (policy, now_s) = (&server.policy, server.clock.now());
    let token = field(form, "refresh_token").ok_or_else(missing)?;
    let Some(held) = book.refresh.get(token).cloned() else {
        return Err(dead("the refresh token is not known"));
    };
    if book.is_revoked(held.family) {
        return Err(dead("the refresh token was revoked"));
    }
    if held.until_s.is_some_and(|until_s| until_s <= now_s) {
        return Err(dead("the refresh token has expired"));
    }
    if held
        .replaced_until_s
        .is_some_and(|until_s| until_s <= now_s)
    {
        if policy.reuse == Reuse::RevokesFamily {
            book.revoke_family(held.family);
        }
        return Err(dead("the refresh token was replaced by another"));
    }
    let refresh_token = book.rotate(policy, now_s, token);
    let tokens = book.access_for(policy, now_s, held.family);
    Ok(Tokens {
        refresh_token,
        ..tokens
    })
}
