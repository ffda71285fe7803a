//! Query jobs of the Bulk API 2.0: asked for, waited for, and read as CSV.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::SfError;
use super::org::{Org, value};
use super::records::USER;
use super::soql::{Bin, Plan};
use super::{Salesforce, State, ids, times};
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::kit::{Record, exact_text, write};

/// One job.
#[derive(Debug)]
pub(super) struct Job {
    id: String,
    operation: &'static str,
    entity: Entity,
    names: Vec<String>,
    /// What was found when the job was made.
    found: Vec<String>,
    state: JobState,
    created_s: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JobState {
    UploadComplete,
    InProgress,
    JobComplete,
    Aborted,
}

impl Job {
    fn told(&self, version: &str) -> Value {
        let number = version.trim_start_matches('v').parse::<f64>();
        let state = format!("{:?}", self.state);
        let mut told = json!({
            "id": self.id, "operation": self.operation, "object": self.entity.object(), "createdById": USER,
            "createdDate": times::stamp(self.created_s), "systemModstamp": times::stamp(self.created_s),
            "state": state, "concurrencyMode": "Parallel", "contentType": "CSV",
            "apiVersion": number.unwrap_or_default(), "lineEnding": "LF", "columnDelimiter": "COMMA",
        });
        if self.state != JobState::UploadComplete {
            told["jobType"] = "V2Query".into();
            told["retries"] = 0.into();
            told["totalProcessingTime"] = 120.into();
        }
        if self.state == JobState::JobComplete {
            told["numberRecordsProcessed"] = self.found.len().into();
        }
        told
    }
}

impl Salesforce {
    /// Answers what the steps after `/jobs/query` lead to.
    pub(super) fn bulk(
        &self,
        request: &Request,
        version: &str,
        steps: &[&str],
    ) -> Result<Answer, SfError> {
        let now_s = self.clock().now();
        let mut state = self.lock();
        let State {
            org,
            jobs,
            bulk_rows,
            ..
        } = &mut *state;
        if let (&Method::POST, []) = (&request.method, steps) {
            let job = made(org, request, jobs.len(), now_s)?;
            let told = job.told(version);
            jobs.push(job);
            return Ok(json_answer(&told));
        }
        let [id, rest @ ..] = steps else {
            return Err(SfError::not_in_the_sandbox("the list of query jobs"));
        };
        let place = jobs.iter().position(|job| job.id == ids::lengthened(id));
        let place = place.ok_or_else(SfError::not_found)?;
        let job = &mut jobs[place];
        match (&request.method, rest) {
            (&Method::GET, []) => {
                // Every question finds it one step further.
                job.state = match job.state {
                    JobState::UploadComplete => JobState::InProgress,
                    JobState::InProgress => JobState::JobComplete,
                    state => state,
                };
                Ok(json_answer(&job.told(version)))
            }
            (&Method::GET, ["results"]) if job.state == JobState::JobComplete => {
                results(org, job, request, *bulk_rows)
            }
            (&Method::GET, ["results"]) => Err(wrong_state(job)),
            (&Method::PATCH, []) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                if body != json!({ "state": "Aborted" }) {
                    return Err(SfError::new(
                        400,
                        "INVALIDJOB",
                        "the only state to set is Aborted",
                    ));
                }
                if job.state == JobState::JobComplete {
                    return Err(wrong_state(job));
                }
                job.state = JobState::Aborted;
                Ok(json_answer(&job.told(version)))
            }
            (&Method::DELETE, []) => {
                if matches!(job.state, JobState::UploadComplete | JobState::InProgress) {
                    return Err(wrong_state(job));
                }
                jobs.remove(place);
                Ok(Answer::json(StatusCode::NO_CONTENT, String::new()))
            }
            (method, _) => Err(SfError::method(method.as_str(), "GET,PATCH,DELETE")),
        }
    }
}

