//! Lists and single records. A list goes by id, and `after` is the id it goes on from.

use hyper::StatusCode;
use serde_json::Value;

use super::HubSpot;
use super::entity::Entity;
use super::errors::HubError;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::changes::carry_out;
use crate::sandbox::kit::pages::{Cut, cut};
use crate::sandbox::kit::{Record, write};

/// A list that was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct ListQuery {
    limit: usize,
    after: u64,
    archived: bool,
    properties: Vec<String>,
}

impl ListQuery {
    fn parse(entity: Entity, request: &Request) -> Result<Self, HubError> {
        let (usual, most) = if entity == Entity::Owners {
            (100, 500)
        } else {
            (10, 100)
        };
        let mut query = Self {
            limit: usual,
            ..Self::default()
        };
        for (name, value) in &request.query {
            let bad = || HubError::invalid(format!("Invalid input for '{name}': {value}"));
            match name.as_str() {
                "limit" => {
                    let limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=most).contains(limit));
                    query.limit = limit.ok_or_else(bad)?;
                }
                "after" => query.after = value.parse().map_err(|_| bad())?,
                "archived" => {
                    query.archived = value.to_lowercase().parse().map_err(|_| bad())?;
                }
                "properties" if entity != Entity::Owners => query.properties.extend(names(value)),
                other => {
                    return Err(HubError::not_in_the_sandbox(format!(
                        "the parameter '{other}'"
                    )));
                }
            }
        }
        Ok(query)
    }
}

/// The names in a list with commas.
fn names(list: &str) -> impl Iterator<Item = String> {
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned)
}

fn number(record: &Record) -> u64 {
    record.id.parse().unwrap_or_default()
}

impl HubSpot {
    /// One page of a list.
    pub(super) fn list(
        &self,
        request: &Request,
        entity: Entity,
        fault: Option<&Fault>,
    ) -> Result<Answer, HubError> {
        let query = ListQuery::parse(entity, request)?;
        let portal = self.lock();
        let listed = portal.shelf(entity).all();
        let mut found: Vec<&Record> = listed.filter(|it| it.is_live() != query.archived).collect();
        found.sort_by_key(|record| number(record));
        let page = cut(
            &found,
            &Cut {
                start: found.partition_point(|record| number(record) < query.after),
                limit: query.limit,
                fault,
                id_pointer: "/id",
                render: |record: &Record| portal.rendered(entity, record, Some(&query.properties)),
            },
        );
        let mut text = format!(r#"{{"results":[{}]"#, page.records.join(","));
        // Where nothing follows there is no such key.
        if page.more {
            let last = page
                .last_id
                .as_deref()
                .and_then(|id| id.parse::<u64>().ok());
            let after = last.map_or(query.after, |last| last + 1);
            let link = self.link(request, after);
            text += &format!(
                r#","paging":{{"next":{{"after":"{after}","link":{}}}}}"#,
                Value::from(link)
            );
        }
        text.push('}');
        drop(portal);
        carry_out(self, entity, &page.aftermath);
        Ok(Answer::typed(
            StatusCode::OK,
            "application/json;charset=utf-8",
            text,
        ))
    }

    /// One record; an archived one only for those who ask for archived ones.
    pub(super) fn single(
        &self,
        request: &Request,
        entity: Entity,
        id: &str,
    ) -> Result<Answer, HubError> {
        let query = ListQuery::parse(entity, request)?;
        let portal = self.lock();
        let record = portal.shelf(entity).find(id);
        let record = record
            .filter(|it| it.is_live() != query.archived)
            .ok_or_else(HubError::not_found)?;
        let body = portal.rendered(entity, record, Some(&query.properties));
        Ok(Answer::typed(
            StatusCode::OK,
            "application/json;charset=utf-8",
            write(&body),
        ))
    }

    /// The whole URL of the next page.
    fn link(&self, request: &Request, after: u64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| name != "after"));
        query.append_pair("after", &after.to_string());
        format!("{}{}?{}", self.base_url(), request.path, query.finish())
    }
}
