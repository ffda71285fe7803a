//! One page of a walk through a bucket.

use chrono::{DateTime, Utc};

use super::gather::{Gathered, Known, is_usable};
use super::place::{Reading, WalkPlace};
use super::rows::{Open, Went};
use super::{OBJECTS, ObjectStore};
use crate::blobs::{Listed, Listing, NotRead};
use crate::connectors::Cursor;
use crate::connectors::cursor::{Position, Walk};
use crate::connectors::page::Page;
use crate::connectors::session::Session;
use crate::domain::{Failure, FailureKind, Origin};

/// How often an object may turn out to be changed while it is read before it is left to the next sync.
const MAX_CHANGES: u32 = 5;
/// After so many requests a page is handed over even if it holds nothing: how far the walk came is worth storing.
const MAX_REQUESTS: u32 = 32;

/// What is known beside a cursor to whoever handed it over: where it is asked for again, nothing is read twice.
#[derive(Debug)]
pub(super) struct Held {
    place: WalkPlace,
    listing: Listing,
    open: Option<Open>,
}

/// A page on its way.
struct Turn<'a> {
    store: &'a ObjectStore,
    session: &'a Session,
    cursor: Cursor,
    place: WalkPlace,
    requests: u32,
}

impl ObjectStore {
    /// Reads the page at `cursor`.
    pub(in crate::connectors) async fn read(
        &self,
        entity: &str,
        cursor: &Cursor,
        session: &Session,
    ) -> Result<Page, Failure> {
        self.knows(entity)?;
        let turn = Turn {
            store: self,
            session,
            place: match &cursor.position {
                Position::Object(place) => WalkPlace::clone(place),
                _ => WalkPlace::default(),
            },
            cursor: cursor.clone(),
            requests: 0,
        };
        if entity == OBJECTS {
            turn.objects().await
        } else {
            turn.rows().await
        }
    }
}

