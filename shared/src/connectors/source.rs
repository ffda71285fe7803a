//! The read loop's two steps: plan a walk, read a page.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::connector::{Definition, Reading};
use super::cursor::{NoWindow, Position, Walk};
use super::draft::Draft;
use super::exchange::{Exchange, Exchanged};
use super::fields::Described;
use super::file::{Changes, Under};
use super::objects::ObjectStore;
use super::page::Page;
use super::permissions::{self, Extent};
use super::rate::{Pace, account_of};
use super::reader::Reader;
use super::rules::{EntityRules, ListRules};
use super::session::Session;
use super::{Ask, Cursor, TestReport};
use crate::budget::{Account, Budgets};
use crate::domain::{Failure, FailureKind, Origin, Priority};
use crate::http::Http;

/// A connection's records at its vendor.
#[derive(Debug)]
pub struct Source {
    pub(super) definition: Arc<Definition>,
    http: Http,
    session: Session,
    pace: Option<Pace>,
    /// Of a connector whose records are in an object store.
    store: Option<Result<ObjectStore, Failure>>,
    /// The fields of entities whose requests name them, as far as they were asked for.
    pub(super) fields: Mutex<HashMap<String, Arc<Described>>>,
}

impl Source {
    pub(super) fn new(definition: Arc<Definition>, http: Http, session: Session) -> Self {
        let store = definition.store.as_ref();
        let store = store.map(|rules| ObjectStore::open(&definition.name, rules, &http, &session));
        Self {
            definition,
            http,
            session,
            pace: None,
            store,
            fields: Mutex::default(),
        }
    }

    /// The same, with requests counted in these budgets, and sent when it is their turn.
    #[must_use]
    pub fn paced(mut self, budgets: &Budgets, priority: Priority) -> Self {
        let pace = Pace {
            budgets: budgets.clone(),
            priority,
        };
        let rules = self.definition.store.as_ref();
        let rate = rules.and_then(|rules| Some((rules.rate.as_ref()?, rules.base_url())));
        let turns = rate.and_then(|(rate, base_url)| {
            pace.turns(rate, &self.definition.id, base_url, &self.session)
        });
        if let Some(turns) = turns {
            self.store = self
                .store
                .map(|store| store.map(|store| store.paced(turns)));
        }
        self.pace = Some(pace);
        self
    }

    /// Where its requests are counted; `None` where they are not. The vendor is not asked.
    ///
    /// # Errors
    /// A [`Failure`], when it is not known where they go.
    pub async fn account(&self, budgets: &Budgets) -> Result<Option<Account>, Failure> {
        let Some(rate) = self.definition.rate() else {
            return Ok(None);
        };
        let setting = budgets.setting(&self.definition.id);
        let of = |base_url: &str| {
            let id = &self.definition.id;
            let counted = account_of(rate, setting, id, base_url, &self.session);
            counted.map(|(account, _)| account)
        };
        if let Some(store) = &self.definition.store {
            return Ok(of(store.base_url()));
        }
        let exchange = self.exchange()?;
        if let Some(tokens) = exchange.tokens() {
            // What was granted may name the account.
            tokens.recall().await?;
        }
        Ok(of(exchange.base_url()?.as_str()))
    }

