//! The list of searches: which, in which order, and which page of them.

use serde_json::Value;

use super::account::Account;
use super::entity::is_monitored;
use super::errors::CaError;
use super::times;
use crate::sandbox::exchange::Request;
use crate::sandbox::kit::{Record, write};

/// The most rows a page has.
const MOST: usize = 100;

/// No page leads further than this.
const DEEPEST: usize = 10_000;

/// A list that was asked for.
#[derive(Debug)]
pub(super) struct ListQuery {
    page: usize,
    pub(super) per_page: usize,
    sort_by: String,
    upwards: bool,
    tests: Vec<Test>,
}

#[derive(Debug)]
enum Test {
    /// A field is this, written as text.
    Is(String, String),
    /// A field is one of these, with commas between.
    AnyOf(String, String),
    /// A text contains this, in any case.
    Contains(String, String),
    Tagged(String),
    Monitored(bool),
    CreatedFrom(i64),
    CreatedTo(i64),
}

impl ListQuery {
    pub(super) fn parse(request: &Request) -> Result<Self, CaError> {
        let mut query = Self {
            page: 1,
            per_page: 20,
            sort_by: "id".to_owned(),
            upwards: false,
            tests: Vec::new(),
        };
        for (name, value) in &request.query {
            let bad = |why| CaError::parameter(name, why);
            let positive = || value.parse::<usize>().ok().filter(|it| *it > 0);
            let moment = || times::parse(value).ok_or_else(|| bad("must be a date or a time"));
            let (name, text) = (name.clone(), value.clone());
            match name.as_str() {
                "page" => {
                    query.page = positive().ok_or_else(|| bad("must be a positive number"))?;
                }
                "per_page" => {
                    let rows = positive().filter(|rows| *rows <= MOST);
                    query.per_page = rows.ok_or_else(|| bad("must be between 1 and 100"))?;
                }
                "sort_by" if ["id", "created_at", "updated_at"].contains(&value.as_str()) => {
                    query.sort_by = text;
                }
                "sort_dir" => {
                    query.upwards = direction(value).ok_or_else(|| bad("must be ASC or DESC"))?;
                }
                "match_status" => query.tests.push(Test::AnyOf(name, text)),
                "risk_level" | "client_ref" | "assignee_id" | "searcher_id" => {
                    query.tests.push(Test::Is(name, text));
                }
                "search_term" | "submitted_term" => {
                    query.tests.push(Test::Contains(name, text.to_lowercase()));
                }
                "tags" => query.tests.push(Test::Tagged(text)),
                "monitored" => {
                    let wanted = truth(value).ok_or_else(|| bad("must be true or false"))?;
                    query.tests.push(Test::Monitored(wanted));
                }
                "created_at_from" => query.tests.push(Test::CreatedFrom(moment()?)),
                "created_at_to" => query.tests.push(Test::CreatedTo(moment()?)),
                _ => {
                    return Err(CaError::not_in_the_sandbox(format!(
                        "the parameter '{name}={value}'"
                    )));
                }
            }
        }
        if query.page.saturating_mul(query.per_page) > DEEPEST {
            return Err(CaError::parameter(
                "page",
                "must not lead further than 10000 rows",
            ));
        }
        Ok(query)
    }

    /// The position of the page's first record.
    pub(super) fn start(&self) -> usize {
        (self.page - 1) * self.per_page
    }

    /// The searches it finds, in its order.
    pub(super) fn find<'a>(&self, account: &'a Account) -> Vec<&'a Record> {
        let live = account.searches.live();
        let mut found: Vec<&Record> = live
            .filter(|it| self.tests.iter().all(|test| test.holds(it)))
            .collect();
        found.sort_by_key(|record| match self.sort_by.as_str() {
            "created_at" => record.created_s,
            "updated_at" => record.updated_s,
            _ => record.id.parse().unwrap_or_default(),
        });
        if !self.upwards {
            found.reverse();
        }
        found
    }
}

impl Test {
    fn holds(&self, search: &Record) -> bool {
        let body = &search.body;
        match self {
            Self::Is(field, wanted) => match &body[field] {
                Value::String(text) => text == wanted,
                other => write(other) == *wanted,
            },
            Self::AnyOf(field, wanted) => wanted.split(',').any(|one| body[field] == one),
            Self::Contains(field, wanted) => body[field]
                .as_str()
                .unwrap_or_default()
                .to_lowercase()
                .contains(wanted),
            Self::Tagged(wanted) => {
                let mut tags = body["tags"].as_array().into_iter().flatten();
                tags.any(|tag| tag["name"] == *wanted)
            }
            Self::Monitored(wanted) => is_monitored(search) == *wanted,
            Self::CreatedFrom(from_s) => search.created_s >= *from_s,
            Self::CreatedTo(to_s) => search.created_s <= *to_s,
        }
    }
}

fn direction(text: &str) -> Option<bool> {
    match text.to_ascii_uppercase().as_str() {
        "ASC" => Some(true),
        "DESC" => Some(false),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}