impl Turn<'_> {
    async fn objects(mut self) -> Result<Page, Failure> {
        let listing = self.list().await?;
        let mut gathered = Gathered::new(Known::objects(), listing.as_of);
        for listed in &listing.objects {
            gathered.object(listed);
        }
        let next = self.after(&listing);
        Ok(self.page(gathered, next))
    }

    async fn rows(mut self) -> Result<Page, Failure> {
        let known = Known::rows(&self.store.settings);
        let held = self.store.held.lock().await.take();
        let held = held.filter(|held| held.place == self.place);
        let (listing, mut open) = match held {
            Some(held) => (held.listing, held.open),
            None => (self.list().await?, None),
        };
        let mut gathered = Gathered::new(known, listing.as_of);
        loop {
            let mut at_hand = match open.take() {
                Some(open) => open,
                None => {
                    let Some(reading) = self.next_object(&listing) else {
                        self.unusable(&listing, &mut gathered);
                        let next = self.after(&listing);
                        return Ok(self.page(gathered, next));
                    };
                    let key = reading.key.clone();
                    match self.open(reading).await {
                        Ok(open) => open,
                        Err(not_read) => {
                            self.not_read(&key, not_read, &mut gathered)?;
                            if gathered.rejected.is_empty() && self.requests < MAX_REQUESTS {
                                continue;
                            }
                            return Ok(self.hold(listing, None, gathered).await);
                        }
                    }
                }
            };
            let bucket = &self.store.bucket;
            let (rows, went) = at_hand.rows(bucket, &mut self.requests).await;
            let key = at_hand.reading.key.clone();
            gathered.date(at_hand.as_of);
            for row in rows {
                gathered.row(&key, at_hand.last_modified, row);
            }
            let open = match went {
                Ok(Went::On) => {
                    self.place.object = Some(at_hand.reading.clone());
                    Some(at_hand)
                }
                Ok(Went::ToTheEnd) => {
                    self.done(key);
                    None
                }
                Err(not_read) => {
                    self.place.object = Some(at_hand.reading);
                    self.not_read(&key, not_read, &mut gathered)?;
                    None
                }
            };
            let is_empty = gathered.records.is_empty() && gathered.rejected.is_empty();
            if !is_empty || open.is_some() || self.requests >= MAX_REQUESTS {
                return Ok(self.hold(listing, open, gathered).await);
            }
        }
    }

    async fn list(&mut self) -> Result<Listing, Failure> {
        self.requests += 1;
        let store = self.store;
        let prefix = &store.settings.prefix;
        let listed = store.bucket.list(prefix, self.place.listing.as_deref());
        let listing = listed
            .await
            .map_err(|not_read| store.failure(not_read, self.session, "the listing"))?;
        if self.place.listing.is_none() {
            self.cursor.dated(listing.as_of, store.settings.lookback);
        }
        Ok(listing)
    }

    async fn open(&mut self, reading: Reading) -> Result<Open, NotRead> {
        self.place.object = Some(reading.clone());
        let store = self.store;
        Open::open(
            reading,
            &store.settings,
            (&store.bucket, store.room),
            &mut self.requests,
        )
        .await
    }

    /// The object to be read: the one at hand, or the next that is wanted. What is passed over on the way is done with.
    fn next_object(&mut self, listing: &Listing) -> Option<Reading> {
        if let Some(reading) = self.place.object.clone() {
            return Some(reading);
        }
        let begin = begin_after(&listing.objects, self.place.done.as_deref());
        let mut rest = listing.objects[begin..].iter();
        let next = rest.find(|it| is_usable(&it.key) && self.wants(it))?;
        Some(Reading::of(&next.key, &next.etag))
    }

    fn wants(&self, listed: &Listed) -> bool {
        let since = match self.cursor.walk {
            Walk::Changed { since } => Some(since),
            _ => None,
        };
        let is_new = since.is_none_or(|since: DateTime<Utc>| listed.last_modified >= since);
        is_new && self.store.settings.wants(listed)
    }

    /// Of a page of the listing that was read to its end: the objects whose names no cursor can hold.
    fn unusable(&mut self, listing: &Listing, gathered: &mut Gathered) {
        let unusable = |it: &&Listed| !is_usable(&it.key) && self.wants(it);
        let unusable: Vec<&Listed> = listing.objects.iter().filter(unusable).collect();
        for listed in unusable {
            self.unread(
                &listed.key,
                "unusable-key",
                "has U+0000 in its name",
                gathered,
            );
        }
    }

    /// An error under the name of an object; what is in that was not seen, and may exist.
    fn unread(&mut self, key: &str, code: &'static str, message: &str, gathered: &mut Gathered) {
        gathered.unreadable(key, code, message);
        self.cursor.walk.met_unnamed();
    }

    /// The place after an object.
    fn done(&mut self, key: String) {
        self.place.done = Some(key);
        self.place.object = None;
    }

    /// What follows from an object that was not read, or not to its end.
    fn not_read(
        &mut self,
        key: &str,
        not_read: NotRead,
        gathered: &mut Gathered,
    ) -> Result<(), Failure> {
        let (code, message) = match not_read {
            // What was read of it is in the snapshot, and nothing takes that out again.
            NotRead::Changed | NotRead::Gone if self.is_snapshot() && self.has_rows() => {
                let message = format!(
                    "The object {key} was changed or deleted while it was copied into the snapshot. Take another snapshot."
                );
                let kind = FailureKind::Unavailable;
                return Err(Failure::lasting(Origin::Vendor, kind, message));
            }
            // Deleted since it was listed.
            NotRead::Gone => {
                self.done(key.to_owned());
                return Ok(());
            }
            NotRead::Changed => match self.place.object.take() {
                Some(reading) if reading.changed < MAX_CHANGES => {
                    self.place.object = Some(reading.anew());
                    return Ok(());
                }
                _ => (
                    "changing-object",
                    "changes while it is read, again and again".to_owned(),
                ),
            },
            NotRead::Unreadable { code, message } => (code, message),
            other => return Err(self.store.failure(other, self.session, "an object")),
        };
        self.unread(key, code, &message, gathered);
        self.done(key.to_owned());
        Ok(())
    }

    /// A snapshot says nothing of how far the next walk may trust what was read.
    fn is_snapshot(&self) -> bool {
        self.cursor.through.is_none()
    }

    /// Whether rows of the object at hand were handed over.
    fn has_rows(&self) -> bool {
        let reading = self.place.object.as_ref();
        reading.is_some_and(|reading| reading.spot.rows > 0)
    }

    /// Where the next page of the listing is.
    fn after(&self, listing: &Listing) -> Option<WalkPlace> {
        let next = listing.next.clone()?;
        Some(WalkPlace {
            listing: Some(next),
            ..WalkPlace::default()
        })
    }

    /// A page within a page of the listing, and what is known beside its cursor.
    async fn hold(self, listing: Listing, open: Option<Open>, gathered: Gathered) -> Page {
        let place = self.place.clone();
        *self.store.held.lock().await = Some(Held {
            place: place.clone(),
            listing,
            open,
        });
        self.page(gathered, Some(place))
    }

    fn page(mut self, gathered: Gathered, next: Option<WalkPlace>) -> Page {
        let unnamed = gathered.rejected.iter().any(|it| it.external_id.is_none());
        if unnamed {
            self.cursor.walk.met_unnamed();
        }
        let coverage = self.cursor.coverage(self.store.settings.lookback);
        let Gathered {
            records, rejected, ..
        } = gathered;
        let (next, gain) = match next {
            Some(place) => {
                let position = Position::Object(Box::new(place));
                self.cursor.position = position;
                (Some(self.cursor), None)
            }
            None => self.cursor.completed(None),
        };
        Page {
            records,
            rejected,
            next,
            gain,
            coverage,
            requests: self.requests,
            ..Page::of_nothing()
        }
    }
}

/// The place of the first object after the one that is done with. Where that is gone meanwhile the page is read from its
/// beginning: not every store lists in the order of names, and what is passed over would count as deleted.
pub(super) fn begin_after(objects: &[Listed], done: Option<&str>) -> usize {
    let place = done.and_then(|done| objects.iter().position(|listed| listed.key == done));
    place.map_or(0, |place| place + 1)
}
