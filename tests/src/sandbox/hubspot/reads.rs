//! Where paths lead, and who may go there.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::HubError;
use super::{HubSpot, PRIVATE_TOKEN};
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::limits::{Limit, Verdict};
use crate::sandbox::kit::oauth::Bearer;

/// Requests that an app may send in ten seconds, and in one.
const ALLOWED: (u64, u64) = (110, 11);

/// Which limit a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// So many in ten seconds, and the answer says how many are left.
    Usual,
    /// So many searches in a second, and the answer says nothing.
    Search,
}

impl HubSpot {
    /// Answers a read.
    pub(super) fn read(
        &self,
        request: &Request,
        fault: Option<&Fault>,
    ) -> Result<Answer, HubError> {
        let scopes = self.admit(request)?;
        let may = |entity: Entity| match scopes.contains(&entity.scope()) {
            true => Ok(entity),
            false => Err(HubError::scope(&entity.scope())),
        };
        let object = |step: &str| {
            let unknown = || HubError::not_in_the_sandbox(format!("the object '{step}'"));
            Entity::of_path(step).ok_or_else(unknown).and_then(may)
        };
        let path = request.path.trim_matches('/');
        let steps: Vec<&str> = path.split('/').collect();
        let pace = match steps.last() {
            Some(&"search") => Pace::Search,
            _ => Pace::Usual,
        };
        let left = self.take(pace)?;
        let answer = match (&request.method, steps.as_slice()) {
            (&Method::POST, ["crm", "v3", "objects", step, "search"]) => {
                self.search(request, object(step)?, fault)
            }
            (&Method::GET, ["crm", "v3", "objects", step]) => {
                self.list(request, object(step)?, fault)
            }
            (&Method::GET, ["crm", "v3", "objects", step, id]) => {
                self.single(request, object(step)?, id)
            }
            (&Method::GET, ["crm", "v3", "owners"]) => {
                self.list(request, may(Entity::Owners)?, fault)
            }
            (&Method::GET, ["crm", "v3", "owners", id]) => {
                self.single(request, may(Entity::Owners)?, id)
            }
            (&Method::GET, ["crm", "v3", "properties", step]) => {
                let (object, portal) = (object(step)?, self.lock());
                let told = portal.properties(object).iter().map(|it| it.told(object));
                Ok(json_answer(&json!({ "results": told.collect::<Value>() })))
            }
            (&Method::GET, ["crm", "v3", "properties", step, name]) => {
                let (object, portal) = (object(step)?, self.lock());
                let mut known = portal.properties(object).iter();
                let found = known
                    .find(|it| it.name() == *name)
                    .ok_or_else(HubError::not_found)?;
                Ok(json_answer(&found.told(object)))
            }
            (&Method::GET, ["account-info", "v3", "details"]) => Ok(json_answer(&self.details())),
            (method, _) => Err(HubError::not_in_the_sandbox(format!("{method} /{path}"))),
        }?;
        Ok(left.iter().fold(answer, |answer, (name, value)| {
            answer.header(name, &value.to_string())
        }))
    }

    /// Lets in the private app and whoever has a token of the other; answers what they may read.
    fn admit(&self, request: &Request) -> Result<Vec<String>, HubError> {
        let private = format!("Bearer {PRIVATE_TOKEN}");
        if request.header("authorization") == Some(private.as_str()) {
            return Ok(self.granted());
        }
        match self.oauth().bearer(request) {
            Bearer::Valid { scope, .. } => {
                let granted = self.granted();
                let asked = scope.split_whitespace().map(str::to_owned);
                Ok(asked.filter(|scope| granted.contains(scope)).collect())
            }
            Bearer::Expired => Err(HubError::expired_token()),
            _ => Err(HubError::unknown_token()),
        }
    }

    /// Counts a request; answers what is left, as the headers that say so.
    fn take(&self, pace: Pace) -> Result<Vec<(&'static str, u64)>, HubError> {
        let left = |limit: &Limit, policy, allowed| match limit.take() {
            Verdict::Passes { remaining } => Ok(remaining.unwrap_or(allowed)),
            Verdict::Refused { .. } => Err(HubError::limited(policy)),
        };
        if pace == Pace::Search {
            left(self.per_second(), "SECONDLY", 5)?;
            return Ok(Vec::new());
        }
        let (ten, one) = ALLOWED;
        Ok(vec![
            ("x-hubspot-ratelimit-max", ten),
            (
                "x-hubspot-ratelimit-remaining",
                left(self.per_ten_seconds(), "TEN_SECONDLY_ROLLING", ten)?,
            ),
            ("x-hubspot-ratelimit-interval-milliseconds", 10_000),
            ("x-hubspot-ratelimit-secondly", one),
            ("x-hubspot-ratelimit-secondly-remaining", one),
        ])
    }

    fn details(&self) -> Value {
        json!({
            "portalId": self.lock().number, "accountType": "STANDARD", "timeZone": "Europe/Dublin",
            "companyCurrency": "EUR", "additionalCurrencies": [], "utcOffset": "+00:00", "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
        })
    }
}

fn json_answer(body: &Value) -> Answer {
    Answer::typed(
        StatusCode::OK,
        "application/json;charset=utf-8",
        body.to_string(),
    )
}
