//! Bodies of exports, judged without a database.

use super::*;
use crate::exports::destination::Lent;
use crate::schemas::export_asked::ExportRules;

/// Of a tenant that has put in records of one entity.
fn rules(api: &Api) -> ExportRules<'_> {
    static OWN: std::sync::LazyLock<Vec<String>> =
        std::sync::LazyLock::new(|| vec!["deals_of_ours".to_owned()]);
    ExportRules {
        api,
        own_entities: &OWN,
        snapshot: None,
        lent: None,
    }
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
    assert_eq!(faults_of::<NewExport>(&api, rules(&api), &good), []);
    for (at, value, found_at, code) in [
        ("/name", Value::Null, "/name", "missing"),
        ("/format", json!("PDF"), "/format", "unknown-format"),
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
            "/destination/container",
            json!("exports"),
            "/destination/container",
            "unknown-field",
        ),
        (
            "/destination/overwrite",
            json!("yes"),
            "/destination/overwrite",
            "wrong-type",
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
            faults_of::<NewExport>(&api, rules(&api), &body),
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
    assert_eq!(faults_of::<NewExport>(&api, rules(&api), &local), []);
    let bucket = with(&local, "/destination/bucket", json!("exports-bucket"));
    assert_eq!(
        faults_of::<NewExport>(&api, rules(&api), &bucket),
        owned(&[("/destination/bucket", "unknown-field")])
    );
    let without = api_with(&[]);
    let expected = owned(&[("/destination/type", "destination-unavailable")]);
    assert_eq!(
        faults_of::<NewExport>(&without, rules(&without), &local),
        expected
    );
}

#[tokio::test]
async fn an_azure_destination_needs_an_account_of_the_operator_and_a_container() {
    let azure = with(
        &good_export(),
        "/destination",
        json!({"type": "AZURE_BLOB", "container": "exports", "path": "contracts", "overwrite": true}),
    );
    let account = [
        ("RAIL_AZURE_ACCOUNT", "railaccount"),
        ("RAIL_AZURE_ACCOUNT_KEY", "AAAA"),
    ];
    let api = api_with(&account);
    assert_eq!(faults_of::<NewExport>(&api, rules(&api), &azure), []);
    for (at, value, code) in [
        ("/destination/container", Value::Null, "missing"),
        ("/destination/container", json!("A_B"), "bad-format"),
        ("/destination/bucket", json!("exports"), "unknown-field"),
        ("/destination/region", json!("eu-west-1"), "unknown-field"),
    ] {
        let body = with(&azure, at, value);
        let expected = owned(&[(at, code)]);
        assert_eq!(faults_of::<NewExport>(&api, rules(&api), &body), expected);
    }
    let without = api_with(&[]);
    let expected = owned(&[("/destination/type", "destination-unavailable")]);
    assert_eq!(
        faults_of::<NewExport>(&without, rules(&without), &azure),
        expected
    );
}

#[tokio::test]
async fn a_destination_may_use_a_connection_of_its_kind_only() {
    let api = api_with(&[]);
    let lent = |connector: &str, credentials: Value| Lent {
        connector_id: connector.to_owned(),
        credentials: credentials.as_object().unwrap().clone(),
    };
    let s3 = lent(
        "s3",
        json!({"accessKeyId": "AKIA", "secretAccessKey": "x", "region": "eu-central-1", "bucket": "their-bucket"}),
    );
    let at_endpoint = |url: &str| {
        let mut credentials = s3.credentials.clone();
        credentials.insert("endpoint".to_owned(), json!(url));
        lent("s3", Value::Object(credentials))
    };
    let elsewhere = at_endpoint("https://store.example");
    let nowhere = at_endpoint("store.example");
    let azure = lent(
        "azure_blob",
        json!({"account": "tenant", "accountKey": "AAAA", "container": "theirs"}),
    );
    let to = |kind: &str| {
        let id = ConnectionId::new().to_string();
        let to = json!({"type": kind, "path": "x", "connectionId": id});
        with(&good_export(), "/destination", to)
    };
    let at = "/destination/connectionId";
    for (kind, lent, expected) in [
        ("S3", Some(&s3), None),
        ("AZURE_BLOB", Some(&azure), None),
        ("S3", None, Some((at, "unknown-connection"))),
        ("S3", Some(&azure), Some((at, "wrong-connector"))),
        ("AZURE_BLOB", Some(&s3), Some((at, "wrong-connector"))),
        ("S3", Some(&elsewhere), None),
        ("S3", Some(&nowhere), Some((at, "unusable-connection"))),
    ] {
        let rules = ExportRules {
            lent,
            ..rules(&api)
        };
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(
            faults_of::<NewExport>(&api, rules, &to(kind)),
            owned(&expected),
            "{kind}"
        );
    }
    let local = with(&to("LOCAL"), at, json!("conn_x"));
    let found = faults_of::<NewExport>(&self::api(), rules(&api), &local);
    assert!(found.iter().any(|(pointer, _)| pointer == at), "{found:?}");
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
    let meant = judge::<NewExport>(&api, rules(&api), &body).unwrap();
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
