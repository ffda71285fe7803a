//! Requests to the fake Stripe and its answers.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::StripeError;
use super::page_faults;
use super::query::{ListQuery, Listed};
use super::settings::{ACCOUNT_VERSION, Date};
use super::store::{Found, Page, Store};
use super::{MutationError, Stripe, auth};
use crate::sandbox::exchange::{Answer, Authorization, Mutation, Request, Vendor};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::merge;

impl Vendor for Stripe {
    fn connector(&self) -> &'static str {
        "stripe"
    }

    fn credentials(&self) -> Value {
        json!({ "apiKey": self.settings.keys[0] })
    }

    fn holds(&self, entity: &str) -> Vec<(String, Value)> {
        let Some(entity) = Entity::named(entity) else {
            return Vec::new();
        };
        let store = self.lock();
        store
            .live_indexes(entity)
            .map(|index| {
                let record = serde_json::from_str(&store.text(entity, index)).unwrap_or_default();
                (store.world.id(entity, index), record)
            })
            .collect()
    }

    fn headers_of_interest(&self) -> &'static [&'static str] {
        &[
            "stripe-version",
            "stripe-account",
            "idempotency-key",
            "user-agent",
        ]
    }

    fn authorization(&self, request: &Request) -> Authorization {
        auth::verdict(&self.settings, request)
    }

    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        let answer = match self.read(request, fault) {
            Ok(text) => Answer::json(StatusCode::OK, text),
            Err(error) => {
                let unauthorized = matches!(
                    auth::verdict(&self.settings, request),
                    Authorization::Absent | Authorization::Wrong
                );
                let answer = error.into_answer();
                if unauthorized {
                    answer.header("www-authenticate", "Basic realm=\"Stripe\"")
                } else {
                    answer
                }
            }
        };
        let answer = match self.settings.date {
            Date::Real => answer,
            Date::Shown => answer.header("date", &http_date(self.clock().now())),
        };
        answer.header(
            "stripe-version",
            version(request).unwrap_or(ACCOUNT_VERSION),
        )
    }

    fn refusal(&self, status: StatusCode) -> Answer {
        StripeError::of_status(status).into_answer()
    }

    fn mutate(&self, mutation: Mutation) -> Result<Value, String> {
        let now = self.clock().now();
        let entity_named = |name: &str| {
            Entity::named(name)
                .ok_or_else(|| MutationError::UnknownEntity(name.to_owned()).to_string())
        };
        match mutation {
            Mutation::Create { entity, count } => {
                let ids = self.lock().create(entity_named(&entity)?, count, now);
                Ok(json!({ "ids": ids }))
            }
            Mutation::Update { entity, id, patch } => {
                let entity = entity_named(&entity)?;
                let change = |record: &mut Value| merge(record, patch);
                self.lock()
                    .update(entity, &id, now, change)
                    .map_err(|error| error.to_string())?;
                Ok(json!({ "ids": [id] }))
            }
            Mutation::Delete { entity, id } => {
                self.lock()
                    .delete(entity_named(&entity)?, &id, now)
                    .map_err(|error| error.to_string())?;
                Ok(json!({ "ids": [id] }))
            }
            Mutation::SetClock { unix_s } => {
                self.clock().set(unix_s);
                Ok(json!({ "unixS": self.clock().now() }))
            }
            Mutation::AdvanceClock { seconds } => {
                self.clock().advance(seconds);
                Ok(json!({ "unixS": self.clock().now() }))
            }
            Mutation::ExpireTokens | Mutation::RevokeTokens => {
                Err("Stripe's keys neither expire nor come from tokens".to_owned())
            }
        }
    }
}

impl Stripe {
    fn read(&self, request: &Request, fault: Option<&Fault>) -> Result<String, StripeError> {
        let permission = auth::authenticate(&self.settings, request)?;
        if let Some(version) = request.headers.get("stripe-version")
            && self::version(request).is_none()
        {
            return Err(StripeError::bad_version(&String::from_utf8_lossy(
                version.as_bytes(),
            )));
        }
        let no_such_url = || StripeError::no_such_url(request.method.as_str(), &request.path);
        let mut steps = request
            .path
            .strip_prefix("/v1/")
            .ok_or_else(no_such_url)?
            .split('/');
        let (name, id, rest) = (steps.next().unwrap_or_default(), steps.next(), steps.next());
        let listed = match name {
            "events" => Some(Listed::Events),
            name => Entity::named(name).map(Listed::Records),
        };
        let known = listed.is_some() || (matches!(name, "account" | "balance") && id.is_none());
        if request.method != Method::GET || rest.is_some() || !known {
            return Err(no_such_url());
        }
        let mut store = self.lock();
        auth::permit(&permission, name, &store.world.account_id(), request)?;
        match (listed, id) {
            (None, _) if name == "account" => Ok(store.world.render_account()),
            (None, _) => Ok(store.world.render_balance()),
            (Some(listed), Some(id)) => self.retrieve(&store, listed, id, request),
            (Some(listed), None) => self.list(&mut store, listed, request, fault),
        }
    }