fn made(org: &Org, request: &Request, made: usize, now_s: i64) -> Result<Job, SfError> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| SfError::new(400, "JSON_PARSER_ERROR", error.to_string()))?;
    let known = [
        "operation",
        "query",
        "contentType",
        "columnDelimiter",
        "lineEnding",
    ];
    for (key, value) in body.as_object().into_iter().flatten() {
        let usual = match key.as_str() {
            "contentType" => value == "CSV",
            "columnDelimiter" => value == "COMMA",
            "lineEnding" => value == "LF",
            key => known.contains(&key),
        };
        if !usual {
            return Err(SfError::not_in_the_sandbox(format!(
                "jobs with '{key}': {value}"
            )));
        }
    }
    let (operation, bin) = match body["operation"].as_str() {
        Some("query") => ("query", Bin::Left),
        Some("queryAll") => ("queryAll", Bin::Searched),
        other => {
            let message = format!("operation {} is none", other.unwrap_or("null"));
            return Err(SfError::new(400, "INVALIDJOB", message));
        }
    };
    let plan = Plan::new(org, body["query"].as_str().unwrap_or_default())?;
    let refused = |message| Err(SfError::new(400, "API_ERROR", message));
    if plan.compound {
        return refused("Selecting compound data not supported in Bulk Query");
    }
    let found = plan.find(org, bin, now_s);
    let Some(names) = plan.names.clone() else {
        return refused("Aggregate Relationship Query is not supported in Bulk Query");
    };
    Ok(Job {
        id: ids::id("750", made as u64 + 1),
        operation,
        entity: plan.entity,
        names,
        found: found.into_iter().map(|record| record.id.clone()).collect(),
        state: JobState::UploadComplete,
        created_s: now_s,
    })
}

/// A part of the results as CSV, and where the next one begins.
fn results(org: &Org, job: &Job, request: &Request, most: usize) -> Result<Answer, SfError> {
    let (mut start, mut rows) = (0, most);
    for (name, value) in &request.query {
        let bad = || SfError::new(400, "INVALIDJOB", format!("'{name}' is not valid"));
        match name.as_str() {
            "maxRecords" => rows = value.parse::<usize>().map_err(|_| bad())?.clamp(1, most),
            "locator" => {
                start = position(value)
                    .filter(|it| *it < job.found.len())
                    .ok_or_else(bad)?;
            }
            other => {
                return Err(SfError::not_in_the_sandbox(format!(
                    "the parameter '{other}'"
                )));
            }
        }
    }
    let end = start.saturating_add(rows).min(job.found.len());
    let shelf = org.shelf(job.entity);
    let mut text = line(job.names.iter().map(String::as_str));
    for record in job.found[start..end].iter().filter_map(|id| shelf.find(id)) {
        let cells: Vec<String> = job.names.iter().map(|name| cell(record, name)).collect();
        text += &line(cells.iter().map(String::as_str));
    }
    let next = match end < job.found.len() {
        true => STANDARD_NO_PAD.encode(end.to_string()),
        false => "null".to_owned(),
    };
    Ok(Answer::typed(StatusCode::OK, "text/csv", text)
        .header("sforce-locator", &next)
        .header("sforce-numberofrecords", &(end - start).to_string()))
}

/// The position a locator stands for.
fn position(locator: &str) -> Option<usize> {
    let decoded = STANDARD_NO_PAD.decode(locator).ok()?;
    String::from_utf8(decoded).ok()?.parse().ok()
}

/// A value in a file: nothing for null, and times with another zone than elsewhere.
fn cell(record: &Record, name: &str) -> String {
    let value = value(record, name);
    if let Some(digits) = exact_text(&value) {
        return digits.to_owned();
    }
    match value {
        Value::Null => String::new(),
        Value::String(text) if times::parse(&text).is_some() => times::bulk_stamp(&text),
        Value::String(text) => text,
        other => write(&other),
    }
}

/// A line of CSV, every cell in quotes.
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let quoted: Vec<String> = cells
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
        .collect();
    quoted.join(",") + "\n"
}

fn wrong_state(job: &Job) -> SfError {
    SfError::new(
        400,
        "INVALIDJOBSTATE",
        format!("The job is in the state {:?}", job.state),
    )
}

fn json_answer(body: &Value) -> Answer {
    Answer::typed(
        StatusCode::OK,
        "application/json;charset=UTF-8",
        body.to_string(),
    )
}
