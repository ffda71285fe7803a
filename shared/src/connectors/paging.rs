//! From one page to the next: one closed set for all vendors.

use url::Url;

use super::cursor::Position;
use super::file::Paging;
use super::lift::{Pointer, word};
use crate::http::Answer;

/// What a page tells about the next one.
pub(super) struct Seen<'a> {
    pub answer: &'a Answer,
    /// Where the page was asked for.
    pub url: &'a Url,
    /// The value that the paging points to.
    pub told: Option<&'a str>,
    /// How many elements the page holds.
    pub count: u64,
    /// How many it could hold.
    pub page_size: Option<u32>,
    /// The id of the last element.
    pub last_id: Option<&'a str>,
}

/// An answer from which the next page cannot be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// What tells whether there is a next page is missing or of the wrong kind.
    Untold(String),
    /// There is a next page, but no id to go on from.
    NoLastId,
    /// The next page is on another host.
    OtherHost,
    /// The next page is this page again.
    Repeats,
    /// This page was read before, though it is not the page before.
    Circle,
}

impl Paging {
    /// Whether a walk sees every record that is there from its beginning to its end. Pages that are counted off shift
    /// when a record on an earlier one is deleted meanwhile, and one is passed over.
    pub(super) fn misses_nothing(&self) -> bool {
        match self {
            Self::Page { .. } | Self::Offset { .. } => false,
            Self::None {}
            | Self::Token { .. }
            | Self::AfterLastId { .. }
            | Self::NextUrl { .. }
            | Self::LinkHeader {} => true,
        }
    }

    /// The value that this paging needs out of the body.
    pub(super) fn pointer(&self) -> Option<&Pointer> {
        match self {
            Self::Page { total_pages, .. } => total_pages.as_ref(),
            Self::Offset { total, .. } => total.as_ref(),
            Self::Token { next, .. } | Self::NextUrl { next } => Some(next),
            Self::AfterLastId { more, .. } => Some(more),
            Self::None {} | Self::LinkHeader {} => None,
        }
    }

    /// The query parameter that asks for the page at `position`, where it is asked for by one.
    pub(super) fn parameter(&self, position: &Position) -> Option<(&str, String)> {
        match (self, position) {
            (
                Self::Page {
                    parameter, first, ..
                },
                Position::Start,
            )
            | (
                Self::Offset {
                    parameter, first, ..
                },
                Position::Start,
            ) => Some((parameter, first.to_string())),
            (Self::Page { parameter, .. }, Position::Page(number))
            | (Self::Offset { parameter, .. }, Position::Offset(number)) => {
                Some((parameter, number.to_string()))
            }
            (Self::Token { parameter, .. }, Position::Token(text))
            | (Self::AfterLastId { parameter, .. }, Position::After(text)) => {
                Some((parameter, text.clone()))
            }
            _ => None,
        }
    }

    /// The position of the page after the one at `here`; `None` when that was the last.
    pub(super) fn next(&self, here: &Position, seen: &Seen<'_>) -> Result<Option<Position>, Lost> {
        let next = match self {
            Self::None {} => None,
            Self::Page {
                first, total_pages, ..
            } => {
                let number = match here {
                    Position::Page(number) => *number,
                    _ => *first,
                };
                let more = match total_pages {
                    // Pages are counted from one, whatever the first one's number is.
                    Some(at) => number.saturating_sub(*first) + 1 < count(seen.told, at)?,
                    None => is_full(seen),
                };
                (more && seen.count > 0).then(|| Position::Page(number + 1))
            }
            Self::Offset { first, total, .. } => {
                let offset = match here {
                    Position::Offset(offset) => *offset,
                    _ => *first,
                };
                let after = offset + seen.count;
                let more = match total {
                    Some(at) => after.saturating_sub(*first) < count(seen.told, at)?,
                    None => is_full(seen),
                };
                (more && seen.count > 0).then_some(Position::Offset(after))
            }
            Self::Token { next, .. } => text(seen.told, next)?.map(Position::Token),
            Self::AfterLastId { more, .. } => match seen.told {
                Some("true") => Some(Position::After(
                    seen.last_id.ok_or(Lost::NoLastId)?.to_owned(),
                )),
                Some("false") => None,
                _ => return Err(Lost::Untold(more.to_string())),
            },
            Self::NextUrl { next } => match text(seen.told, next)? {
                Some(target) => Some(own_url(seen.url, &target)?),
                None => None,
            },
            Self::LinkHeader {} => {
                let target = seen.answer.headers("link").find_map(next_link);
                match target {
                    Some(target) => Some(own_url(seen.url, target)?),
                    None => None,
                }
            }
        };
        match next {
            Some(next) if next == *here => Err(Lost::Repeats),
            next => Ok(next),
        }
    }
}

fn is_full(seen: &Seen<'_>) -> bool {
    seen.page_size
        .is_none_or(|size| seen.count >= u64::from(size))
}

fn count(told: Option<&str>, at: &Pointer) -> Result<u64, Lost> {
    told.and_then(word)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Lost::Untold(at.to_string()))
}

/// A text that is absent on the last page; numbers count as text.
fn text(told: Option<&str>, at: &Pointer) -> Result<Option<String>, Lost> {
    match told {
        None | Some("null" | "\"\"") => Ok(None),
        Some(json) => word(json)
            .map(Some)
            .ok_or_else(|| Lost::Untold(at.to_string())),
    }
}

/// Path and query of a next URL, which must be on the host that gave it: elsewhere our credentials have no business.
fn own_url(url: &Url, target: &str) -> Result<Position, Lost> {
    let next = url.join(target).map_err(|_| Lost::OtherHost)?;
    if next.origin() != url.origin() || !next.username().is_empty() || next.password().is_some() {
        return Err(Lost::OtherHost);
    }
    let query = next
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    Ok(Position::Url(format!("{}{query}", next.path())))
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(open) = rest.find('<') {
        let close = open + rest[open..].find('>')?;
        let target = &rest[open + 1..close];
        let parameters_end = rest[close..]
            .find(",<")
            .or_else(|| rest[close..].find(", <"))
            .map_or(rest.len(), |comma| close + comma);
        let is_next = rest[close + 1..parameters_end].split(';').any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_ascii_whitespace()
                        .any(|relation| relation.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        rest = &rest[parameters_end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, expected) in [
            (
                r#"<https://x.example/?p=2>; rel="next""#,
                Some("https://x.example/?p=2"),
            ),
            (
                r#"</?p=1,2>; rel="prev", </?p=3>; title="a"; REL=next"#,
                Some("/?p=3"),
            ),
            (r#"</a>;rel="last next",</b>;rel=first"#, Some("/a")),
            (r#"</a>; rel="nextish""#, None),
            ("<unclosed", None),
            ("", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }

    #[test]
    fn a_next_url_may_be_relative_but_never_on_another_host() {
        let here = Url::parse("https://api.vendor.example/v1/things?limit=2").unwrap();
        let follow = |target| own_url(&here, target);
        for target in [
            "/v1/things?after=a%20b",
            "?after=a%20b",
            "https://api.vendor.example/v1/things?after=a%20b",
        ] {
            assert_eq!(
                follow(target),
                Ok(Position::Url("/v1/things?after=a%20b".to_owned()))
            );
        }
        for target in [
            "https://evil.example/v1/things",
            "//evil.example/v1/things",
            "http://api.vendor.example/v1/things",
            "https://api.vendor.example:8443/v1/things",
            "https://user@api.vendor.example/v1/things",
            "ftp://api.vendor.example/",
        ] {
            assert_eq!(follow(target), Err(Lost::OtherHost), "{target}");
        }
    }
}
