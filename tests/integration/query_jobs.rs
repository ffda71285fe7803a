//! Long lists of Salesforce, which its query jobs gather: a sync waits for them without a worker.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::salesforce::Salesforce;
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Mutation, Sandbox, Vendor};
use serde_json::{Value, json};

const FILE: &str = include_str!("../../shared/src/connectors/catalog/salesforce.toml");
const CONTACTS: u64 = 60;

/// The rail beside a fake Salesforce to which lists of more than ten records are long, and a connection to it.
async fn with_salesforce(folder: &std::path::Path) -> (Rail, Sandbox<Salesforce>, String) {
    let salesforce = Start::new(5, CONTACTS).serve(Salesforce::new);
    let text_of_file = FILE
        .replace("id = \"salesforce\"", "id = \"org\"")
        .replace("above = 100000", "above = 10")
        .replace("rows = 5000", "rows = 25");
    std::fs::write(folder.join("org.toml"), text_of_file).unwrap();
    let rail = Rail::builder()
        .variable("RAIL_CONNECTORS_DIR", &folder.display().to_string())
        .variable("RAIL_CONNECTOR_ORG_BASE_URL", &salesforce.base_url())
        .start()
        .await;
    let body = json!({
        "connectorId": "org", "name": "Our org", "credentials": salesforce.vendor().credentials(),
    });
    let made = rail.caller.post("/connections", &body).await.expect(201);
    let id = text(&made, "connectionId").to_owned();
    (rail, salesforce, id)
}

async fn synced(rail: &Rail, connection: &str, mode: &str) -> (Value, Vec<String>) {
    let asked = json!({"entities": ["contacts"], "mode": mode});
    let done = rail.sync(connection, &asked).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    let path = format!(
        "/connections/{connection}/sync/{}/log?limit=200",
        text(&done, "syncId")
    );
    let log = rail.caller.get(&path).await.expect(200);
    let waits = log.as_array().unwrap().iter();
    let waits = waits.filter(|entry| entry["kind"] == "waited");
    let waits = waits.map(|entry| text(entry, "message").to_owned());
    (done["stats"]["contacts"].clone(), waits.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gathers_a_long_list_and_finds_records_as_pages_left_them() {
    let folder = tempfile::tempdir().unwrap();
    let (rail, salesforce, id) = with_salesforce(folder.path()).await;
    let vendor = salesforce.vendor();
    let (stats, waits) = synced(&rail, &id, "FULL").await;
    assert_eq!(stats["created"], CONTACTS, "{stats}");
    assert!(!waits.is_empty());
    assert!(waits[0].contains("gathers contacts in a job"), "{waits:?}");
    assert_eq!(vendor.jobs(), 0);

    let contact = vendor.ids("contacts")[3].clone();
    let update = Mutation::Update {
        entity: "contacts".to_owned(),
        id: contact,
        patch: json!({"Title": "one\ntwo \"three\", \\ four"}),
    };
    vendor.mutate(update).unwrap();
    let (stats, waits) = synced(&rail, &id, "INCREMENTAL").await;
    assert_eq!(stats["updated"], 1, "{stats}");
    assert_eq!(waits, [""; 0], "what changed is listed in pages");

    let gone = Mutation::Delete {
        entity: "contacts".to_owned(),
        id: vendor.ids("contacts")[4].clone(),
    };
    vendor.mutate(gone).unwrap();
    let (stats, waits) = synced(&rail, &id, "FULL").await;
    assert_eq!(
        (&stats["unchanged"], &stats["deleted"]),
        (&json!(CONTACTS - 1), &json!(1)),
        "{stats}"
    );
    assert!(!waits.is_empty());

    let (stats, waits) = synced(&rail, &id, "SNAPSHOT").await;
    assert_eq!(stats["fetched"], CONTACTS - 1, "{stats}");
    assert!(!waits.is_empty());
    assert_eq!(vendor.jobs(), 0);
}
