//! Spans of time as a vendor's list takes them.

use chrono::{DateTime, TimeDelta, Utc};

use super::coverage::{Covered, Span};
use super::rules::EntityRules;

/// The spans to read, the last first; none is longer than the vendor allows.
pub(super) fn pieces(rules: &EntityRules, wanted: Covered, now: DateTime<Utc>) -> Vec<Span> {
    let spans = Vec::from(wanted);
    let longest = rules.window.as_ref().and_then(|window| window.at_most_days);
    let Some(longest) = longest.map(|days| TimeDelta::days(i64::from(days.get()))) else {
        return spans;
    };
    let earliest = rules
        .window
        .as_ref()
        .map_or(now, |window| window.earliest(now));
    let mut pieces = Vec::new();
    for span in spans {
        // The newest piece is a whole one: vendors refuse one that begins after the last that they have.
        let first = span.from.unwrap_or(earliest);
        let (mut begin, mut until) = (span.until.unwrap_or(now), span.until);
        let mut cut = Vec::new();
        while begin - longest > first {
            begin -= longest;
            cut.push(Span {
                from: Some(begin),
                until,
            });
            until = Some(begin);
        }
        // Before the first of these the vendor has nothing: the first piece counts as from the beginning.
        cut.push(Span {
            from: span.from,
            until,
        });
        pieces.extend(cut.into_iter().rev());
    }
    pieces
}

/// Two halves of a span, the earlier first; `None` where it cannot be halved.
pub(super) fn halves(span: Span, earliest: DateTime<Utc>, now: DateTime<Utc>) -> Option<[Span; 2]> {
    let from = span.from.unwrap_or(earliest);
    let half = (span.until.unwrap_or(now) - from) / 2;
    if half < TimeDelta::seconds(1) {
        return None;
    }
    let middle = Some(from + half);
    Some([
        Span {
            from: span.from,
            until: middle,
        },
        Span {
            from: middle,
            until: span.until,
        },
    ])
}