    fn retrieve(
        &self,
        store: &Store,
        listed: Listed,
        id: &str,
        request: &Request,
    ) -> Result<String, StripeError> {
        if let Some((parameter, _)) = request.query.first() {
            return Err(if parameter.starts_with("expand") {
                StripeError::not_in_the_sandbox(parameter)
            } else {
                StripeError::unknown_parameter(parameter)
            });
        }
        let (object, found) = match listed {
            Listed::Events => (
                "event",
                store.events.find(id, self.clock().now()).map(Found::Record),
            ),
            Listed::Records(entity) => (entity.object(), store.find(entity, id)),
        };
        match found {
            Some(Found::Record(text)) => Ok(text),
            Some(Found::Deleted) => {
                Ok(json!({ "id": id, "object": object, "deleted": true }).to_string())
            }
            None => Err(StripeError::missing(object, id, "id")),
        }
    }

    fn list(
        &self,
        store: &mut Store,
        listed: Listed,
        request: &Request,
        fault: Option<&Fault>,
    ) -> Result<String, StripeError> {
        let now = self.clock().now();
        let mut query = ListQuery::parse(listed, &request.query)?;
        query.limit = query.limit.min(store.page_at_most);
        let cursor = match fault {
            // The page after the cursor is asked for, the page with the cursor is sent.
            Some(Fault::RepeatedCursor) => query.starting_after.take(),
            Some(Fault::CircleOfPages) => {
                let asked = query.starting_after.take();
                let first = match listed {
                    Listed::Events => store.events.page(&query, now)?,
                    Listed::Records(entity) => store.page(entity, &query)?,
                };
                query.starting_after = asked.filter(|id| {
                    let last: Option<Value> = first
                        .records
                        .last()
                        .and_then(|text| serde_json::from_str(text).ok());
                    last.is_some_and(|last| last["id"] == id.as_str())
                });
                None
            }
            Some(Fault::DuplicateAcrossPages) => query.starting_after.clone(),
            _ => None,
        };
        let mut page = match listed {
            Listed::Events => store.events.page(&query, now)?,
            Listed::Records(entity) => store.page(entity, &query)?,
        };
        if let Some(fault) = fault {
            if let (Fault::DuplicateAcrossPages, Listed::Records(entity), Some(id)) =
                (fault, listed, &cursor)
                && let Some(index) = store.live_index_of(entity, id)
            {
                page.records.insert(0, store.text(entity, index));
                // A page of one would never get past the repeated record.
                if page.records.len() > query.limit.max(2) {
                    page.records.pop();
                    page.has_more = true;
                }
            }
            page_faults::spoil(&mut page, fault);
            page_faults::move_records(store, listed, &page, fault, now);
        }
        Ok(write_list(&request.path, &page))
    }
}

fn write_list(url: &str, page: &Page) -> String {
    let bytes: usize = page.records.iter().map(|record| record.len() + 1).sum();
    let mut text = String::with_capacity(bytes + 128);
    text.push_str(r#"{"object":"list","data":["#);
    for (position, record) in page.records.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(record);
    }
    text.push_str(if page.has_more {
        r#"],"has_more":true,"url":""#
    } else {
        r#"],"has_more":false,"url":""#
    });
    text.push_str(url);
    text.push_str("\"}");
    text
}

/// As the header `Date` has it.
fn http_date(unix_s: i64) -> String {
    let time = chrono::DateTime::from_timestamp(unix_s, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The version a request asks for, where it has the form of one: a date, then perhaps a dot and a name.
fn version(request: &Request) -> Option<&str> {
    let version = request.headers.get("stripe-version")?.to_str().ok()?;
    let (date, name) = version.split_once('.').unwrap_or((version, "acacia"));
    let shape: Vec<usize> = date.split('-').map(str::len).collect();
    let digits = date
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    (shape == [4, 2, 2] && digits && !name.is_empty()).then_some(version)
}
