//! From one page to the next: one closed set for all vendors.

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::cursor::Position;
use super::draft::Draft;
use super::file::{Counts, Paging, Since};
use super::lift::{Pointer, lift, open, word};
use super::rules::ListRules;
use crate::http::Answer;

/// What a page tells about the next one.
pub(super) struct Seen<'a> {
    pub answer: &'a Answer,
    /// Where the page was asked for.
    pub url: &'a Url,
    /// The values that the paging points to.
    pub told: [Option<&'a str>; 2],
    /// How many elements the page holds.
    pub count: u64,
    /// How many it could hold.
    pub page_size: Option<u32>,
    /// The id of the last element.
    pub last_id: Option<&'a str>,
    /// The greatest time of a last change in it.
    pub latest: Option<DateTime<Utc>>,
}

/// An answer from which the next page cannot be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// What tells whether there is a next page is missing or of the wrong kind.
    Untold(String),
    /// There is a next page, but no id to go on from.
    NoLastId,
    /// There is a next page, but no time of a last change to go on from.
    NoLastTime,
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
        !matches!(
            self,
            Self::Page { .. } | Self::Offset { .. } | Self::NextLink { counted: true, .. }
        )
    }

    /// The values that this paging needs out of the body.
    pub(super) fn pointers(&self) -> [Option<&Pointer>; 2] {
        match self {
            Self::Page { total_pages, .. } | Self::ByTime { total_pages, .. } => {
                [total_pages.as_ref(), None]
            }
            Self::Offset { total, .. } => [total.as_ref(), None],
            Self::Token { next, more, .. } => [Some(next), more.as_ref()],
            Self::NextUrl { next, .. } => [Some(next), None],
            Self::AfterLastId { more, next, .. } => [more.as_ref().or(next.as_ref()), None],
            Self::NextLink { links, .. } => [Some(links), None],
            Self::None {} | Self::LinkHeader {} => [None, None],
        }
    }

    /// The vendor's codes after which the walk has to go on from another place.
    pub(super) fn restart_codes(&self) -> &[String] {
        match self {
            Self::Token { restart_codes, .. } | Self::NextUrl { restart_codes, .. } => {
                restart_codes
            }
            _ => &[],
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
                let more = match (total_pages, seen.told[0]) {
                    // Pages are counted from one, whatever the first one's number is.
                    (Some(at), Some(told)) => number.saturating_sub(*first) + 1 < count(told, at)?,
                    _ => is_full(seen),
                };
                (more && seen.count > 0).then(|| Position::Page(number + 1))
            }
            Self::Offset { first, total, .. } => {
                let offset = match here {
                    Position::Offset(offset) => *offset,
                    _ => *first,
                };
                let after = offset + seen.count;
                let more = match (total, seen.told[0]) {
                    (Some(at), Some(told)) => after.saturating_sub(*first) < count(told, at)?,
                    _ => is_full(seen),
                };
                (more && seen.count > 0).then_some(Position::Offset(after))
            }
            Self::Token { next, more, .. } => {
                let token = text(seen.told[0], next)?;
                let goes_on = match more {
                    Some(more) => flag(seen.told[1], more)?,
                    None => token.is_some(),
                };
                match (goes_on, token) {
                    (false, _) => None,
                    (true, Some(token)) => Some(Position::Token(token)),
                    (true, None) => return Err(Lost::Untold(next.to_string())),
                }
            }
            Self::AfterLastId { more, next, .. } => {
                let goes_on = match (more, next) {
                    (Some(more), _) => flag(seen.told[0], more)?,
                    (None, Some(next)) => text(seen.told[0], next)?.is_some(),
                    (None, None) => is_full(seen),
                };
                match seen.last_id {
                    _ if !goes_on => None,
                    Some(id) => Some(Position::After(id.to_owned())),
                    None => return Err(Lost::NoLastId),
                }
            }
            Self::NextUrl { next, .. } => match text(seen.told[0], next)? {
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
            Self::NextLink { links, take, .. } => {
                linked(seen.told[0], links, take)?.map(Position::Token)
            }
            Self::ByTime { total_pages, .. } => {
                let (at, step) = match here {
                    Position::Since { at, step } => (Some(*at), *step),
                    _ => (None, 0),
                };
                let more = match (total_pages, seen.told[0]) {
                    (Some(pages), Some(told)) => step + 1 < count(told, pages)?,
                    _ => is_full(seen),
                };
                match seen.latest {
                    _ if !more || seen.count == 0 => None,
                    Some(latest) if at.is_none_or(|at| latest > at) => Some(Position::Since {
                        at: latest,
                        step: 0,
                    }),
                    // The page ends at the instant at which it began, or tells no time.
                    Some(latest) => Some(Position::Since {
                        at: at.unwrap_or(latest),
                        step: step + 1,
                    }),
                    None => return Err(Lost::NoLastTime),
                }
            }
        };
        match next {
            Some(next) if next == *here => Err(Lost::Repeats),
            next => Ok(next),
        }
    }
}

