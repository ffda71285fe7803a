//! The small language that says which records an export takes.
//!
//! ```json
//! {"status": "ACTIVE", "createdAt": {"gte": "2025-01-01"}, "or": [{"total": {"gt": 10.50}}, {"vip": true}]}
//! ```
//!
//! The fields of one object must all hold. A field is a dotted path into the record; beside it stands the value it
//! equals, or an object of operators. `and` and `or` take a list of filters, `not` takes one; so no field of the
//! top level can be filtered on that has one of these three names. Only the tree is made here: how it
//! becomes SQL is the store's business.

mod reading;

use chrono::{DateTime, Utc};

use super::Faults;

/// Which records to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these hold; every record when empty.
    And(Vec<Filter>),
    /// At least one of these holds.
    Or(Vec<Filter>),
    /// This does not hold. A record that cannot answer, because the field is missing, is taken.
    Not(Box<Filter>),
    /// One question to one field.
    Where(Condition),
}

/// One question to one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where to look.
    pub field: FieldPath,
    /// What to ask.
    pub operator: Operator,
    /// What to compare with; of a kind that the operator can compare.
    pub operand: Operand,
}

/// The names that lead from the record to a field: at least one, none empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// From the outermost name to the innermost.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

/// What to ask of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Is this value: [`Operand::Text`], [`Operand::Number`], [`Operand::Bool`] or [`Operand::Null`].
    Eq,
    /// Is another value, or missing.
    Ne,
    /// Is greater: [`Operand::Number`] or [`Operand::Time`], as for the three below.
    Gt,
    /// Is greater or equal.
    Gte,
    /// Is less.
    Lt,
    /// Is less or equal.
    Lte,
    /// Is one of [`Operand::List`].
    In,
    /// Is none of [`Operand::List`], or missing.
    Nin,
    /// Whether the field is there, be it null: [`Operand::Bool`].
    Exists,
    /// Holds this [`Operand::Text`].
    Contains,
    /// Begins with this [`Operand::Text`].
    StartsWith,
}

impl Operator {
    /// Every spelling of the language.
    pub const WORDS: &'static [&'static str] = &[
        "eq",
        "ne",
        "gt",
        "gte",
        "lt",
        "lte",
        "in",
        "nin",
        "exists",
        "contains",
        "startsWith",
    ];

    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "in" => Self::In,
            "nin" => Self::Nin,
            "exists" => Self::Exists,
            "contains" => Self::Contains,
            "startsWith" => Self::StartsWith,
            _ => return None,
        })
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// Exactly this text.
    Text(String),
    /// A decimal number, as it was spelled: it never went through a floating one.
    Number(String),
    /// True or false.
    Bool(bool),
    /// JSON's null.
    Null,
    /// An instant.
    Time(DateTime<Utc>),
    /// Texts, numbers and truth values; at least one.
    List(Vec<Operand>),
}

impl Filter {
    /// Reads a filter from its JSON text, so that numbers keep their digits.
    ///
    /// A whole day (`2025-01-31`) stands for all of it: `lte` and `gt` compare with its end, `lt` and `gte` with its
    /// beginning, in UTC.
    ///
    /// # Errors
    /// Every fault, each at its pointer below `pointer`.
    pub fn parse(json: &str, pointer: &str) -> Result<Self, Faults> {
        reading::read(json, pointer)
    }
}

/// The pointer of a member (RFC 6901).
pub(super) fn child_pointer(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
