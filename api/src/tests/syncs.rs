//! Bodies of syncs, judged without a database.

use super::*;

#[tokio::test]
async fn each_fault_of_a_sync_has_its_own_code() {
    let api = api();
    let faults = |body: &Value| faults_of::<NewSync>(&api, &stripe(&api), body);
    for (body, at, code) in [
        (json!({"mode": "PARTIAL"}), "/mode", "unknown-mode"),
        (json!({"mode": "full"}), "/mode", "unknown-mode"),
        (
            json!({"mode": "SNAPSHOT", "dateRange": {"from": "2025-01-15", "to": "2025-01-15"}}),
            "/dateRange",
            "snapshot-is-whole",
        ),
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
async fn an_entity_that_is_not_listed_is_taken_by_the_form_of_its_name() {
    let api = api();
    let salesforce = api.catalogue.get("salesforce").unwrap();
    let named = json!({
        "entities": ["contacts", "Task", "Invoice__c"], "mode": "FULL",
        "dateRange": {"from": "2026-01-01", "to": "2026-01-31"},
    });
    let faults = |body: &Value| faults_of::<NewSync>(&api, &salesforce, body);
    assert_eq!(faults(&named), owned(&[]));
    let wrong = json!({"entities": ["Task", "unicorns", "Account", "Task WHERE Id != null"]});
    let unknown = |at| (at, "unknown-entity");
    let expected = ["/entities/1", "/entities/2", "/entities/3"].map(unknown);
    assert_eq!(faults(&wrong), owned(&expected));
    let meant = judge::<NewSync>(&api, &salesforce, "").unwrap();
    assert_eq!(meant.entities.len(), 6, "{:?}", meant.entities);
}

#[tokio::test]
async fn a_range_is_refused_where_the_vendor_cannot_list_by_date_and_the_entities_are_named() {
    let api = api();
    let days = json!({"from": "2025-01-01", "to": "2025-01-15"});
    let body = json!({"entities": ["customers", "balance_transactions"], "dateRange": days});
    assert_eq!(faults_of::<NewSync>(&api, &stripe(&api), &body), owned(&[]));

    // Objects are listed by name only.
    let s3 = api.catalogue.get("s3").unwrap();
    let objects: Vec<&str> = s3.entities().collect();
    let body = json!({"entities": objects, "dateRange": days});
    let json = Json::parse(Bytes::from(body.to_string())).unwrap();
    let problem = crate::http::body::Body::<NewSync>::from(json).read(&api, &s3);
    let problem = problem.unwrap_err();
    let [fault] = problem.faults() else {
        panic!("{:?}", problem.faults())
    };
    assert_eq!(
        (fault.pointer.as_str(), fault.code),
        ("/dateRange", "range-unsupported")
    );
    assert!(
        objects.iter().all(|name| fault.detail.contains(name)),
        "{}",
        fault.detail
    );
    assert_eq!(
        faults_of::<NewSync>(&api, &s3, &json!({"entities": objects})),
        owned(&[])
    );
}

#[tokio::test]
async fn a_sync_without_a_body_takes_everything_that_changed() {
    let api = api();
    let meant = judge::<NewSync>(&api, &stripe(&api), "").unwrap();
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
