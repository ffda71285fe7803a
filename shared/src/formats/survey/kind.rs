//! What a field holds: the narrowest kind that holds all of its values to the last digit.

use serde::Serialize;

use super::numbers::digits;
use super::times::{date, timestamp};
use crate::formats::tokens::inside;

/// A decimal of more digits has no room in 128 bits.
const MAX_DIGITS: usize = 38;

/// What the values of a field are. Null is one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// `true` and `false`.
    Boolean,
    /// Whole numbers of 64 bits. Negative zero, which Postgres does not know, is zero here and among decimals.
    Integer,
    /// Numbers of up to 38 digits, none of them rounded.
    Decimal {
        /// How many digits there are in all.
        precision: u8,
        /// How many of them stand after the point.
        scale: u8,
    },
    /// Texts that are a day, `YYYY-MM-DD`, of the years 1 to 9999.
    Date,
    /// Texts that are a point in time as RFC 3339 has it, with a zone and up to six digits of a second. It is kept, its
    /// zone is not.
    Timestamp,
    /// Texts. Where a field holds texts as well as numbers or truth values, these are as spelled: from the file, `"1"` and `1`
    /// cannot be told apart. So are numbers of more than 38 digits or with an exponent.
    Text,
    /// Objects and arrays, as JSON text. Where a field also holds something else, that is JSON too: a text has its quotes.
    Json,
}

/// The values of one field that were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    shapes: u8,
    null: bool,
    /// The most digits before and after the point.
    whole: usize,
    fraction: usize,
}

impl Seen {
    const BOOLEAN: u8 = 1;
    const INTEGER: u8 = 1 << 1;
    /// A number that is no [`Self::INTEGER`].
    const DECIMAL: u8 = 1 << 2;
    const DATE: u8 = 1 << 3;
    const TIMESTAMP: u8 = 1 << 4;
    /// What only a text can be.
    const TEXT: u8 = 1 << 5;
    const NESTED: u8 = 1 << 6;

    /// Sees a value, as JSON spells it.
    pub(super) fn value(&mut self, json: &str) {
        match json.as_bytes().first() {
            Some(b'"') => self.text(inside(json)),
            Some(b'n') => self.null = true,
            Some(b't' | b'f') => self.shapes |= Self::BOOLEAN,
            Some(b'{' | b'[') => self.shapes |= Self::NESTED,
            _ => self.number(json),
        }
    }

    /// Sees a text. One that is spelled with escapes is no date in any case.
    pub(super) fn text(&mut self, text: &str) {
        // Beside a text of another kind it makes no difference any more which kind this is.
        if self.shapes & Self::TEXT != 0 {
            return;
        }
        self.shapes |= if date(text).is_some() {
            Self::DATE
        } else if timestamp(text).is_some() {
            Self::TIMESTAMP
        } else {
            Self::TEXT
        };
    }

    fn number(&mut self, json: &str) {
        let Some(digits) = digits(json) else {
            self.shapes |= Self::TEXT;
            return;
        };
        self.whole = self.whole.max(digits.whole);
        self.fraction = self.fraction.max(digits.fraction);
        // Every number of 18 digits fits.
        let is_whole = digits.fraction == 0 && (digits.whole <= 18 || json.parse::<i64>().is_ok());
        self.shapes |= if is_whole {
            Self::INTEGER
        } else {
            Self::DECIMAL
        };
    }

    /// Both what one saw and what the other did.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            shapes: self.shapes | other.shapes,
            null: self.null || other.null,
            whole: self.whole.max(other.whole),
            fraction: self.fraction.max(other.fraction),
        }
    }

    pub(super) fn has_null(self) -> bool {
        self.null
    }

    pub(super) fn kind(self) -> Kind {
        const NUMBERS: u8 = Seen::INTEGER | Seen::DECIMAL;
        match self.shapes {
            shapes if shapes & Self::NESTED != 0 => Kind::Json,
            Self::BOOLEAN => Kind::Boolean,
            Self::INTEGER => Kind::Integer,
            Self::DECIMAL | NUMBERS => self.decimal().unwrap_or(Kind::Text),
            Self::DATE => Kind::Date,
            Self::TIMESTAMP => Kind::Timestamp,
            _ => Kind::Text,
        }
    }

    /// Wide enough for the longest number on either side of the point.
    fn decimal(self) -> Option<Kind> {
        let precision = (self.whole + self.fraction).max(1);
        if precision > MAX_DIGITS {
            return None;
        }
        Some(Kind::Decimal {
            precision: u8::try_from(precision).ok()?,
            scale: u8::try_from(self.fraction).ok()?,
        })
    }
}