impl ListRules {
    /// Asks for the page at `position`, from `since` on where the list is limited so.
    pub(super) fn page(
        &self,
        draft: &mut Draft,
        position: &Position,
        since: Option<DateTime<Utc>>,
    ) {
        if let Some(size) = &self.page_size {
            match &size.parameter {
                Some(slot) => draft.put_number(slot, size.size.into()),
                None => draft.word("size", size.size.to_string()),
            }
        }
        let mut since = since;
        match (&self.paging, position) {
            (
                Paging::Page {
                    parameter, first, ..
                },
                Position::Start,
            )
            | (
                Paging::Offset {
                    parameter, first, ..
                },
                Position::Start,
            ) => {
                draft.put_number(parameter, *first);
            }
            (Paging::Page { parameter, .. }, Position::Page(number))
            | (Paging::Offset { parameter, .. }, Position::Offset(number)) => {
                draft.put_number(parameter, *number);
            }
            (
                Paging::Token { parameter, .. } | Paging::NextLink { parameter, .. },
                Position::Token(text),
            )
            | (Paging::AfterLastId { parameter, .. }, Position::After(text))
            | (
                Paging::NextUrl {
                    resume: Some(parameter),
                    ..
                },
                Position::After(text),
            ) => {
                draft.put(parameter, text.clone());
            }
            (Paging::ByTime { steps, .. }, position) => {
                let mut step = 0;
                if let Position::Since { at, step: steps } = position {
                    (since, step) = (Some(*at), *steps);
                }
                let size = self
                    .page_size
                    .as_ref()
                    .map_or(1, |size| u64::from(size.size));
                let number = match steps.counts {
                    Counts::Pages => steps.first + step,
                    Counts::Records => steps.first + step * size,
                };
                match &steps.parameter {
                    Some(slot) => draft.put_number(slot, number),
                    None => draft.word("position", number.to_string()),
                }
            }
            _ => {}
        }
        if let (Some(filter), Some(since)) = (&self.since, since) {
            let Since {
                slot,
                format,
                overlap_seconds,
            } = filter;
            let from = since - TimeDelta::seconds(i64::from(*overlap_seconds));
            draft.put(slot, format.write(from));
        }
    }
}

fn flag(told: Option<&str>, at: &Pointer) -> Result<bool, Lost> {
    match told {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(Lost::Untold(at.to_string())),
    }
}

/// The parameter `take` of the link whose `rel` is `next`.
fn linked(told: Option<&str>, links: &Pointer, take: &str) -> Result<Option<String>, Lost> {
    let Some(array) = told else {
        return Ok(None);
    };
    let lost = || Lost::Untold(links.to_string());
    let [href, rel] =
        ["/href", "/rel"].map(|at| Pointer::try_from(at.to_owned()).unwrap_or_default());
    let opened = open(array, &Pointer::default(), [None; 0]).map_err(|_| lost())?;
    for link in opened.elements.ok_or_else(lost)? {
        let [href, rel] = lift(link, [Some(&href), Some(&rel)]).map_err(|_| lost())?;
        if rel.and_then(word).as_deref() != Some("next") {
            continue;
        }
        let href = href.and_then(word).ok_or_else(lost)?;
        let query = href.split_once('?').map_or("", |(_, query)| query);
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == take);
        return found
            .map(|(_, value)| Some(value.into_owned()))
            .ok_or_else(lost);
    }
    Ok(None)
}

fn is_full(seen: &Seen<'_>) -> bool {
    seen.page_size
        .is_none_or(|size| seen.count >= u64::from(size))
}

fn count(told: &str, at: &Pointer) -> Result<u64, Lost> {
    word(told)
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
mod tests;
