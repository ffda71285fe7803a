//! The read loop's two steps: plan a walk, read a page.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::connector::{Definition, Reading};
use super::coverage::Span;
use super::cursor::{NoWindow, Position, Walk};
use super::exchange::{Exchange, Exchanged};
use super::file::{Changes, Feed, Item, Order, PageSize, Paging, Time, WindowFilter};
use super::lift::{Opened, Pointer, open};
use super::milestone::{Circle, Milestone};
use super::page::{Coverage, Page};
use super::paging::{Lost, Seen};
use super::select::{Selection, from_feed, from_list};
use super::session::Session;
use super::{Ask, Cursor, TestReport, permissions};
use crate::domain::{Failure, FailureKind, Origin, Presence, ReadFrom, Ties};
use crate::http::Http;

/// How one entity is read: the file's rules with the connector's defaults filled in.
#[derive(Debug, Clone)]
pub(super) struct EntityRules {
    pub name: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub records: Pointer,
    pub id: Pointer,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub item: Option<Item>,
    pub paging: Paging,
    pub page_size: Option<PageSize>,
    pub window: Option<WindowFilter>,
    pub order: Order,
    pub lookback_minutes: u32,
    pub changes: Changes,
    pub feed: Option<Arc<Feed>>,
}

impl EntityRules {
    /// What a change of this type says about a record; `None` when it is not about this entity.
    pub(super) fn presence(&self, change_type: &str) -> Option<Presence> {
        let Changes::Feed { changed, gone } = &self.changes else {
            return None;
        };
        if changed.iter().any(|name| name == change_type) {
            Some(Presence::Here)
        } else if gone.iter().any(|name| name == change_type) {
            Some(Presence::Gone)
        } else {
            None
        }
    }

    /// From when on the feed tells every change, by what has been read before; `None` where it does not.
    pub(super) fn feed_since(
        &self,
        known: Option<DateTime<Utc>>,
        through: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let reach = TimeDelta::days(i64::from(self.feed.as_ref()?.reaches_back_days));
        // A checkpoint from a clock that ran ahead would skip what happened since.
        let since = known?.min(through);
        (now - since < reach).then_some(since)
    }
}

/// A connection's records at its vendor.
#[derive(Debug)]
pub struct Source {
    pub(super) definition: Arc<Definition>,
    http: Http,
    session: Session,
}

impl Source {
    pub(super) fn new(definition: Arc<Definition>, http: Http, session: Session) -> Self {
        Self {
            definition,
            http,
            session,
        }
    }

