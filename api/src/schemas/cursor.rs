//! Opaque cursors: the position after which a list goes on.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rail_shared::store::{Listed, PageAsk};

use crate::http::problem::Problem;
use crate::schemas::wire::Identity;

/// How much a list shows when it is not asked for another number.
pub fn default_limit() -> u16 {
    50
}

/// Reads a cursor.
///
/// # Errors
/// 422 `bad-cursor`.
pub fn position<T: FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let read = || -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        std::str::from_utf8(&bytes).ok()?.parse().ok()
    };
    let bad = || {
        let detail = "This cursor was not given by this list; begin without one.";
        Problem::fault("cursor", "bad-cursor", detail)
    };
    read().map(Some).ok_or_else(bad)
}

/// A text that is no position.
#[derive(Debug)]
pub struct NoPosition;

/// The id of a record, as a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalId(pub String);

impl FromStr for ExternalId {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        if text.is_empty() || text.contains('\0') {
            return Err(NoPosition);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Writes a cursor.
pub fn cursor(position: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(position.to_string())
}

/// What a list by id is asked for.
///
/// # Errors
/// 422 `bad-cursor`.
pub fn page_ask<T: Identity>(limit: u16, cursor: Option<&str>) -> Result<PageAsk, Problem> {
    let after: Option<T> = position(cursor)?;
    Ok(PageAsk {
        limit,
        after: after.map(T::number),
    })
}

/// The cursor of what follows a part of a list by id.
pub fn next<R, T: Display>(listed: &Listed<R>, id: impl Fn(&R) -> T) -> Option<String> {
    let last = listed.rows.last().filter(|_| listed.more)?;
    Some(cursor(id(last)))
}
