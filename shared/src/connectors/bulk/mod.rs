//! Long lists, read by a job that the vendor carries out, in place of page by page.
//!
//! What data cannot say of it is in Rust, in the way of the one vendor that has it: Salesforce's query jobs (Bulk API 2.0). A
//! job is made, asked about until it is done, and its rows are read part by part as CSV; then it is removed. The place in a
//! cursor says which of these is next, so that a walk goes on from each of them. Whatever a job is refused for, the list is
//! read page by page after all.

mod rows;

use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::rows::{Known, rows};
use super::cursor::{Position, Walk};
use super::draft::Draft;
use super::exchange::{Exchange, Exchanged};
use super::file::{Bulk, BulkWay, Verb};
use super::lift::lift;
use super::milestone::{Circle, Milestone};
use super::reader::{Reader, coverage};
use super::rules::{EntityRules, ListRules};
use super::select::{Context, Section, from_list};
use super::{Cursor, Page, Source};
use crate::domain::{Failure, FailureKind, Origin};

/// How long a job is left alone until it is asked about again, in seconds: a part of its age within these.
const ASKED_AFTER: (i64, i64) = (2, 60);
/// No id of a job is longer.
const LONGEST_JOB: usize = 40;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum BulkPlace {
    /// It is to be made.
    Begin,
    /// It is at work.
    Made(Job),
    /// Its rows are read, from this locator on.
    Reading(Job, Option<String>),
    /// They were all read.
    Read(Job),
}

/// A job that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    id: String,
    /// Of which object, as the vendor writes it.
    object: String,
    /// When it was made, by the vendor's clock: its rows may be no newer.
    made_at: DateTime<Utc>,
}

/// A list that is read by a job.
struct Reading<'r> {
    exchange: &'r Exchange<'r>,
    rules: &'r EntityRules,
    list: &'r ListRules,
    cursor: &'r Cursor,
}

impl Source {
    /// Where a walk goes on that has seen the first page of a list that is too long to be read so; `None` where it goes on in
    /// pages.
    pub(super) fn to_bulk(
        &self,
        rules: &EntityRules,
        list: &ListRules,
        cursor: &Cursor,
        exchanged: &Exchanged,
    ) -> Option<Page> {
        let bulk = rules.bulk.as_ref()?;
        let begins = matches!(cursor.walk, Walk::List { .. })
            && cursor.position == Position::Start
            && !cursor.in_pages;
        if !begins || !exchanged.answer.is_success() {
            return None;
        }
        let body = std::str::from_utf8(&exchanged.answer.body).ok()?;
        let [total] = lift(body, [Some(&bulk.total)]).ok()?;
        if total?.parse::<u64>().ok()? <= bulk.above {
            return None;
        }
        let mut next = cursor.clone();
        if let Some(vendors) = exchanged.answer.date() {
            next.dated(vendors, rules.lookback());
        }
        next.position = Position::Bulk(Box::new(BulkPlace::Begin));
        Some(Page {
            coverage: coverage(&next, rules, list),
            next: Some(next),
            requests: exchanged.requests,
            ..Page::of_nothing()
        })
    }

