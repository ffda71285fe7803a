//! The api without a database: refusals, and bodies that are judged before anything is asked of one.

use std::time::Duration;

use bytes::Bytes;
use poem::endpoint::make;
use poem::http::{Method, StatusCode, header};
use poem::{Body as HttpBody, Endpoint, EndpointExt, Request, Response};
use rail_shared::config::{Environment, SharedConfig};
use rail_shared::connectors::Connector;
use rail_shared::domain::{Clock, KeyId, Scope, SyncMode, TenantId};
use rail_shared::secrets::{ApiKey, KeyRing};
use rail_shared::store::api_keys::Grant;
use serde_json::{Map, Value, json};

use crate::body::{Asked, Json};
use crate::front::Front;
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
    Api::new(&shared, key_ring, Clock::system()).unwrap()
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
        let grant = Grant {
            tenant_id: TenantId::new(),
            key_id: KeyId::new(),
            scopes: self.scopes.clone(),
        };
        self.api
            .grants
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
    crate::body::Body::<T>::from(json)
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

fn stripe(api: &Api) -> &Connector {
    api.catalogue.get("stripe").unwrap()
}

#[tokio::test]
async fn what_is_nowhere_is_a_problem() {
    let caller = Caller::of(api());
    for path in [
        "/nowhere",
        "/api/v1/integrations/nowhere",
        "/api/v1/integrations/connections/nope",
    ] {
        caller
            .call(Method::GET, path, &[], ())
            .await
            .problem(404, "not-found");
    }
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let caller = Caller::of(api());
    let refused = caller
        .call(Method::PUT, &format!("{BASE}/connections"), &[], ())
        .await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD, POST");
}

#[tokio::test]
async fn without_a_key_nothing_is_done() {
    let request = Request::builder()
        .uri_str(format!("{BASE}/connectors"))
        .finish();
    let refused = answer(crate::app(api()), request).await;
    refused.problem(401, "unauthorized");
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say() {
    let caller = |scopes: &[Scope]| Caller {
        api: api(),
        scopes: scopes.to_vec(),
    };
    let connectors = format!("{BASE}/connectors");
    let read = caller(&[Scope::Read]);
    assert_eq!(
        read.call(Method::GET, &connectors, &[], ())
            .await
            .response
            .status(),
        StatusCode::OK
    );
    read.post("/exports", &json!({}))
        .await
        .problem(403, "insufficient-scope");
    let write = caller(&[Scope::Write]);
    write
        .call(Method::GET, &connectors, &[], ())
        .await
        .problem(403, "insufficient-scope");
    write
        .post("/exports", &json!({}))
        .await
        .problem(422, "missing");
    write
        .post("/api-keys", &json!({}))
        .await
        .problem(403, "insufficient-scope");
    caller(&[Scope::Admin])
        .post("/api-keys", &json!({}))
        .await
        .problem(422, "missing");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_where() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    let json = [("content-type", "application/json")];
    let refused = caller
        .call(Method::POST, &exports, &json, "{\n  \"name\": }")
        .await;
    refused.problem(400, "malformed-json");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("line 2, column 11"),
        "{}",
        refused.body
    );
    caller
        .call(Method::POST, &exports, &json, ())
        .await
        .problem(400, "malformed-json");
    caller
        .call(Method::POST, &exports, &json, vec![b'{', 0xff])
        .await
        .problem(400, "malformed-json");
    let deep = "[".repeat(100_000);
    caller
        .call(Method::POST, &exports, &json, deep)
        .await
        .problem(400, "malformed-json");
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    for headers in [&[][..], &[("content-type", "text/plain")]] {
        let refused = caller.call(Method::POST, &exports, headers, "{}").await;
        refused.problem(415, "unsupported-media-type");
    }
    let spelled = [("content-type", "Application/JSON; charset=utf-8")];
    caller
        .call(Method::POST, &exports, &spelled, "{}")
        .await
        .problem(422, "missing");
}

#[tokio::test]
async fn a_large_body_is_refused_announced_or_not() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    let announced = [
        ("content-type", "application/json"),
        ("content-length", "99999999"),
    ];
    caller
        .call(Method::POST, &exports, &announced, "{}")
        .await
        .problem(413, "too-large");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let json = [("content-type", "application/json")];
    caller
        .call(Method::POST, &exports, &json, large)
        .await
        .problem(413, "too-large");
}

