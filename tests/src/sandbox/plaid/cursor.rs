//! Cursors of `/transactions/sync`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::errors::PlaidError;

/// Where a reader stands: everything up to `from` was read, and of the update from there to `until` the first `offset`
/// changes. Between two updates `from` is `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) from: usize,
    pub(super) until: usize,
    pub(super) offset: usize,
}

impl Cursor {
    /// Behind everything up to here.
    pub(super) fn behind(position: usize) -> Self {
        Self {
            from: position,
            until: position,
            offset: 0,
        }
    }

    /// Whether a reader stands in the middle of an update.
    pub(super) fn is_within_an_update(self) -> bool {
        self.offset > 0
    }

    /// As a reader gets it: a text that means nothing to them.
    pub(super) fn write(self, item_id: &str) -> String {
        let Self {
            from,
            until,
            offset,
        } = self;
        STANDARD.encode(format!("{item_id}:{from}:{until}:{offset}"))
    }

    /// Reads one again; it must be of this item.
    pub(super) fn read(text: &str, item_id: &str) -> Result<Self, PlaidError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parse = || {
            let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            let mut parts = text.split(':');
            if parts.next()? != item_id {
                return None;
            }
            let mut number = || parts.next()?.parse().ok();
            Some(Self {
                from: number()?,
                until: number()?,
                offset: number()?,
            })
        };
        parse().ok_or_else(|| PlaidError::invalid("cursor not associated with access_token"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_opaque_short_and_good_for_its_item_only() {
        let cursor = Cursor {
            from: 1,
            until: usize::MAX,
            offset: usize::MAX,
        };
        let item = "x".repeat(37);
        let text = cursor.write(&item);
        assert!(text.len() <= 256, "{text}");
        assert_eq!(Cursor::read(&text, &item).unwrap(), cursor);
        assert_eq!(Cursor::read("", &item).unwrap(), Cursor::default());
        for (text, item) in [(text.as_str(), "other"), ("nonsense", &item)] {
            assert_eq!(Cursor::read(text, item).unwrap_err().code, "INVALID_FIELD");
        }
    }
}
