//! Readers of the stream of events.
//!
//! A reader keeps nothing but its place and takes events as fast as its connection does: what it has not taken stays in
//! Postgres. All readers of a tenant share one [`Tail`]: the newest events, read once for all of them, ten times a second.
//! A reader that is further behind reads the log itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rail_shared::domain::{Event, TenantId};
use rail_shared::store::events::{self, Wanted};
use rail_shared::store::{Store, StoreError};
use tokio::sync::watch;

/// Between two looks at the log.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After a look that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// Events that are kept of a tenant that somebody reads.
const KEPT: usize = 256;
/// Events of a tenant that are read at once.
const AT_ONCE: u16 = 256;

/// An event, and how the stream says it.
#[derive(Debug)]
pub struct Told {
    /// The event.
    pub event: Event,
    /// Its lines.
    pub lines: Bytes,
}

impl Told {
    fn new(event: Event) -> Self {
        let (seq, kind, body) = (event.seq, &event.event_type, event.body());
        let lines = format!("id: {seq}\nevent: {kind}\ndata: {body}\n\n");
        Self {
            event,
            lines: lines.into(),
        }
    }
}

/// The newest events of one tenant.
#[derive(Debug)]
pub struct Tail {
    recent: Mutex<VecDeque<Arc<Told>>>,
    last: watch::Sender<i64>,
}

impl Tail {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Told>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes after a number; `None` when that is too long ago for what is kept.
    fn after(&self, seq: i64) -> Option<Vec<Arc<Told>>> {
        let recent = self.lock();
        if seq >= *self.last.borrow() {
            return Some(Vec::new());
        }
        let first = recent.front()?.event.seq;
        let skipped = usize::try_from(seq - (first - 1)).ok()?;
        Some(recent.iter().skip(skipped).cloned().collect())
    }

    fn push(&self, told: Told) {
        let seq = told.event.seq;
        let mut recent = self.lock();
        if recent.len() == KEPT {
            recent.pop_front();
        }
        recent.push_back(Arc::new(told));
        self.last.send_replace(seq);
    }
}

/// The tails of all tenants that somebody reads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tails(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    tails: BTreeMap<TenantId, Weak<Tail>>,
    looking: bool,
}

/// A reader.
pub struct Reader {
    store: Store,
    tenant: TenantId,
    wanted: Wanted,
    place: i64,
    tail: Arc<Tail>,
    news: watch::Receiver<i64>,
}

impl Tails {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader of what comes after `place`; `last` is the newest number there is.
    pub fn reader(
        &self,
        store: &Store,
        tenant: TenantId,
        wanted: Wanted,
        place: i64,
        last: i64,
    ) -> Reader {
        let tail = self.tail(store, tenant, last);
        Reader {
            store: store.clone(),
            tenant,
            wanted,
            place,
            news: tail.last.subscribe(),
            tail,
        }
    }

    fn tail(&self, store: &Store, tenant: TenantId, last: i64) -> Arc<Tail> {
        let mut shared = self.lock();
        if let Some(tail) = shared.tails.get(&tenant).and_then(Weak::upgrade) {
            return tail;
        }
        let tail = Arc::new(Tail {
            recent: Mutex::default(),
            last: watch::Sender::new(last),
        });
        shared.tails.insert(tenant, Arc::downgrade(&tail));
        if !shared.looking {
            shared.looking = true;
            tokio::spawn(self.clone().look(store.clone()));
        }
        tail
    }

    /// Looks for news of every tenant that is read, until none is.
    async fn look(self, store: Store) {
        loop {
            let tails: BTreeMap<TenantId, Arc<Tail>> = {
                let mut shared = self.lock();
                shared.tails.retain(|_, tail| tail.strong_count() > 0);
                if shared.tails.is_empty() {
                    shared.looking = false;
                    return;
                }
                let alive = shared.tails.iter();
                alive
                    .filter_map(|(tenant, tail)| Some((*tenant, tail.upgrade()?)))
                    .collect()
            };
            let pause = match news(&store, &tails).await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the log of events cannot be read; readers wait"
                    );
                    AFTER_FAILURE
                }
            };
            drop(tails);
            tokio::time::sleep(pause).await;
        }
    }
}

async fn news(store: &Store, tails: &BTreeMap<TenantId, Arc<Tail>>) -> Result<(), StoreError> {
    let places: Vec<(TenantId, i64)> = tails
        .iter()
        .map(|(tenant, tail)| (*tenant, *tail.last.borrow()))
        .collect();
    let found = events::news(&mut *store.connect().await?, &places, AT_ONCE).await?;
    for (tenant, event) in found {
        if let Some(tail) = tails.get(&tenant) {
            tail.push(Told::new(event));
        }
    }
    Ok(())
}

impl Reader {
    /// The lines of the next events that are wanted, once there are some; `None` when what came next is not kept any more.
    ///
    /// # Errors
    /// When the log has to be read and cannot be.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let last = *self.news.borrow_and_update();
            let told = match self.tail.after(self.place) {
                Some(told) => told,
                None => self.read().await?,
            };
            if told
                .first()
                .is_some_and(|next| next.event.seq != self.place + 1)
            {
                return Ok(None);
            }
            if let Some(newest) = told.last() {
                self.place = newest.event.seq;
            }
            let wanted: Vec<&[u8]> = told
                .iter()
                .filter(|told| self.wanted.takes(&told.event))
                .map(|told| &told.lines[..])
                .collect();
            if !wanted.is_empty() {
                return Ok(Some(wanted.concat().into()));
            }
            if self.place >= last && self.news.changed().await.is_err() {
                // The tail lives as long as this does.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn read(&self) -> Result<Vec<Arc<Told>>, StoreError> {
        let mut conn = self.store.connect().await?;
        let all = Wanted::default();
        let found = events::read(&mut conn, self.tenant, self.place, &all, AT_ONCE).await?;
        Ok(found.into_iter().map(Told::new).map(Arc::new).collect())
    }
}