#[tokio::test]
async fn a_body_full_of_faults_gets_a_bounded_answer() {
    let caller = Caller::of(api());
    let many = vec![json!(1); 100_000];
    let refused = caller.post("/exports", &json!({"entities": many})).await;
    refused.problem(422, "invalid-input");
    assert!(refused.body["errors"].as_array().unwrap().len() <= 100);
}

#[tokio::test]
async fn parameters_are_judged_by_name() {
    let caller = Caller::of(api());
    for (query, name, code) in [
        ("limit=0", "limit", "bad-parameter"),
        ("limit=201", "limit", "bad-parameter"),
        ("limit=ten", "limit", "bad-parameter"),
        ("cursor=!", "cursor", "bad-cursor"),
        ("cursor=c3luY18x", "cursor", "bad-cursor"),
        ("status=active", "status", "bad-parameter"),
        ("connectorId=%00", "connectorId", "bad-parameter"),
    ] {
        let refused = caller
            .call(Method::GET, &format!("{BASE}/connections?{query}"), &[], ())
            .await;
        refused.problem(422, code);
        assert_eq!(refused.faults(), [(name, code)], "{query}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_told_as_such() {
    let caller = Caller::of(api());
    let refused = caller
        .call(Method::GET, &format!("{BASE}/connections"), &[], ())
        .await;
    refused.problem(503, "database-unavailable");
    assert_eq!(refused.header("retry-after"), "2");
    let unready = caller.call(Method::GET, "/readyz", &[], ()).await;
    unready.problem(503, "database-unavailable");
    let alive = caller.call(Method::GET, "/healthz", &[], ()).await;
    assert_eq!(alive.response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_keeps_its_sane_name() {
    let caller = Caller::of(api());
    let named = |name: &'static str| {
        let caller = &caller;
        async move {
            let headers = [("x-request-id", name)];
            let answer = caller.call(Method::GET, "/nowhere", &headers, ()).await;
            answer.problem(404, "not-found");
            answer.header("x-request-id").to_owned()
        }
    };
    assert_eq!(named("mine-1.a_b").await, "mine-1.a_b");
    for strange in [
        "",
        "two words",
        "a\"b",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    ] {
        assert!(named(strange).await.starts_with("req_"), "{strange}");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_tells_nothing() {
    let front = || Front::new(Paths::of(&json!({})));
    let panics = make(|_| async {
        if true {
            panic!("secret")
        }
    })
    .with(front());
    let broken = answer(panics, Request::default()).await;
    broken.problem(500, "internal-error");
    assert!(!broken.body.to_string().contains("secret"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_problem() {
    let front = Front::new(Paths::of(&json!({}))).within(Duration::from_millis(10));
    let hangs = make(|_| std::future::pending::<poem::Result<()>>()).with(front);
    let late = answer(hangs, Request::default()).await;
    late.problem(503, "timed-out");
    assert_eq!(late.header("retry-after"), "2");
}

#[tokio::test]
async fn the_catalogue_lists_eleven_connectors_in_the_ordered_shape() {
    let caller = Caller::of(api());
    let listed = caller
        .call(Method::GET, &format!("{BASE}/connectors"), &[], ())
        .await;
    let connectors = listed.body["data"].as_array().unwrap();
    assert_eq!(connectors.len(), 11);
    assert_eq!(listed.body["page"], json!({"nextCursor": null}));
    let stripe = &connectors[0];
    assert_eq!(stripe["connectorId"], "stripe");
    assert_eq!(stripe["category"], "PAYMENTS");
    assert_eq!(stripe["status"], "AVAILABLE");
    assert_eq!(
        stripe["features"],
        json!(["payments", "subscriptions", "invoices"])
    );
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let caller = Caller::of(api());
    let document = caller.call(Method::GET, "/openapi.json", &[], ()).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    let page = caller.call(Method::GET, "/docs", &[], ()).await;
    assert_eq!(page.response.status(), StatusCode::OK);
    caller
        .call(Method::POST, "/docs", &[], ())
        .await
        .problem(405, "method-not-allowed");
}

fn good_connection() -> Value {
    json!({
        "connectorId": "stripe",
        "name": "Production Stripe",
        "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": "${IOF_CONNECTOR_WEBHOOK_SECRET}"},
        "config": {"syncInterval": "15m", "autoSync": true}
    })
}

/// The body with one place set to another value; `Value::Null` removes it.
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

#[tokio::test]
async fn each_fault_of_a_connection_has_its_own_code() {
    let api = api();
    let good = good_connection();
    assert_eq!(faults_of::<NewConnection>(&api, &api, &good), []);
    for (at, value, found_at, code) in [
        ("/connectorId", Value::Null, "/connectorId", "missing"),
        (
            "/connectorId",
            json!("nope"),
            "/connectorId",
            "unknown-connector",
        ),
        (
            "/connectorId",
            json!("xero"),
            "/connectorId",
            "connector-unavailable",
        ),
        ("/connectorId", json!(7), "/connectorId", "wrong-type"),
        ("/name", Value::Null, "/name", "missing"),
        ("/name", json!(""), "/name", "empty"),
        ("/name", json!("x".repeat(201)), "/name", "too-long"),
        ("/name", json!("a\0b"), "/name", "bad-character"),
        ("/colour", json!("red"), "/colour", "unknown-field"),
        ("/credentials", Value::Null, "/credentials", "missing"),
        ("/credentials", json!("sk_1"), "/credentials", "wrong-type"),
        (
            "/credentials/apiKey",
            Value::Null,
            "/credentials/apiKey",
            "missing",
        ),
        (
            "/credentials/apiKey",
            json!("pk_1"),
            "/credentials/apiKey",
            "invalid-format",
        ),
        (
            "/credentials/apiKey",
            json!("${DATABASE_URL}"),
            "/credentials/apiKey",
            "forbidden-reference",
        ),
        (
            "/credentials/pin",
            json!("1"),
            "/credentials/pin",
            "unknown-field",
        ),
        (
            "/config/syncInterval",
            json!("15 minutes"),
            "/config/syncInterval",
            "bad-interval",
        ),
        (
            "/config/syncInterval",
            json!("5s"),
            "/config/syncInterval",
            "bad-interval",
        ),
        (
            "/config/syncInterval",
            json!(15),
            "/config/syncInterval",
            "wrong-type",
        ),
        (
            "/config/syncInterval",
            Value::Null,
            "/config/syncInterval",
            "missing",
        ),
        (
            "/config/autoSync",
            json!("yes"),
            "/config/autoSync",
            "wrong-type",
        ),
        ("/config/batch", json!(1), "/config/batch", "unknown-field"),
    ] {
        let body = with(&good, at, value);
        assert_eq!(
            faults_of::<NewConnection>(&api, &api, &body),
            owned(&[(found_at, code)]),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_change_is_merged_before_it_is_judged() {
    let api = api();
    let standing = || {
        let Value::Object(config) = json!({"autoSync": true, "syncInterval": "15m"}) else {
            unreachable!()
        };
        let Value::Object(credentials) = json!({"apiKey": "sk_old", "webhookSecret": "whsec_old"})
        else {
            unreachable!()
        };
        Standing {
            connector: Some(stripe(&api)),
            config,
            credentials,
            references: &api.references,
        }
    };
    let patch = json!({"credentials": {"apiKey": "sk_new", "webhookSecret": null}, "config": {"autoSync": false, "syncInterval": null}});
    let meant = judge::<ConnectionPatch>(&api, standing(), &patch.to_string()).unwrap();
    assert_eq!(
        Value::from(meant.credentials.unwrap()),
        json!({"apiKey": "sk_new"})
    );
    let config = meant.config.unwrap();
    assert!(!config.auto_sync && config.interval.is_none() && meant.name.is_none());
    for (patch, at, code) in [
        (
            json!({"config": {"syncInterval": null}}),
            "/config/syncInterval",
            "missing",
        ),
        (
            json!({"credentials": {"apiKey": null}}),
            "/credentials/apiKey",
            "missing",
        ),
        (
            json!({"connectorId": "xero"}),
            "/connectorId",
            "unknown-field",
        ),
        (json!({"name": null}), "/name", "wrong-type"),
        (json!([]), "", "wrong-type"),
    ] {
        assert_eq!(
            faults_of::<ConnectionPatch>(&api, standing(), &patch),
            owned(&[(at, code)]),
            "{patch}"
        );
    }
    let gone = Standing {
        connector: None,
        ..standing()
    };
    let patch = json!({"credentials": {"apiKey": "sk_new"}});
    assert_eq!(
        faults_of::<ConnectionPatch>(&api, gone, &patch),
        owned(&[("/credentials", "unknown-connector")])
    );
}

#[tokio::test]
async fn each_fault_of_a_sync_has_its_own_code() {
    let api = api();
    let faults = |body: &Value| faults_of::<NewSync>(&api, stripe(&api), body);
    for (body, at, code) in [
        (json!({"mode": "PARTIAL"}), "/mode", "unknown-mode"),
        (json!({"mode": "full"}), "/mode", "unknown-mode"),
        (json!({"mode": "SNAPSHOT"}), "/mode", "mode-unavailable"),
        (json!({"mode": 1}), "/mode", "wrong-type"),
        (json!({"entities": []}), "/entities", "empty"),
        (json!({"entities": "customers"}), "/entities", "wrong-type"),
        (
            json!({"entities": ["customers", "invoices", "customers"]}),
            "/entities/2",
            "duplicate",
        ),
        (
            json!({"entities": ["customers", "unicorns"]}),
            "/entities/1",
            "unknown-entity",
        ),
        (
            json!({"dateRange": {"from": "2025-01-16", "to": "2025-01-15"}}),
            "/dateRange/to",
            "range-reversed",
        ),
        (
            json!({"dateRange": {"from": "2025-02-30", "to": "2025-03-01"}}),
            "/dateRange/from",
            "bad-date",
        ),
        (
            json!({"dateRange": {"from": "2025-1-1", "to": "2025-03-01"}}),
            "/dateRange/from",
            "bad-date",
        ),
        (
            json!({"dateRange": {"from": "2025-01-01"}}),
            "/dateRange/to",
            "missing",
        ),
        (json!({"range": {}}), "/range", "unknown-field"),
        (json!(7), "", "wrong-type"),
    ] {
        assert_eq!(faults(&body), owned(&[(at, code)]), "{body}");
    }
    let several = json!({
        "entities": ["unicorns"], "mode": "PARTIAL", "dateRange": {"from": "2025-02-01", "to": "2025-01-01"}, "x": 1
    });
    assert_eq!(
        faults(&several),
        owned(&[
            ("/dateRange/to", "range-reversed"),
            ("/entities/0", "unknown-entity"),
            ("/mode", "unknown-mode"),
            ("/x", "unknown-field"),
        ])
    );
}

#[tokio::test]
async fn a_sync_without_a_body_takes_everything_that_changed() {
    let api = api();
    let meant = judge::<NewSync>(&api, stripe(&api), "").unwrap();
    assert_eq!(meant.mode, SyncMode::Incremental);
    assert!(
        meant
            .entities
            .iter()
            .map(String::as_str)
            .eq(stripe(&api).entities())
    );
    assert_eq!(meant.date_range, None);
}

fn good_export() -> Value {
    json!({
        "name": "Monthly Contract Export",
        "format": "CSV",
        "entities": ["contracts"],
        "filter": {"status": "ACTIVE", "createdAt": {"gte": "2025-01-01"}},
        "schedule": {"frequency": "MONTHLY", "day": 1, "time": "02:00"},
        "destination": {"type": "S3", "bucket": "exports-bucket", "path": "/contracts/"}
    })
}

#[tokio::test]
async fn each_fault_of_an_export_has_its_own_code() {
    let api = api();
    let good = good_export();
    assert_eq!(faults_of::<NewExport>(&api, &api, &good), []);
    for (at, value, found_at, code) in [
        ("/name", Value::Null, "/name", "missing"),
        ("/format", json!("PDF"), "/format", "unknown-format"),
        ("/format", json!("PARQUET"), "/format", "format-unavailable"),
        ("/entities", json!([]), "/entities", "empty"),
        (
            "/entities",
            json!(["contracts", "contracts"]),
            "/entities/1",
            "duplicate",
        ),
        (
            "/entities",
            json!(["unicorns"]),
            "/entities/0",
            "unknown-entity",
        ),
        ("/filter", json!("status"), "/filter", "wrong-type"),
        (
            "/filter",
            json!({"total": {"above": 1}}),
            "/filter/total/above",
            "unknown-operator",
        ),
        (
            "/schedule/frequency",
            json!("YEARLY"),
            "/schedule/frequency",
            "unknown-frequency",
        ),
        (
            "/schedule/day",
            json!(32),
            "/schedule/day",
            "day-out-of-range",
        ),
        (
            "/schedule/time",
            json!("25:00"),
            "/schedule/time",
            "bad-time",
        ),
        (
            "/schedule/timezone",
            json!("Mars/Base"),
            "/schedule/timezone",
            "unknown-timezone",
        ),
        (
            "/schedule/cron",
            json!("*"),
            "/schedule/cron",
            "unknown-field",
        ),
        ("/schedule", json!([]), "/schedule", "wrong-type"),
        ("/destination", Value::Null, "/destination", "missing"),
        (
            "/destination/type",
            json!("FTP"),
            "/destination/type",
            "unknown-destination-type",
        ),
        (
            "/destination/type",
            json!("AZURE_BLOB"),
            "/destination/type",
            "destination-unavailable",
        ),
        (
            "/destination/bucket",
            Value::Null,
            "/destination/bucket",
            "missing",
        ),
        (
            "/destination/bucket",
            json!("Not A Bucket"),
            "/destination/bucket",
            "bad-format",
        ),
        (
            "/destination/path",
            json!("a/../../b"),
            "/destination/path",
            "bad-path",
        ),
        (
            "/destination/path",
            Value::Null,
            "/destination/path",
            "missing",
        ),
        (
            "/destination/colour",
            json!("red"),
            "/destination/colour",
            "unknown-field",
        ),
    ] {
        let body = with(&good, at, value);
        assert_eq!(
            faults_of::<NewExport>(&api, &api, &body),
            owned(&[(found_at, code)]),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_local_destination_needs_a_directory_of_the_operator() {
    let local = with(
        &good_export(),
        "/destination",
        json!({"type": "LOCAL", "path": "contracts"}),
    );
    let api = api();
    assert_eq!(faults_of::<NewExport>(&api, &api, &local), []);
    let bucket = with(&local, "/destination/bucket", json!("exports-bucket"));
    assert_eq!(
        faults_of::<NewExport>(&api, &api, &bucket),
        owned(&[("/destination/bucket", "unknown-field")])
    );
    let without = api_with(&[]);
    let expected = owned(&[("/destination/type", "destination-unavailable")]);
    assert_eq!(faults_of::<NewExport>(&without, &without, &local), expected);
}

#[tokio::test]
async fn the_numbers_of_a_filter_keep_their_digits() {
    let api = api();
    let mut body: Map<String, Value> = good_export().as_object().unwrap().clone();
    body.remove("filter");
    let body = serde_json::to_string(&body).unwrap();
    let body = format!(
        "{}, \"filter\": {{\"total\": {{\"gt\": 12345678901234567890.1200}}}}}}",
        body.trim_end_matches('}').to_owned() + "}"
    );
    let meant = judge::<NewExport>(&api, &api, &body).unwrap();
    assert_eq!(
        meant.filter.unwrap().as_str(),
        "{\"total\": {\"gt\": 12345678901234567890.1200}}"
    );
}

#[tokio::test]
async fn all_faults_come_in_one_answer() {
    let caller = Caller::of(api());
    let body = json!({
        "name": "", "format": "PDF", "entities": ["contracts", "contracts"], "filter": {"a": {"above": 1}},
        "schedule": {"frequency": "MONTHLY", "day": 32, "time": "25:00"},
        "destination": {"type": "FTP", "path": "../x"}, "colour": "red"
    });
    let refused = caller.post("/exports", &body).await;
    refused.problem(422, "invalid-input");
    assert_eq!(
        refused.faults(),
        [
            ("/colour", "unknown-field"),
            ("/destination/path", "bad-path"),
            ("/destination/type", "unknown-destination-type"),
            ("/entities/1", "duplicate"),
            ("/filter/a/above", "unknown-operator"),
            ("/format", "unknown-format"),
            ("/name", "empty"),
            ("/schedule/day", "day-out-of-range"),
            ("/schedule/time", "bad-time"),
        ]
    );
}