    /// Does the next step of a job.
    pub(super) async fn in_bulk(
        &self,
        exchange: &Exchange<'_>,
        rules: &EntityRules,
        list: &ListRules,
        cursor: &Cursor,
        place: &BulkPlace,
    ) -> Result<Page, Failure> {
        let Some(bulk) = rules.bulk.as_ref() else {
            // The file said something else when this cursor was stored.
            return Ok(in_pages(rules, list, cursor, 0));
        };
        // There is no other.
        let BulkWay::SalesforceQueryJobs = bulk.by;
        let reading = Reading {
            exchange,
            rules,
            list,
            cursor,
        };
        match place {
            BulkPlace::Begin => {
                let mut draft = self.draft(exchange, rules, list, cursor).await?;
                // As the list it stands for: with what is archived or deleted, or without.
                let operation = match draft.path.ends_with("/queryAll") {
                    true => "queryAll",
                    false => "query",
                };
                draft.verb = Verb::Post;
                draft.path.clone_from(&bulk.path);
                draft.query.clear();
                draft.body = Some(json!({
                    "operation": operation, "query": bulk.query, "contentType": "CSV", "columnDelimiter": "COMMA",
                    "lineEnding": "LF",
                }));
                let exchanged = exchange.send(&draft).await?;
                reading.made(&exchanged)
            }
            BulkPlace::Made(job) => {
                let exchanged = exchange.send(&Draft::get(&bulk.at(job))).await?;
                reading.asked_about(job, &exchanged, self.clock_now())
            }
            BulkPlace::Reading(job, locator) => {
                let mut draft = Draft::get(&format!("{}/results", bulk.at(job)));
                draft.query("maxRecords", bulk.rows.to_string());
                if let Some(locator) = locator {
                    draft.query("locator", locator);
                }
                draft.accept = Some("text/csv");
                let exchanged = exchange.send(&draft).await?;
                let described = self.fields_of(exchange, rules).await?;
                reading.rows(job, &exchanged, &described.kinds)
            }
            BulkPlace::Read(job) => {
                // The vendor removes it by itself after some days; nothing that was read depends on it.
                if let Err(failure) = exchange.remove(&bulk.at(job)).await {
                    tracing::debug!(%failure, "a query job was not removed");
                }
                let (next, gain) = cursor.clone().completed(None);
                Ok(Page {
                    next,
                    gain,
                    coverage: coverage(cursor, rules, list),
                    requests: 1,
                    ..Page::of_nothing()
                })
            }
        }
    }
}

impl Bulk {
    /// Where a job is.
    fn at(&self, job: &Job) -> String {
        format!("{}/{}", self.path, job.id)
    }
}