    /// Proves the credentials with the vendor's cheapest request.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub async fn test(&self) -> Result<TestReport, Failure> {
        permissions::test(&self.exchange()?).await
    }

    /// How many of its entities may be read at once.
    #[must_use]
    pub fn parallel(&self) -> usize {
        let reading = self.definition.reading.as_ref();
        reading.map_or(1, |reading| reading.parallel)
    }

    /// The cursor of the first page of a walk.
    ///
    /// # Errors
    /// A lasting [`Failure`], when the entity is not known or cannot be read as asked.
    pub fn plan(&self, entity: &str, ask: &Ask) -> Result<Cursor, Failure> {
        let rules = self.rules(entity)?;
        Cursor::first(rules, ask).map_err(|NoWindow| {
            self.misconfigured(format!(
                "{} cannot list {entity} by date; leave dateRange out.",
                self.definition.name
            ))
        })
    }

    /// Reads the page at `cursor`.
    ///
    /// # Errors
    /// A typed [`Failure`]; the same cursor may be read again.
    pub async fn read(&self, entity: &str, cursor: &Cursor) -> Result<Page, Failure> {
        let rules = self.rules(entity)?;
        let exchange = self.exchange()?;
        let (records, paging, page_size) = match (&cursor.walk, &rules.feed) {
            (Walk::Nothing, _) => return Ok(Page::of_nothing()),
            (Walk::Feed { .. }, Some(feed)) => (&feed.changes, &feed.paging, &rules.page_size),
            (Walk::Feed { .. }, None) => return Err(self.no_feed(entity)),
            (Walk::List { .. }, _) => (&rules.records, &rules.paging, &rules.page_size),
        };
        let exchanged = match &cursor.position {
            Position::Url(path_and_query) => exchange.get_own(path_and_query).await?,
            position => {
                let (path, mut query) = walk_request(rules, &cursor.walk);
                if let Some(size) = page_size {
                    query.push((size.parameter.clone(), size.size.to_string()));
                }
                if let Some((name, value)) = paging.parameter(position) {
                    query.push((name.to_owned(), value));
                }
                exchange.get(path, &query).await?
            }
        };
        if !exchanged.answer.is_success() {
            return Err(exchange.refusal(&exchanged));
        }
        let page = Reader {
            vendor: &self.definition.name,
            rules,
            cursor,
            exchanged: &exchanged,
        };
        page.read(records, paging, page_size.as_ref().map(|size| size.size))
    }

    pub(super) fn exchange(&self) -> Result<Exchange<'_>, Failure> {
        Ok(Exchange {
            name: &self.definition.name,
            reading: self.reading()?,
            http: &self.http,
            session: &self.session,
        })
    }

    fn reading(&self) -> Result<&Reading, Failure> {
        self.definition.reading.as_ref().ok_or_else(|| {
            self.misconfigured(format!("{} cannot be connected yet.", self.definition.name))
        })
    }

    pub(super) fn rules(&self, entity: &str) -> Result<&EntityRules, Failure> {
        self.reading()?
            .entity(entity)
            .ok_or_else(|| self.misconfigured(format!("{} has no {entity}.", self.definition.name)))
    }

    fn no_feed(&self, entity: &str) -> Failure {
        self.misconfigured(format!(
            "{} has no feed of changes for {entity}; start the sync again.",
            self.definition.name
        ))
    }

    fn misconfigured(&self, message: String) -> Failure {
        Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
    }
}

/// Path and query of a walk, apart from paging.
fn walk_request<'r>(rules: &'r EntityRules, walk: &Walk) -> (&'r str, Vec<(String, String)>) {
    match (walk, &rules.feed, &rules.changes) {
        (Walk::Feed { since }, Some(feed), Changes::Feed { changed, gone }) => {
            let mut query: Vec<(String, String)> = changed
                .iter()
                .chain(gone)
                .map(|name| (feed.types_parameter.clone(), name.clone()))
                .collect();
            query.push((
                feed.since_parameter.clone(),
                feed.happened_at.format.write(*since),
            ));
            (&feed.path, query)
        }
        (Walk::List { span, .. }, ..) => {
            let mut query = rules.query.clone();
            if let Some(window) = &rules.window {
                if let Some(from) = span.from {
                    query.push((window.from.clone(), window.format.write(from)));
                }
                if let Some(until) = span.until {
                    query.push((window.until.clone(), window.format.write_end(until)));
                }
            }
            (&rules.path, query)
        }
        (Walk::Feed { .. } | Walk::Nothing, ..) => (&rules.path, rules.query.clone()),
    }
}

/// One answer on its way to a page.
struct Reader<'a> {
    vendor: &'a str,
    rules: &'a EntityRules,
    cursor: &'a Cursor,
    exchanged: &'a Exchanged,
}

