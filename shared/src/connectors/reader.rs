//! One answer on its way to a page.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Cursor;
use super::cursor::{Parents, Position, Walk};
use super::exchange::{Exchange, Exchanged};
use super::file::Paging;
use super::lift::{Opened, Pointer, lift, open, word};
use super::milestone::{Circle, Milestone};
use super::page::{Coverage, Page, Record};
use super::paging::{Lost, Seen};
use super::rules::{EntityRules, ListRules};
use super::select::{Context, Pages, Section, Selection, from_feed, from_list};
use super::spans::halves;
use crate::domain::{Failure, FailureKind, Origin, Presence, ReadFrom, Ties};

/// How often a vendor may have a walk begin at another place before what it says counts as a failure.
const MAX_RESTARTS: u32 = 20;

/// One answer on its way to a page.
pub(super) struct Reader<'a> {
    pub exchange: &'a Exchange<'a>,
    pub rules: &'a EntityRules,
    pub list: &'a ListRules,
    pub cursor: &'a Cursor,
    pub exchanged: &'a Exchanged,
    pub now: DateTime<Utc>,
}

/// What an answer holds.
struct Taken<'b> {
    sections: Vec<Section<'b>>,
    told: [Option<&'b str>; 2],
}

impl Reader<'_> {
    pub(super) fn read(&self) -> Result<Page, Failure> {
        if let Some(failure) = self.exchange.failure(self.exchanged) {
            return self.elsewhere().ok_or(failure);
        }
        let answer = &self.exchanged.answer;
        let as_of = answer.date().unwrap_or(answer.received_at);
        let taken = self.take(&answer.body)?;
        let selection = match (&self.cursor.walk, &self.rules.feed, &taken.sections[..]) {
            (Walk::Feed { .. }, Some(feed), [changes]) => {
                let (elements, seam) = (&changes.elements, self.cursor.seam.as_ref());
                from_feed(&answer.body, elements, self.rules, feed, seam, as_of)
            }
            _ => {
                let parents = self.cursor.under.as_ref();
                let context = Context {
                    parent: parents
                        .and_then(|parents| parents.pending.last())
                        .map(String::as_str),
                    pages: match self.by_time() {
                        true => Pages::ByTime(self.cursor.seam.as_ref()),
                        false => Pages::Apart,
                    },
                };
                let sections = &taken.sections;
                from_list(&answer.body, sections, self.rules, &context, as_of)
            }
        };
        if self.list.cap.is_some_and(|cap| selection.count >= cap) {
            return Ok(self.detour(self.cursor.clone().whole_list()));
        }
        let next = self.next(&selection, taken.told)?;
        let token = match (&self.cursor.walk, &self.list.paging) {
            (Walk::Told { .. }, Paging::Token { .. }) => taken.told[0].and_then(word),
            _ => None,
        };
        Ok(self.page(selection, next, token))
    }

    /// The arrays of records, and what tells of the next page.
    fn take<'b>(&self, body: &'b Bytes) -> Result<Taken<'b>, Failure> {
        let body = std::str::from_utf8(body).map_err(|_| self.passing("is not UTF-8"))?;
        let mut told = self.list.paging.pointers();
        let (mut sections, mut found) = (Vec::new(), [None; 2]);
        for (at, presence) in &self.list.records {
            let opened = open(body, at, told).map_err(|_| self.passing("is not JSON"))?;
            let Opened {
                elements,
                told: here,
            } = opened;
            let elements = match elements {
                Some(elements) => elements,
                None => self.without_array(body, at)?,
            };
            if sections.is_empty() {
                (found, told) = (here, [None; 2]);
            }
            sections.push(Section {
                elements,
                presence: *presence,
            });
        }
        Ok(Taken {
            sections,
            told: found,
        })
    }

    /// What an answer without an array at `at` holds: one record, or none where something else vouches for that.
    fn without_array<'b>(&self, body: &'b str, at: &Pointer) -> Result<Vec<&'b str>, Failure> {
        let places = [Some(at), self.list.empty_if.as_ref()];
        match lift(body, places) {
            Ok([Some(one), _])
                if one.starts_with('{') && matches!(self.list.paging, Paging::None {}) =>
            {
                Ok(vec![one])
            }
            Ok([None | Some("null"), Some(_)]) if self.list.empty_if.is_some() => Ok(Vec::new()),
            _ => Err(self.passing(&format!("has no array at \"{at}\""))),
        }
    }

    fn by_time(&self) -> bool {
        matches!(self.list.paging, Paging::ByTime { .. })
    }

    /// Where the page after this one is.
    fn next(
        &self,
        selection: &Selection,
        told: [Option<&str>; 2],
    ) -> Result<Option<(Position, Milestone)>, Failure> {
        let seen = Seen {
            answer: &self.exchanged.answer,
            url: &self.exchanged.url,
            told,
            count: selection.count,
            page_size: self.list.page_size.as_ref().map(|size| size.size),
            last_id: selection.last_id.as_deref(),
            latest: selection.latest,
        };
        let here = &self.cursor.position;
        let next = self
            .list
            .paging
            .next(here, &seen)
            .map_err(|lost| self.lost(&lost))?;
        // Where pages follow each other by time, the second may begin with all of the first.
        let may_repeat = self.by_time() && !matches!(here, Position::Since { step: 1.., .. });
        if selection.last_id.is_some()
            && !may_repeat
            && self.cursor.page_before.as_ref() == Some(&selection.digest)
        {
            return Err(self.lost(&Lost::Repeats));
        }
        let Some(position) = next else {
            return Ok(None);
        };
        let page = match selection.last_id {
            Some(_) if !self.by_time() => selection.digest.clone(),
            // Pages that hold nothing, or are told apart by time, are known by where they were.
            _ => format!("{here:?}"),
        };
        let milestone = Milestone::after(self.cursor.milestone.as_ref(), &page)
            .map_err(|Circle| self.lost(&Lost::Circle))?;
        Ok(Some((position, milestone)))
    }

    pub(super) fn page(
        &self,
        selection: Selection,
        next: Option<(Position, Milestone)>,
        token: Option<String>,
    ) -> Page {
        let mut cursor = self.cursor.clone();
        if selection.has_unnamed() {
            cursor.walk.met_unnamed();
        }
        if cursor.position == Position::Start {
            self.date(&mut cursor);
        }
        let coverage = coverage(&cursor, self.rules, self.list);
        let read_from = match cursor.walk {
            Walk::Feed { .. } => ReadFrom::Feed,
            _ => ReadFrom::List,
        };
        let ties = match cursor.walk {
            // Only when more changed within one second than is remembered can an older one pass for new.
            Walk::Feed { .. } if !selection.seam_is_whole => Ties::KeepStored,
            _ => Ties::TakeNew,
        };
        let (next, gain) = match next {
            Some((position, milestone)) => {
                let resumes = matches!(
                    self.list.paging,
                    Paging::NextUrl {
                        resume: Some(_),
                        ..
                    }
                );
                let next = Cursor {
                    position,
                    page_before: Some(selection.digest),
                    milestone: Some(milestone),
                    seam: selection.seam,
                    last_id: selection.last_id.filter(|_| resumes),
                    ..cursor
                };
                (Some(next), None)
            }
            None => match next_parent(&cursor) {
                Some(next) => (Some(next), None),
                None => cursor.completed(token),
            },
        };
        Page {
            next,
            records: selection.records,
            rejected: selection.rejected,
            gain,
            coverage,
            ties,
            read_from,
            requests: self.exchanged.requests,
        }
    }

    /// Where the walk goes on after a refusal that says so; `None` where the refusal stands.
    fn elsewhere(&self) -> Option<Page> {
        let code = self.exchange.vendor().code(&self.exchanged.answer)?;
        let cursor = self.cursor.clone();
        let restarts = cursor.restarts + 1;
        if self.list.paging.restart_codes().contains(&code) && restarts <= MAX_RESTARTS {
            let position = match cursor.last_id.clone() {
                Some(id) => Position::After(id),
                None => Position::Start,
            };
            return Some(self.detour(Cursor {
                position,
                restarts,
                ..cursor.at_start()
            }));
        }
        let window = self.rules.window.as_ref()?;
        let Walk::List { span, some_unnamed } = cursor.walk else {
            return None;
        };
        if !window.split_codes.contains(&code) {
            return None;
        }
        let [earlier, later] = halves(span, window.earliest(self.now), self.now)?;
        let mut cursor = cursor.at_start();
        cursor.remaining.push(earlier);
        cursor.walk = Walk::List {
            span: later,
            some_unnamed,
        };
        Some(self.detour(cursor))
    }

    /// A page that holds nothing and leads elsewhere.
    fn detour(&self, next: Cursor) -> Page {
        Page {
            next: Some(next),
            coverage: coverage(self.cursor, self.rules, self.list),
            requests: self.exchanged.requests,
            ..Page::of_nothing()
        }
    }

    /// A page that holds nothing, and leads to the records under the ones in this answer.
    pub(super) fn parents(&self, under: &EntityRules, cursor: &Cursor) -> Result<Page, Failure> {
        if let Some(failure) = self.exchange.failure(self.exchanged) {
            return Err(failure);
        }
        let taken = self.take(&self.exchanged.answer.body)?;
        let as_of = self.exchanged.answer.received_at;
        let body = &self.exchanged.answer.body;
        let selection = from_list(
            body,
            &taken.sections,
            self.rules,
            &Context::default(),
            as_of,
        );
        let next = self.next(&selection, taken.told)?;
        let mut cursor = cursor.clone();
        let next_parents = cursor.under.as_ref().and_then(|under| under.next.as_ref());
        if next_parents == Some(&Position::Start) {
            self.date(&mut cursor);
        }
        // What is under a record that was not named, or passed over, may exist.
        if selection.has_unnamed() || !self.rules.tells_all(self.list) {
            cursor.walk.met_unnamed();
        }
        let here = |record: &&Record| record.presence == Presence::Here;
        let named = selection
            .records
            .iter()
            .filter(here)
            .map(|record| &record.external_id);
        // A record that cannot be stored has others under it all the same.
        let refused = selection
            .rejected
            .iter()
            .filter_map(|one| one.external_id.as_ref());
        let mut pending: Vec<String> = named.chain(refused).cloned().collect();
        pending.reverse();
        let parents = Parents {
            pending,
            next: next.map(|(position, _)| position),
        };
        let ended = parents.pending.is_empty() && parents.next.is_none();
        cursor.under = Some(parents);
        let coverage = coverage(&cursor, under, &under.list);
        let (next, gain) = match ended {
            true => cursor.completed(None),
            false => (Some(cursor), None),
        };
        Ok(Page {
            next,
            gain,
            coverage,
            requests: self.exchanged.requests,
            ..Page::of_nothing()
        })
    }

    /// Notes the vendor's clock in a cursor that is at the beginning of a walk.
    fn date(&self, cursor: &mut Cursor) {
        if let Some(vendors) = self.exchanged.answer.date() {
            cursor.dated(vendors, self.rules.lookback());
        }
    }

    fn lost(&self, lost: &Lost) -> Failure {
        match lost {
            Lost::Untold(at) => self.passing(&format!(
                "does not tell at \"{at}\" whether there is another page"
            )),
            Lost::NoLastId => self.passing("promises another page after one without ids"),
            Lost::NoLastTime => self.passing("promises another page after one without times"),
            Lost::OtherHost => self.lasting("points to another host for the next page"),
            Lost::Repeats => self.lasting("leads back to the same page"),
            Lost::Circle => self.lasting("leads in a circle: the page was read before"),
        }
    }

    fn what(&self, wrong: &str) -> String {
        format!(
            "{}'s answer for {} ({}) {wrong}.",
            self.exchange.name,
            self.rules.name,
            self.exchanged.what()
        )
    }

    fn passing(&self, wrong: &str) -> Failure {
        let kind = FailureKind::MalformedAnswer;
        Failure::passing(Origin::Vendor, kind, self.what(wrong))
    }

    fn lasting(&self, wrong: &str) -> Failure {
        let kind = FailureKind::MalformedAnswer;
        Failure::lasting(Origin::Vendor, kind, self.what(wrong))
    }
}

/// What a walk will have read, as far as it can be told now.
pub(super) fn coverage(cursor: &Cursor, rules: &EntityRules, list: &ListRules) -> Coverage {
    match rules.tells_all(list) {
        true => cursor.coverage(rules.lookback()),
        false => Coverage::Some,
    }
}

/// The walk through the records under the next one, when those under the one at hand are read.
fn next_parent(cursor: &Cursor) -> Option<Cursor> {
    let mut parents = cursor.under.clone()?;
    parents.pending.pop();
    if parents.pending.is_empty() && parents.next.is_none() {
        return None;
    }
    Some(Cursor {
        under: Some(parents),
        ..cursor.clone().at_start()
    })
}