impl Reading<'_> {
    fn made(&self, exchanged: &Exchanged) -> Result<Page, Failure> {
        if let Some(failure) = self.exchange.failure(exchanged) {
            return self.refused(failure, exchanged.requests);
        }
        let answer = &exchanged.answer;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let word = |name: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let word = told[name].as_str().unwrap_or_default();
            let is_good = !word.is_empty() && word.bytes().all(is_plain);
            is_good.then(|| word.to_owned())
        };
        let id = word("id").filter(|id| id.len() <= LONGEST_JOB);
        let (Some(id), Some(object)) = (id, word("object")) else {
            return Err(self.malformed(exchanged, "names no job"));
        };
        let made_at = answer.date().unwrap_or(answer.received_at);
        let job = Job {
            id,
            object,
            made_at,
        };
        Ok(self.leads_to(BulkPlace::Made(job), exchanged.requests))
    }

    fn asked_about(
        &self,
        job: &Job,
        exchanged: &Exchanged,
        now: DateTime<Utc>,
    ) -> Result<Page, Failure> {
        if let Some(failure) = self.exchange.failure(exchanged) {
            return self.refused(failure, exchanged.requests);
        }
        let told: Value = serde_json::from_slice(&exchanged.answer.body).unwrap_or_default();
        match told["state"].as_str() {
            Some("JobComplete") => {
                let place = BulkPlace::Reading(job.clone(), None);
                Ok(self.leads_to(place, exchanged.requests))
            }
            Some("UploadComplete" | "InProgress") => {
                let message = format!(
                    "{} gathers {} in a job; they are read once it is done.",
                    self.exchange.name, self.rules.name
                );
                let (least, most) = ASKED_AFTER;
                let seconds = ((now - job.made_at).num_seconds() / 4).clamp(least, most);
                let wait = TimeDelta::seconds(seconds).to_std().ok();
                let kind = FailureKind::RateLimited;
                Err(Failure::passing(Origin::Vendor, kind, message).after(wait))
            }
            Some(state) => {
                tracing::warn!(
                    entity = self.rules.name,
                    state,
                    "a query job came to nothing"
                );
                Ok(in_pages(
                    self.rules,
                    self.list,
                    self.cursor,
                    exchanged.requests,
                ))
            }
            None => Err(self.malformed(exchanged, "tells no state of the job")),
        }
    }

    fn rows(
        &self,
        job: &Job,
        exchanged: &Exchanged,
        kinds: &HashMap<String, String>,
    ) -> Result<Page, Failure> {
        if let Some(failure) = self.exchange.failure(exchanged) {
            return self.refused(failure, exchanged.requests);
        }
        let item = self.rules.item.as_ref().map_or("", |item| &item.path);
        let known = Known {
            kinds,
            object: &job.object,
            item,
        };
        let made = rows(&exchanged.answer.body, &known);
        let made = made.map_err(|wrong| self.malformed(exchanged, wrong))?;
        let promised = exchanged.answer.header("sforce-numberofrecords");
        let promised = promised.and_then(|count| count.parse::<usize>().ok());
        if promised.is_some_and(|promised| promised != made.at.len()) {
            return Err(self.malformed(exchanged, "holds other than the rows it promises"));
        }
        let locator = exchanged.answer.header("sforce-locator");
        let locator = locator.filter(|locator| !matches!(*locator, "" | "null"));
        let place = match locator {
            Some(locator) => BulkPlace::Reading(job.clone(), Some(locator.to_owned())),
            None => BulkPlace::Read(job.clone()),
        };
        let body = Bytes::from(made.json);
        let text = std::str::from_utf8(&body).map_err(|_| Failure::internal())?;
        let section = Section {
            elements: made.at.into_iter().map(|at| &text[at]).collect(),
            presence: None,
        };
        let context = Context::default();
        let selection = from_list(&body, &[section], self.rules, &context, job.made_at);
        let position = Position::Bulk(Box::new(place));
        let milestone = Milestone::after(self.cursor.milestone.as_ref(), &selection.digest);
        let milestone = milestone.map_err(|Circle| {
            self.malformed(exchanged, "leads in a circle: the rows were read before")
        })?;
        let reader = Reader {
            exchange: self.exchange,
            rules: self.rules,
            list: self.list,
            cursor: self.cursor,
            exchanged,
            now: job.made_at,
        };
        Ok(reader.page(selection, Some((position, milestone)), None))
    }

    /// What a refusal leads to: where it stays, to a walk in pages, which is told what is the matter if that is not the job.
    fn refused(&self, failure: Failure, requests: u32) -> Result<Page, Failure> {
        if failure.retryable || failure.kind == FailureKind::CredentialsRejected {
            return Err(failure);
        }
        tracing::warn!(entity = self.rules.name, %failure, "a query job was refused");
        Ok(in_pages(self.rules, self.list, self.cursor, requests))
    }

    fn leads_to(&self, place: BulkPlace, requests: u32) -> Page {
        let next = Cursor {
            position: Position::Bulk(Box::new(place)),
            ..self.cursor.clone()
        };
        Page {
            next: Some(next),
            coverage: coverage(self.cursor, self.rules, self.list),
            requests,
            ..Page::of_nothing()
        }
    }

    fn malformed(&self, exchanged: &Exchanged, wrong: &str) -> Failure {
        let message = format!(
            "{}'s answer for {} ({}) {wrong}.",
            self.exchange.name,
            self.rules.name,
            exchanged.what()
        );
        Failure::passing(Origin::Vendor, FailureKind::MalformedAnswer, message)
    }
}

/// The same walk, page by page from its beginning.
fn in_pages(rules: &EntityRules, list: &ListRules, cursor: &Cursor, requests: u32) -> Page {
    let next = Cursor {
        in_pages: true,
        ..cursor.clone().at_start()
    };
    Page {
        next: Some(next),
        coverage: coverage(cursor, rules, list),
        requests,
        ..Page::of_nothing()
    }
}
