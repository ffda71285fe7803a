//! `/query` and `/queryAll`, and the pages that follow.

use hyper::StatusCode;
use serde_json::json;

use super::cursors::Cursor;
use super::errors::SfError;
use super::org::{in_bin, rendered};
use super::soql::{Bin, Plan};
use super::{Salesforce, State};
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::Record;
use crate::sandbox::kit::changes::carry_out;
use crate::sandbox::kit::pages::{Cut, cut};

/// The most rows a page has, and the fewest a caller can ask for.
const ROWS: (usize, usize) = (200, 2_000);

/// The most bytes of a path with its query.
const LONGEST_URI: usize = 16_384;

impl Salesforce {
    /// Answers a query.
    pub(super) fn query(
        &self,
        request: &Request,
        version: &str,
        bin: Bin,
        fault: Option<&Fault>,
    ) -> Result<Answer, SfError> {
        let text = match request.query.as_slice() {
            [(name, text)] if name == "q" => text,
            [] => return Err(SfError::malformed("A query string has to be specified")),
            _ => return Err(SfError::not_in_the_sandbox("parameters beside 'q'")),
        };
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        if request.path.len() + encoded.len() > LONGEST_URI {
            return Err(SfError::new(414, "URI_TOO_LONG", "URI Too Long"));
        }
        let now_s = self.clock().now();
        let mut state = self.lock();
        let plan = Plan::new(&state.org, text)?;
        let found = plan.find(&state.org, bin, now_s);
        let Some(names) = plan.names else {
            let body = json!({ "totalSize": found.len(), "done": true, "records": [] });
            return Ok(Answer::json(StatusCode::OK, body.to_string()));
        };
        let found: Vec<String> = found.iter().map(|record| record.id.clone()).collect();
        let rows = rows(request, state.rows)?;
        let cursor = Cursor::new(plan.entity, names, found, rows, bin == Bin::Searched);
        let name = state.cursors.keep(cursor, now_s);
        let locator = format!("{name}-0");
        self.page(state, &locator, version, fault)
    }

    /// Answers with the page that a locator leads to.
    pub(super) fn more(
        &self,
        locator: &str,
        version: &str,
        fault: Option<&Fault>,
    ) -> Result<Answer, SfError> {
        self.page(self.lock(), locator, version, fault)
    }

    fn page(
        &self,
        mut state: std::sync::MutexGuard<'_, State>,
        locator: &str,
        version: &str,
        fault: Option<&Fault>,
    ) -> Result<Answer, SfError> {
        let now_s = self.clock().now();
        let State { org, cursors, .. } = &mut *state;
        let (name, start, cursor) = cursors.find(locator, now_s).ok_or_else(SfError::locator)?;
        let (entity, object) = (cursor.entity, cursor.entity.object());
        let shelf = org.shelf(entity);
        let total = cursor.found.len();
        // What was deleted since the query was asked is passed over; what was read stays, so that positions hold.
        let mut position = 0;
        cursor.found.retain(|id| {
            position += 1;
            position <= start
                || shelf
                    .find(id)
                    .is_some_and(|record| stays(record, cursor.with_deleted, now_s))
        });
        let found: Vec<&Record> = cursor
            .found
            .iter()
            .filter_map(|id| shelf.find(id))
            .collect();
        let page = cut(
            &found,
            &Cut {
                start,
                limit: cursor.rows,
                fault,
                id_pointer: "/Id",
                render: |record: &Record| rendered(record, object, version, &cursor.names),
            },
        );
        let next = match page.more {
            true => format!(
                r#""nextRecordsUrl":"/services/data/{version}/query/{name}-{}","#,
                start + cursor.rows
            ),
            false => String::new(),
        };
        let text = format!(
            r#"{{"totalSize":{total},"done":{},{next}"records":[{}]}}"#,
            !page.more,
            page.records.join(","),
        );
        if start == 0 && !page.more {
            // There never was a URL that leads to it.
            cursors.end(&name);
        }
        drop(state);
        carry_out(self, entity, &page.aftermath);
        Ok(Answer::typed(
            StatusCode::OK,
            "application/json;charset=UTF-8",
            text,
        ))
    }
}

fn stays(record: &Record, with_deleted: bool, now_s: i64) -> bool {
    record.is_live() || (with_deleted && in_bin(record, now_s))
}

/// How many rows a page has: what the caller asks for, if that is no more than Salesforce feels like giving.
fn rows(request: &Request, most: usize) -> Result<usize, SfError> {
    let Some(header) = request.header("sforce-query-options") else {
        return Ok(most);
    };
    let unknown = || SfError::not_in_the_sandbox(format!("Sforce-Query-Options '{header}'"));
    let rows = header
        .trim()
        .strip_prefix("batchSize=")
        .ok_or_else(unknown)?;
    let rows: usize = rows.parse().map_err(|_| unknown())?;
    if !(ROWS.0..=ROWS.1).contains(&rows) {
        return Err(unknown());
    }
    Ok(rows.min(most))
}