impl Reader<'_> {
    fn read(
        &self,
        records: &Pointer,
        paging: &Paging,
        page_size: Option<u32>,
    ) -> Result<Page, Failure> {
        let answer = &self.exchanged.answer;
        let body = std::str::from_utf8(&answer.body).map_err(|_| self.passing("is not UTF-8"))?;
        let Opened { elements, told } =
            open(body, records, paging.pointer()).map_err(|_| self.passing("is not JSON"))?;
        let elements =
            elements.ok_or_else(|| self.passing(&format!("has no array at \"{records}\"")))?;
        let selection = match (&self.cursor.walk, &self.rules.feed) {
            (Walk::Feed { .. }, Some(feed)) => from_feed(
                &answer.body,
                &elements,
                self.rules,
                feed,
                self.cursor.seam.as_ref(),
                answer.date().unwrap_or(answer.received_at),
            ),
            _ => from_list(
                &answer.body,
                &elements,
                self.rules,
                answer.date().unwrap_or(answer.received_at),
            ),
        };
        let seen = Seen {
            answer,
            url: &self.exchanged.url,
            told,
            count: selection.count,
            page_size,
            last_id: selection.last_id.as_deref(),
        };
        let next = paging
            .next(&self.cursor.position, &seen)
            .map_err(|lost| self.lost(&lost))?;
        if selection.last_id.is_some()
            && self.cursor.page_before.as_ref() == Some(&selection.digest)
        {
            return Err(self.lost(&Lost::Repeats));
        }
        let next = match next {
            Some(position) => {
                let page = match selection.last_id {
                    Some(_) => selection.digest.clone(),
                    // Pages that hold nothing are told apart by where they were.
                    None => format!("{:?}", self.cursor.position),
                };
                let milestone = Milestone::after(self.cursor.milestone.as_ref(), &page)
                    .map_err(|Circle| self.lost(&Lost::Circle))?;
                Some((position, milestone))
            }
            None => None,
        };
        Ok(self.page(selection, next))
    }

    fn page(&self, selection: Selection, next: Option<(Position, Milestone)>) -> Page {
        let mut cursor = self.cursor.clone();
        let lookback = TimeDelta::minutes(i64::from(self.rules.lookback_minutes));
        // The vendor's clock counts where it is behind ours: what it dates is what the next walk asks for.
        if let (Some(through), Position::Start) = (&mut cursor.through, &cursor.position) {
            let vendors = self.exchanged.answer.date().map(|date| date - lookback);
            *through = vendors.map_or(*through, |vendors| vendors.min(*through));
        }
        let coverage = match &mut cursor.walk {
            Walk::List { span, some_unnamed } => {
                *some_unnamed |= selection
                    .rejected
                    .iter()
                    .any(|rejected| rejected.external_id.is_none());
                match cursor.through {
                    Some(through)
                        if *span == Span::ALL
                            && !*some_unnamed
                            && self.rules.paging.misses_nothing() =>
                    {
                        Coverage::Everything {
                            began_at: through + lookback,
                        }
                    }
                    _ => Coverage::Some,
                }
            }
            Walk::Feed { .. } | Walk::Nothing => Coverage::Some,
        };
        let read_from = match cursor.walk {
            Walk::List { .. } | Walk::Nothing => ReadFrom::List,
            Walk::Feed { .. } => ReadFrom::Feed,
        };
        let ties = match cursor.walk {
            // Only when more changed within one second than is remembered can an older one pass for new.
            Walk::Feed { .. } if !selection.seam_is_whole => Ties::KeepStored,
            _ => Ties::TakeNew,
        };
        let (next, gain) = match next {
            Some((position, milestone)) => {
                let next = Cursor {
                    position,
                    page_before: Some(selection.digest),
                    milestone: Some(milestone),
                    seam: selection.seam,
                    ..cursor
                };
                (Some(next), None)
            }
            None => cursor.completed(),
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

    fn lost(&self, lost: &Lost) -> Failure {
        match lost {
            Lost::Untold(at) => self.passing(&format!(
                "does not tell at \"{at}\" whether there is another page"
            )),
            Lost::NoLastId => self.passing("promises another page after one without ids"),
            Lost::OtherHost => self.lasting("points to another host for the next page"),
            Lost::Repeats => self.lasting("leads back to the same page"),
            Lost::Circle => self.lasting("leads in a circle: the page was read before"),
        }
    }

    fn what(&self, wrong: &str) -> String {
        format!(
            "{}'s answer for {} (GET {}) {wrong}.",
            self.vendor,
            self.rules.name,
            self.exchanged.url.path()
        )
    }

    fn passing(&self, wrong: &str) -> Failure {
        Failure::passing(
            Origin::Vendor,
            FailureKind::MalformedAnswer,
            self.what(wrong),
        )
    }

    fn lasting(&self, wrong: &str) -> Failure {
        Failure::lasting(
            Origin::Vendor,
            FailureKind::MalformedAnswer,
            self.what(wrong),
        )
    }
}
