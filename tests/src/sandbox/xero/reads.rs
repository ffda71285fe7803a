//! Reads of an organisation: connections, lists, single records.

use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Xero;
use super::entity::Entity;
use super::errors::XeroError;
use super::lists::ListQuery;
use super::times::ms_date;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::carry_out;
use crate::sandbox::kit::oauth::Bearer;
use crate::sandbox::kit::pages::{Cut, Page, cut};
use crate::sandbox::kit::xml::Style;
use crate::sandbox::kit::{Record, write};

/// Xero's XML: lists wrap items that have the list's name without its `s`.
const XML: Style = Style {
    attributes: &[],
    item: |list| {
        let stem = list.strip_suffix("ses").map(|stem| format!("{stem}s"));
        stem.or_else(|| list.strip_suffix('s').map(str::to_owned))
    },
};

impl Xero {
    /// Answers a read; the path is in lower case.
    pub(super) fn read(
        &self,
        request: &Request,
        path: &str,
        fault: Option<&Fault>,
    ) -> Result<Answer, XeroError> {
        let subject = match self.oauth().bearer(request) {
            Bearer::Valid { subject, .. } => subject,
            Bearer::Expired => return Err(XeroError::Unauthorized("TokenExpired")),
            _ => return Err(XeroError::Unauthorized("AuthenticationUnsuccessful")),
        };
        if request.method != Method::GET {
            return Err(XeroError::NotInTheSandbox(format!(
                "{} {path}",
                request.method
            )));
        }
        if path == "/connections" {
            let event = self.oauth().event(request).unwrap_or_default();
            let connections = self.connections(&event, request.parameter("authEventId"));
            return Ok(Answer::json(StatusCode::OK, connections.to_string()));
        }
        let steps: Vec<&str> = path
            .strip_prefix("/api.xro/2.0/")
            .ok_or(XeroError::NotFound)?
            .split('/')
            .collect();
        self.admit(request, &subject)?;
        let remaining = self.take_from_limits()?;
        let answer = match steps.as_slice() {
            ["organisation" | "organisations"] => self.wrap(
                request,
                "Organisations",
                None,
                &[write(&self.organisation())],
            ),
            [list] => self.list(request, entity(list)?, fault)?,
            [list, id] => {
                let entity = entity(list)?;
                if let Some((name, _)) = request.query.first() {
                    return Err(XeroError::NotInTheSandbox(format!(
                        "the parameter '{name}'"
                    )));
                }
                let ledger = self.lock();
                let record = ledger.shelf(entity).get(id).ok_or(XeroError::NotFound)?;
                self.wrap(request, entity.list(), None, &[write(&record.body)])
            }
            _ => return Err(XeroError::NotFound),
        };
        Ok(remaining.into_iter().fold(answer, |answer, (name, left)| {
            answer.header(name, &left.to_string())
        }))
    }

    /// Lets in whoever has a token for the tenant that the request names. A custom connection has only one and need not.
    fn admit(&self, request: &Request, subject: &str) -> Result<(), XeroError> {
        let custom = subject == self.oauth().client().id;
        match request.header("xero-tenant-id") {
            Some(tenant) if tenant.eq_ignore_ascii_case(self.tenant()) => Ok(()),
            None if custom => Ok(()),
            _ => Err(XeroError::Forbidden),
        }
    }

    fn list(
        &self,
        request: &Request,
        entity: Entity,
        fault: Option<&Fault>,
    ) -> Result<Answer, XeroError> {
        let query = ListQuery::parse(entity, request)?;
        let ledger = self.lock();
        let found = query.find(&ledger, entity);
        let (page, size) = query.page.unwrap_or((1, found.len().max(1)));
        let render = |record: &Record| {
            let mut body = record.body.clone();
            if let (None, Some(lines), Some(fields)) =
                (query.page, entity.lines(), body.as_object_mut())
            {
                fields.remove(lines);
            }
            body
        };
        let how = Cut {
            start: (page - 1).saturating_mul(size),
            limit: size,
            fault,
            id_pointer: entity.id_pointer(),
            render,
        };
        let cut: Page = cut(&found, &how);
        let mut pages = found.len().div_ceil(size);
        if cut.more {
            // Only a fault says that there is more where there is none.
            pages = pages.max(page + 1);
        }
        let pagination = query.page.map(|(page, size)| {
            json!({ "page": page, "pageSize": size, "pageCount": pages, "itemCount": found.len() })
        });
        let answer = self.wrap(request, entity.list(), pagination, &cut.records);
        drop(ledger);
        carry_out(self, entity, &cut.aftermath);
        Ok(answer)
    }

    /// The envelope around every answer, in JSON if the caller asks for it and else in XML.
    fn wrap(
        &self,
        request: &Request,
        list: &str,
        pagination: Option<Value>,
        records: &[String],
    ) -> Answer {
        let mut head = json!({
            "Id": self.next_answer_id(), "Status": "OK", "ProviderName": "Integrations Rail",
            "DateTimeUTC": ms_date(self.clock().now()).replace("+0000", ""),
        });
        if let Some(pagination) = pagination {
            head["pagination"] = pagination;
        }
        let accept = request.header(ACCEPT.as_str()).unwrap_or_default();
        if accept.contains("application/json") {
            let head = write(&head);
            let head = head.strip_suffix('}').unwrap_or_default();
            let text = format!(r#"{head},"{list}":[{}]}}"#, records.join(","));
            return Answer::json(StatusCode::OK, text);
        }
        head[list] = records
            .iter()
            .filter_map(|text| serde_json::from_str::<Value>(text).ok())
            .collect();
        let namespace = r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance""#;
        let text = XML.write("Response", namespace, &head);
        Answer::typed(StatusCode::OK, "text/xml; charset=utf-8", text)
    }
}

fn entity(list: &str) -> Result<Entity, XeroError> {
    Entity::of_path(list).ok_or_else(|| XeroError::NotInTheSandbox(format!("the list '{list}'")))
}
