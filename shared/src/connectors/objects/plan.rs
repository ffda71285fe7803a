//! The first cursor of a walk.

use super::{OBJECTS, ObjectStore, misconfigured};
use crate::connectors::cursor::{Position, Walk};
use crate::connectors::{Ask, Cursor};
use crate::domain::{Failure, SyncMode};

impl ObjectStore {
    /// The whole listing, or of what is inside objects that which was modified since.
    pub(in crate::connectors) fn plan(&self, entity: &str, ask: &Ask) -> Result<Cursor, Failure> {
        self.knows(entity)?;
        if ask.window.is_some() {
            return Err(misconfigured(format!(
                "{} cannot list {entity} by date; leave dateRange out.",
                self.name
            )));
        }
        // Taken from before the run began, so that what changes while it reads is read again by the next.
        let before = ask.now - self.settings.lookback;
        let since = match ask.mode {
            // A checkpoint from a clock that ran ahead would skip what happened since.
            SyncMode::Incremental => ask.checkpoint.through.map(|through| through.min(before)),
            SyncMode::Full | SyncMode::Snapshot => None,
        };
        let walk = match since {
            Some(since) if entity != OBJECTS => Walk::Changed { since },
            _ => Walk::everything(),
        };
        let through = (ask.mode != SyncMode::Snapshot).then_some(before);
        let position = Position::Object(Box::default());
        Ok(Cursor::begin(walk, position, through))
    }
}
