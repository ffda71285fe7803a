//! Bodies of connections, judged without a database.

use super::*;

/// A connector that cannot be used yet.
const LISTED: &str = r#"
id = "listed"
name = "Listed"
category = "CRM"
status = "DISABLED"
features = ["things"]
[[entities]]
name = "things"
"#;

fn good_connection() -> Value {
    json!({
        "connectorId": "stripe",
        "name": "Production Stripe",
        "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": "${IOF_CONNECTOR_WEBHOOK_SECRET}"},
        "config": {"syncInterval": "15m", "autoSync": true}
    })
}

/// The body with one place set to another value; `Value::Null` removes it.

#[tokio::test]
async fn each_fault_of_a_connection_has_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("listed.toml"), LISTED).unwrap();
    let api = api_with(&[("RAIL_CONNECTORS_DIR", folder.path().to_str().unwrap())]);
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
            json!("listed"),
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
