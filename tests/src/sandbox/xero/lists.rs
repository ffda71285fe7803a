//! Lists: which records, in which order, and which page of them.

use super::entity::Entity;
use super::errors::XeroError;
use super::ledger::Ledger;
use super::times::modified_since;
use crate::sandbox::exchange::Request;
use crate::sandbox::kit::Record;

/// What Xero sends when a page is asked for without a size.
const PAGE_SIZE: usize = 100;

/// The most one page holds.
const MOST: usize = 1_000;

/// A list that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    /// The page, from 1, and its size; without it everything comes at once.
    pub(super) page: Option<(usize, usize)>,
    order: Order,
    since_s: Option<i64>,
    include_archived: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// None that anybody may rely on.
    Any,
    OldestChange,
    NewestChange,
}

impl ListQuery {
    pub(super) fn parse(entity: Entity, request: &Request) -> Result<Self, XeroError> {
        let unknown = |what: &str| XeroError::NotInTheSandbox(what.to_owned());
        let mut query = Self {
            page: None,
            order: Order::Any,
            since_s: None,
            include_archived: false,
        };
        let (mut page, mut size) = (None, None);
        for (name, value) in &request.query {
            match name.to_ascii_lowercase().as_str() {
                "page" => page = Some(number(value, usize::MAX)?),
                "pagesize" => size = Some(number(value, MOST)?),
                "order" => query.order = order(value)?,
                "includearchived" if entity == Entity::Contacts => {
                    query.include_archived = value.eq_ignore_ascii_case("true");
                }
                _ => return Err(unknown(&format!("the parameter '{name}'"))),
            }
        }
        // What has no pages ignores that one is asked for.
        if entity.has_pages() {
            let size = size.unwrap_or(PAGE_SIZE);
            query.page = page.map(|page| (page, size));
        }
        if let Some(header) = request.header("if-modified-since") {
            let moment = modified_since(header)
                .ok_or_else(|| unknown(&format!("If-Modified-Since '{header}'")))?;
            query.since_s = Some(moment);
        }
        Ok(query)
    }

    /// The records it finds, in its order.
    pub(super) fn find<'l>(&self, ledger: &'l Ledger, entity: Entity) -> Vec<&'l Record> {
        let mut found: Vec<&Record> = ledger
            .shelf(entity)
            .live()
            .filter(|record| {
                self.since_s
                    .is_none_or(|since_s| record.updated_s > since_s)
            })
            .filter(|record| self.include_archived || record.body["ContactStatus"] != "ARCHIVED")
            .collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        match self.order {
            Order::Any => {}
            Order::OldestChange => found.sort_by_key(|record| record.updated_s),
            Order::NewestChange => found.sort_by_key(|record| std::cmp::Reverse(record.updated_s)),
        }
        found
    }
}

fn number(text: &str, most: usize) -> Result<usize, XeroError> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(XeroError::NotInTheSandbox(format!(
            "what Xero says to the number '{text}'"
        ))),
    }
}

fn order(text: &str) -> Result<Order, XeroError> {
    let mut words = text.split_whitespace();
    let field = words.next().unwrap_or_default();
    if !field.eq_ignore_ascii_case("UpdatedDateUTC") {
        return Err(XeroError::NotInTheSandbox(format!(
            "the order by '{field}'"
        )));
    }
    match words.next().map(str::to_ascii_uppercase).as_deref() {
        None | Some("ASC") => Ok(Order::OldestChange),
        Some("DESC") => Ok(Order::NewestChange),
        Some(other) => Err(XeroError::Query(format!(
            "')' or ',' expected (at '{other}')"
        ))),
    }
}
