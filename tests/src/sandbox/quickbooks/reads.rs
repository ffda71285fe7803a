//! Reads of a company: queries, changes, reports, single records.

use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::company::Company;
use super::entity::Entity;
use super::errors::QboFault;
use super::query::Query;
use super::select::select;
use super::times::pacific;
use super::{After, QuickBooks, cdc, reports};
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::carry_out;
use crate::sandbox::kit::limits::Verdict;
use crate::sandbox::kit::oauth::Bearer;
use crate::sandbox::kit::pages::{Cut, cut};
use crate::sandbox::kit::xml::Style;
use crate::sandbox::kit::{Record, write};

const NAMESPACE: &str = r#"xmlns="http://schema.intuit.com/finance/v3""#;

/// QuickBooks' XML.
const XML: Style = Style {
    attributes: &[
        "domain",
        "sparse",
        "status",
        "startPosition",
        "maxResults",
        "totalCount",
        "type",
        "code",
        "element",
        "time",
    ],
    item: |_| None,
};

/// What was found, in the form that keeps what a fault did to it.
pub(super) enum Found {
    /// A tree.
    Tree(Value),
    /// JSON text of which a fault may have made something that no tree can hold.
    Text(String),
}

impl QuickBooks {
    /// Answers a read of the company.
    pub(super) fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Found, QboFault> {
        let nothing = || QboFault::no_such_operation(request.method.as_str(), &request.path);
        let rest = request
            .path
            .strip_prefix("/v3/company/")
            .ok_or_else(nothing)?;
        self.admit(request, rest.split('/').next().unwrap_or_default())?;
        if let Verdict::Refused { .. } = self.limit().take() {
            return Err(QboFault::throttled(StatusCode::TOO_MANY_REQUESTS));
        }
        let (now_s, steps) = (self.clock().now(), rest.split('/').collect::<Vec<_>>());
        let company = self.lock();
        match (&request.method, steps.as_slice()) {
            (&Method::GET | &Method::POST, [_, "query"]) => {
                let text = query_text(request)?;
                let (found, after) = self.list(&company, request, &text, fault)?;
                drop(company);
                if let Some((entity, aftermath)) = after {
                    carry_out(self, entity, &aftermath);
                }
                Ok(found)
            }
            (&Method::GET, [_, "cdc"]) => {
                allow(request, &["entities", "changedSince"])?;
                cdc::answer(&company, request, now_s).map(Found::Tree)
            }
            (&Method::GET, [_, "reports", name]) => {
                allow(request, &["start_date", "end_date", "accounting_method"])?;
                reports::answer(&company, name, request, now_s).map(Found::Tree)
            }
            (&Method::GET, [realm, object, id]) => {
                allow(request, &[])?;
                let missing = || QboFault::not_found(format!("Object Not Found : {object} {id}"));
                let (name, body) = if object.eq_ignore_ascii_case("companyinfo") {
                    let body = (id == realm).then(|| self.company_info());
                    ("CompanyInfo", body.ok_or_else(missing)?)
                } else {
                    let entity = Entity::of_object(object).ok_or_else(nothing)?;
                    let record = company.shelf(entity).get(id).ok_or_else(missing)?;
                    (entity.object(), record.body.clone())
                };
                Ok(Found::Tree(json!({ name: body, "time": pacific(now_s) })))
            }
            _ => Err(nothing()),
        }
    }

    /// Lets in whoever has a token for this company.
    fn admit(&self, request: &Request, realm: &str) -> Result<(), QboFault> {
        match self.oauth().bearer(request) {
            Bearer::Valid { subject, .. } if subject == realm => Ok(()),
            Bearer::Valid { .. } => Err(QboFault::other_company()),
            Bearer::Expired => Err(QboFault::unauthorized("Token expired")),
            Bearer::Revoked => Err(QboFault::unauthorized("Token revoked")),
            Bearer::Absent | Bearer::Unknown => {
                Err(QboFault::unauthorized("Malformed bearer token"))
            }
        }
    }