    /// Fetches a token, where requests carry one and there is none that is good.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub async fn have_token(&self) -> Result<(), Failure> {
        if self.store()?.is_some() {
            return Ok(());
        }
        self.exchange()?.ready().await
    }

    /// Proves the credentials with the vendor's cheapest request.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub async fn test(&self) -> Result<TestReport, Failure> {
        if let Some(store) = self.store()? {
            return store.test(&self.session).await;
        }
        permissions::test(self, Extent::Credentials).await
    }

    /// Proves the credentials, and tries which entities they may read, by a small request for each.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do.
    pub async fn survey(&self) -> Result<TestReport, Failure> {
        match self.store()? {
            Some(store) => store.test(&self.session).await,
            None => permissions::test(self, Extent::Permissions).await,
        }
    }

    /// How many of its entities may be read at once.
    #[must_use]
    pub fn parallel(&self) -> usize {
        match (&self.definition.reading, &self.store) {
            (Some(reading), _) => reading.parallel,
            // The listing, and what is inside.
            (None, Some(_)) => 2,
            (None, None) => 1,
        }
    }

    /// The cursor of the first page of a walk.
    ///
    /// # Errors
    /// A lasting [`Failure`], when the entity is not known or cannot be read as asked.
    pub fn plan(&self, entity: &str, ask: &Ask) -> Result<Cursor, Failure> {
        if let Some(store) = self.store()? {
            return store.plan(entity, ask);
        }
        let rules = self.rules(entity)?;
        Cursor::first(&rules, ask).map_err(|NoWindow| {
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
        if let Some(store) = self.store()? {
            return store.read(entity, cursor, &self.session).await;
        }
        let rules = &*self.rules(entity)?;
        if cursor.walk == Walk::Nothing {
            return Ok(Page::of_nothing());
        }
        if let (Some(parents), Some(Under::Entity(above))) = (&cursor.under, &rules.under)
            && parents.pending.is_empty()
        {
            let above = self.rules(above)?;
            return self.parents(rules, &above, cursor).await;
        }
        let list = self.list(rules, &cursor.walk)?;
        let exchange = self.exchange()?;
        if let Some(detour) = self.detour(&exchange, rules, cursor).await? {
            return Ok(detour);
        }
        if let Position::Bulk(place) = &cursor.position {
            return Box::pin(self.in_bulk(&exchange, rules, list, cursor, place)).await;
        }
        let exchanged = self.ask(&exchange, rules, list, cursor).await?;
        if let Some(detour) = self.to_bulk(rules, list, cursor, &exchanged) {
            return Ok(detour);
        }
        Reader {
            exchange: &exchange,
            rules,
            list,
            cursor,
            exchanged: &exchanged,
            now: self.now(cursor),
        }
        .read()
    }

    /// When the walk was planned, where it noted that.
    fn now(&self, cursor: &Cursor) -> DateTime<Utc> {
        cursor.planned_at.unwrap_or_else(|| self.clock_now())
    }

    /// Asks for the page at `cursor`.
    async fn ask(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
        list: &ListRules,
        cursor: &Cursor,
    ) -> Result<Exchanged, Failure> {
        if let Position::Url(path_and_query) = &cursor.position {
            return exchange.get_own(path_and_query).await;
        }
        let mut draft = self.draft(exchange, rules, list, cursor).await?;
        let position = match (&cursor.position, &cursor.walk) {
            (
                Position::Start,
                Walk::Told {
                    from: Some(from), ..
                },
            ) => &Position::Token(from.clone()),
            (position, _) => position,
        };
        list.page(&mut draft, position, since(&cursor.walk));
        exchange.send(&draft).await
    }

    /// A request for a list, limited as the walk says.
    pub(super) async fn draft(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
        list: &ListRules,
        cursor: &Cursor,
    ) -> Result<Draft, Failure> {
        let mut draft = self.with_fields(exchange, rules, Draft::of(list)).await?;
        if let Some(parent) = cursor.under.as_ref().and_then(|under| under.pending.last()) {
            draft.word("parent", parent);
        }
        match (&cursor.walk, &rules.window, &rules.feed, &rules.changes) {
            (Walk::Feed { since }, _, Some(feed), Changes::Feed { changed, gone }) => {
                for name in changed.iter().chain(gone) {
                    draft.query(&feed.types_parameter, name);
                }
                draft.query(&feed.since_parameter, feed.happened_at.format.write(*since));
            }
            (Walk::List { span, .. }, Some(window), ..) => {
                let (mut from, mut until) = (span.from, span.until);
                if window.at_most_days.is_some() {
                    let now = self.now(cursor);
                    from = from.or_else(|| Some(window.earliest(now)));
                    until = until.or(Some(now));
                }
                if let Some(from) = from {
                    draft.put(&window.from, window.format.write(from));
                }
                if let Some(until) = until {
                    draft.put(&window.until, window.format.write_end(until));
                }
            }
            _ => {}
        }
        Ok(draft)
    }

    /// Reads which records another entity has, under which this one is listed.
    async fn parents(
        &self,
        rules: &EntityRules,
        above: &EntityRules,
        cursor: &Cursor,
    ) -> Result<Page, Failure> {
        let exchange = self.exchange()?;
        let position = cursor
            .under
            .as_ref()
            .and_then(|parents| parents.next.clone());
        let above_cursor = Cursor {
            walk: Walk::everything(),
            position: position.unwrap_or(Position::Start),
            under: None,
            ..cursor.clone()
        };
        let exchanged = self
            .ask(&exchange, above, &above.list, &above_cursor)
            .await?;
        let reader = Reader {
            exchange: &exchange,
            rules: above,
            list: &above.list,
            cursor: &above_cursor,
            exchanged: &exchanged,
            now: self.now(cursor),
        };
        reader.parents(rules, cursor)
    }

    /// How the lists of a walk are read.
    fn list<'r>(&self, rules: &'r EntityRules, walk: &Walk) -> Result<&'r ListRules, Failure> {
        let list = match walk {
            Walk::List { .. } | Walk::Told { .. } | Walk::Nothing => Some(&rules.list),
            Walk::Changed { .. } => Some(rules.changed.as_ref().unwrap_or(&rules.list)),
            Walk::Removed { .. } => rules.removed.as_ref(),
            Walk::Feed { .. } => rules.feed_list.as_ref(),
        };
        list.ok_or_else(|| {
            self.misconfigured(format!(
                "{} does not tell any more what changed of {}; start the sync again.",
                self.definition.name, rules.name
            ))
        })
    }

    pub(super) fn clock_now(&self) -> DateTime<Utc> {
        self.http.now()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn exchange(&self) -> Result<Exchange<'_>, Failure> {
        Ok(Exchange {
            id: &self.definition.id,
            name: &self.definition.name,
            reading: self.reading()?,
            http: &self.http,
            session: &self.session,
            pace: self.pace.as_ref(),
        })
    }

    pub(super) fn store(&self) -> Result<Option<&ObjectStore>, Failure> {
        let store = self.store.as_ref().map(Result::as_ref).transpose();
        store.map_err(Failure::clone)
    }

    fn reading(&self) -> Result<&Reading, Failure> {
        self.definition.reading.as_ref().ok_or_else(|| {
            self.misconfigured(format!("{} cannot be connected yet.", self.definition.name))
        })
    }

    pub(super) fn rules(&self, entity: &str) -> Result<Cow<'_, EntityRules>, Failure> {
        let _ = self.reading()?;
        let rules = self.definition.rules(entity);
        rules
            .ok_or_else(|| self.misconfigured(format!("{} has no {entity}.", self.definition.name)))
    }

    pub(super) fn misconfigured(&self, message: String) -> Failure {
        Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
    }
}

/// From when on a walk is told what changed.
fn since(walk: &Walk) -> Option<DateTime<Utc>> {
    match walk {
        Walk::Changed { since } | Walk::Removed { since } => Some(*since),
        Walk::List { .. } | Walk::Feed { .. } | Walk::Told { .. } | Walk::Nothing => None,
    }
}
