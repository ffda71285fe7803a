//! The api without a database: refusals, and bodies that are judged before anything is asked of one.

mod connections;
mod exports;
mod front;
mod idempotency;
mod syncs;

use std::time::Duration;

use bytes::Bytes;
use poem::endpoint::make;
use poem::http::{Method, StatusCode, header};
use poem::{Body as HttpBody, Endpoint, EndpointExt, Request, Response};
use rail_shared::config::{Environment, SharedConfig};
use rail_shared::connectors::Connector;
use rail_shared::domain::{Clock, ConnectionId, JobId, KeyId, Scope, SyncId, SyncMode, TenantId};
use rail_shared::secrets::{ApiKey, KeyRing};
use rail_shared::store::api_keys::KeyGrant;
use serde_json::{Map, Value, json};

use crate::http::body::{Asked, Json};
use crate::http::front::Front;
use crate::openapi::Paths;
use crate::routes::BASE;
use crate::schemas::connection_asked::{ConnectionPatch, NewConnection, Standing};
use crate::schemas::export_asked::NewExport;
use crate::schemas::sync_asked::NewSync;
use crate::state::Api;

const KEY: &str = "rail_a-key-that-only-these-tests-know";

/// An api whose Postgres and Redis are nowhere.
fn api_with(variables: &[(&str, &str)]) -> Api {
    let nowhere = [
        ("DATABASE_URL", "postgres://rail@127.0.0.1:9/rail"),
        ("REDIS_URL", "redis://127.0.0.1:9/0"),
    ];
    let env: Environment = nowhere
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let shared = SharedConfig::from_env(&env).unwrap();
    let key_ring = KeyRing::parse("k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    Api::new(&shared, key_ring, "http://rail.example", Clock::system()).unwrap()
}

fn api() -> Api {
    api_with(&[("RAIL_EXPORT_DIR", "/nowhere")])
}

struct Caller {
    api: Api,
    scopes: Vec<Scope>,
}

impl Caller {
    fn of(api: Api) -> Self {
        Self {
            api,
            scopes: Scope::ALL.to_vec(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<HttpBody>,
    ) -> Answer {
        let grant = KeyGrant {
            tenant_id: TenantId::new(),
            key_id: KeyId::new(),
            scopes: self.scopes.clone(),
        };
        self.api
            .known_keys
            .remember(ApiKey::presented(KEY).digest(), grant);
        let mut request = Request::builder()
            .method(method)
            .uri_str(path)
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(crate::app(self.api.clone()), request.body(body)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let path = format!("{BASE}{path}");
        self.call(
            Method::POST,
            &path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }
}

struct Answer {
    response: Response,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.response.header(name).unwrap_or_default()
    }

    /// The shape that every refusal has.
    fn problem(&self, status: u16, code: &str) {
        assert_eq!(self.response.status().as_u16(), status, "{}", self.body);
        assert_eq!(
            self.response.content_type(),
            Some("application/problem+json")
        );
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["requestId"], self.header("x-request-id"));
        assert!(self.body["type"].is_string() && self.body["title"].is_string());
        assert!(
            self.body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
    }

    fn faults(&self) -> Vec<(&str, &str)> {
        let text = |fault: &'_ Value, member: &str| -> &'static str {
            Box::leak(fault[member].as_str().unwrap().to_owned().into_boxed_str())
        };
        let errors = self.body["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|fault| (text(fault, "pointer"), text(fault, "code")))
            .collect()
    }
}

async fn answer(endpoint: impl Endpoint<Output = Response>, request: Request) -> Answer {
    let mut response = endpoint.get_response(request).await;
    let body = response.take_body().into_bytes().await.unwrap();
    Answer {
        response,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn judge<T: Asked>(
    api: &Api,
    rules: T::Rules<'_>,
    body: &str,
) -> Result<T::Meant, Vec<(String, String)>> {
    let json = Json::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    crate::http::body::Body::<T>::from(json)
        .read(api, rules)
        .map_err(|problem| {
            let faults = problem.faults().iter();
            faults
                .map(|fault| (fault.pointer.clone(), fault.code.to_owned()))
                .collect()
        })
}

fn faults_of<T: Asked>(api: &Api, rules: T::Rules<'_>, body: &Value) -> Vec<(String, String)> {
    judge::<T>(api, rules, &body.to_string())
        .err()
        .unwrap_or_default()
}

fn owned(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(at, code)| ((*at).to_owned(), (*code).to_owned()))
        .collect()
}

fn stripe(api: &Api) -> Connector {
    api.catalogue.get("stripe").unwrap()
}

fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    body
}