    /// One page of a query, and what happens after it.
    fn list(
        &self,
        company: &Company,
        request: &Request,
        text: &str,
        fault: Option<&Fault>,
    ) -> Result<(Found, Option<After>), QboFault> {
        let query = Query::parse(text)?;
        let time = pacific(self.clock().now());
        if query.entity.eq_ignore_ascii_case("companyinfo") {
            let body = json!({ "CompanyInfo": [self.company_info()], "maxResults": 1 });
            let tree = json!({ "QueryResponse": body, "time": time });
            return Ok((Found::Tree(tree), None));
        }
        let entity = Entity::of_object(&query.entity)
            .ok_or_else(|| QboFault::not_in_the_sandbox(&format!("entity '{}'", query.entity)))?;
        let found = select(company, entity, &query)?;
        if query.count {
            let tree = json!({ "QueryResponse": { "totalCount": found.len() }, "time": time });
            return Ok((Found::Tree(tree), None));
        }
        let page = cut(
            &found,
            &Cut {
                start: usize::try_from(query.start - 1).unwrap_or(usize::MAX),
                limit: usize::try_from(query.max).unwrap_or(usize::MAX),
                fault,
                id_pointer: "/Id",
                render: |record: &Record| record.body.clone(),
            },
        );
        let after = Some((entity, page.aftermath));
        let rows = page.records.len();
        let mut marks = json!({ "startPosition": query.start, "maxResults": rows });
        // Most answers do not say how many there are; those that hold all of them do, and a lie has to.
        let whole = rows == found.len() && !entity.is_name_list();
        if whole || (rows == 0 && page.more) {
            marks["totalCount"] = found.len().into();
        }
        if rows == 0 && !page.more {
            return Ok((
                Found::Tree(json!({ "QueryResponse": {}, "time": time })),
                after,
            ));
        }
        if !wants_json(request) {
            let records = page
                .records
                .iter()
                .filter_map(|text| serde_json::from_str::<Value>(text).ok());
            marks[entity.object()] = records.collect();
            let tree = json!({ "QueryResponse": marks, "time": time });
            return Ok((Found::Tree(tree), after));
        }
        let marks = write(&marks);
        let text = format!(
            r#"{{"QueryResponse":{{"{}":[{}],{},"time":"{time}"}}"#,
            entity.object(),
            page.records.join(","),
            marks.trim_start_matches('{'),
        );
        Ok((Found::Text(text), after))
    }

    /// Sends it as JSON to whoever asks for that, and else as XML.
    pub(super) fn respond(&self, request: &Request, status: StatusCode, found: Found) -> Answer {
        let answer = match found {
            Found::Text(text) => Answer::json(status, text),
            Found::Tree(tree) if wants_json(request) => Answer::json(status, write(&tree)),
            Found::Tree(tree) => Answer::typed(
                status,
                "application/xml",
                XML.write("IntuitResponse", NAMESPACE, &tree),
            ),
        };
        answer.header("intuit_tid", &self.support_id())
    }
}

fn wants_json(request: &Request) -> bool {
    let accept = request.header(ACCEPT.as_str()).unwrap_or_default();
    accept.contains("application/json")
}

/// The query of a request: a parameter of a GET, the body of a POST.
fn query_text(request: &Request) -> Result<String, QboFault> {
    if request.method == Method::GET {
        allow(request, &["query"])?;
        let text = request.parameter("query");
        return text
            .map(str::to_owned)
            .ok_or_else(|| QboFault::parameter("'query' is missing"));
    }
    allow(request, &[])?;
    let content_type = request.header("content-type").unwrap_or_default();
    if !content_type.starts_with("text/plain") && !content_type.starts_with("application/text") {
        return Err(QboFault::not_in_the_sandbox(&format!(
            "queries of type '{content_type}'"
        )));
    }
    Ok(String::from_utf8_lossy(&request.body).into_owned())
}

/// Refuses parameters the sandbox knows nothing of.
fn allow(request: &Request, names: &[&str]) -> Result<(), QboFault> {
    for (name, value) in &request.query {
        match name.as_str() {
            "minorversion" if value.parse::<u32>().is_err() => {
                return Err(QboFault::parameter(format!("minorversion '{value}'")));
            }
            "minorversion" | "requestid" => {}
            name if names.contains(&name) => {}
            name => return Err(QboFault::not_in_the_sandbox(&format!("parameter '{name}'"))),
        }
    }
    Ok(())
}
