//! Requests to the fake QuickBooks and its answers.

use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::company::Company;
use super::entity::Entity;
use super::errors::QboFault;
use super::query::Query;
use super::select::select;
use super::times::pacific;
use super::{After, QuickBooks, SCOPE, cdc, reports};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::{Changeable, carry_out, mutate};
use crate::sandbox::kit::limits::Verdict;
use crate::sandbox::kit::oauth::{Bearer, OAuth, Refusal};
use crate::sandbox::kit::pages::{Cut, cut};
use crate::sandbox::kit::xml::Style;
use crate::sandbox::kit::{Record, ShelfError, write};

const NAMESPACE: &str = r#"xmlns="http://schema.intuit.com/finance/v3""#;

/// Where everything is said to be.
const DISCOVERY: &str = "/.well-known/openid_configuration";

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
enum Found {
    Tree(Value),
    /// JSON text of which a fault may have made something that no tree can hold.
    Text(String),
}

impl Vendor for QuickBooks {
    fn connector(&self) -> &'static str {
        "quickbooks"
    }

    fn credentials(&self) -> Value {
        let (client, tokens) = (
            self.oauth().client(),
            self.oauth().issue(SCOPE, self.realm()),
        );
        json!({
            "clientId": client.id, "clientSecret": client.secret, "realmId": self.realm(),
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
        })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        Entity::named(entity).map_or_else(Vec::new, |entity| self.lock().holds(entity))
    }

    fn opened(&self, base_url: &str) {
        // Clones share it and are served once; a second address would be as good.
        let _ = self.0.base_url.set(base_url.to_owned());
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &["accept", "content-type", "user-agent"]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        self.oauth().authorization(request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let grant = |outcome: Result<Answer, Refusal>| outcome.unwrap_or_else(Refusal::into_answer);
        match (&request.method, request.path.as_str()) {
            (&Method::GET, path) if path.trim_end_matches('/') == DISCOVERY => {
                Answer::json(StatusCode::OK, self.discovery().to_string())
            }
            (&Method::GET, "/connect/oauth2") => {
                let realm = self.realm();
                self.oauth()
                    .authorize(request, realm, &[("realmId", realm)])
            }
            (&Method::POST, "/oauth2/v1/tokens/bearer") => grant(self.token(request)),
            (&Method::POST, "/v2/oauth2/tokens/revoke") => grant(
                self.oauth()
                    .revoke(request)
                    .map(|()| Answer::typed(StatusCode::OK, "text/plain", String::new())),
            ),
            _ => match self.read(request, fault) {
                Ok(found) => self.respond(request, StatusCode::OK, found),
                Err(fault) => {
                    let body = Found::Tree(fault.body(self.clock().now()));
                    self.respond(request, fault.status, body)
                }
            },
        }
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        let body = QboFault::of_status(status).body(self.clock().now());
        Answer::json(status, write(&body)).header("intuit_tid", "1-sandbox-refusal")
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        mutate(self, mutation)
    }
}

impl Changeable for QuickBooks {
    type Entity = Entity;

    fn entity_named(&self, name: &str) -> Option<Entity> {
        Entity::named(name)
    }

    fn create(&self, entity: Entity, count: u64) -> Vec<String> {
        let (now_s, mut company) = (self.clock().now(), self.lock());
        (0..count).map(|_| company.create(entity, now_s)).collect()
    }

    fn change(
        &self,
        entity: Entity,
        id: &str,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<(), ShelfError> {
        self.lock().update(entity, id, self.clock().now(), change)
    }

    fn delete(&self, entity: Entity, id: &str) -> Result<(), ShelfError> {
        self.lock().delete(entity, id, self.clock().now())
    }

    fn clock(&self) -> &Clock {
        Self::clock(self)
    }

    fn oauth(&self) -> Option<&OAuth> {
        Some(Self::oauth(self))
    }
}

impl QuickBooks {
    fn token(&self, request: &Request) -> Result<Answer, Refusal> {
        let tokens = self.oauth().token(request)?;
        let mut body = tokens.to_json();
        body["token_type"] = "bearer".into();
        body["x_refresh_token_expires_in"] = tokens.refresh_expires_in_s.into();
        Ok(Answer::json(StatusCode::OK, write(&body)).header("cache-control", "no-store"))
    }

    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<Found, QboFault> {
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

    fn respond(&self, request: &Request, status: StatusCode, found: Found) -> Answer {
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
