//! Salesforce's query language, the part of it that reading needs:
//! `SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-05-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 100`.

mod filter;
mod parse;
mod plan;
mod tokens;

pub(super) use self::plan::{Bin, Plan};

/// A parsed query.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    select: Vec<Item>,
    object: String,
    filter: Option<Filter>,
    order: Vec<Order>,
    limit: Option<usize>,
}

/// What is selected.
#[derive(Debug, PartialEq)]
enum Item {
    Field(String),
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`, by its word in capitals.
    Fields(String),
    /// `COUNT()`
    Count,
}

/// What records must be.
#[derive(Debug, PartialEq)]
enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Test {
        field: String,
        test: Test,
        values: Vec<Literal>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    In,
    NotIn,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    /// In quotes.
    Text(String),
    Number(f64),
    /// A Unix second.
    Moment(i64),
    Date(String),
    Truth(bool),
    Null,
}

#[derive(Debug, PartialEq)]
struct Order {
    field: String,
    downwards: bool,
    nulls_last: bool,
}
