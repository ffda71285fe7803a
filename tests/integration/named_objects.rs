//! Objects that a connector does not list, and a sync names.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::salesforce::{Entity, Salesforce};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Mutation, Sandbox, Vendor};
use serde_json::{Value, json};

const THINGS: u64 = 6;

/// The rail beside a fake Salesforce, and a connection to it.
async fn with_salesforce() -> (Rail, Sandbox<Salesforce>, String) {
    let salesforce = Start::new(5, THINGS * 10).serve(Salesforce::new);
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_SALESFORCE_BASE_URL", &salesforce.base_url())
        .start()
        .await;
    let body = json!({
        "connectorId": "salesforce", "name": "Our org", "credentials": salesforce.vendor().credentials(),
    });
    let made = rail.caller.post("/connections", &body).await.expect(201);
    let id = text(&made, "connectionId").to_owned();
    (rail, salesforce, id)
}

fn things(mode: &str) -> Value {
    json!({"entities": ["Thing__c"], "mode": mode})
}

async fn stored(rail: &Rail, path: &str) -> Vec<Value> {
    let listed = rail.caller.get(path).await.expect(200);
    listed.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_a_sync_names_is_synced_as_the_listed_ones_are() {
    let (rail, salesforce, id) = with_salesforce().await;
    let vendor = salesforce.vendor();
    let done = rail.sync(&id, &things("FULL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["Thing__c"]["created"], THINGS, "{done}");

    let ids = vendor.ids("Thing__c");
    let entity = "Thing__c".to_owned();
    let update = Mutation::Update {
        entity: entity.clone(),
        id: ids[1].clone(),
        patch: json!({"Notes__c": "looked at"}),
    };
    vendor.mutate(update).unwrap();
    let delete = Mutation::Delete {
        entity,
        id: ids[2].clone(),
    };
    vendor.mutate(delete).unwrap();
    let done = rail.sync(&id, &things("INCREMENTAL")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    let stats = &done["stats"]["Thing__c"];
    assert_eq!(
        (&stats["updated"], &stats["deleted"]),
        (&json!(1), &json!(1)),
        "{done}"
    );

    let rows = stored(&rail, "/records/Thing__c").await;
    assert_eq!(rows.len() as u64, THINGS - 1);
    let found = rows.iter().find(|row| row["externalId"] == ids[1].as_str());
    assert_eq!(found.unwrap()["record"]["Notes__c"], "looked at");
    let shown = format!("/connections/{id}/entities/Thing__c");
    let shown = rail.caller.get(&shown).await.expect(200);
    assert!(shown["through"].is_string(), "{shown}");

    let made = rail.sync(&id, &things("SNAPSHOT")).await;
    assert_eq!(made["status"], "COMPLETED", "{made}");
    // One of them lies in the recycle bin.
    assert_eq!(made["stats"]["Thing__c"]["fetched"], THINGS, "{made}");
    let run = json!({
        "name": "Things", "format": "CSV", "entities": ["Thing__c"], "destination": {"type": "LOCAL", "path": "things"},
    });
    let run = rail.export(&run).await;
    assert_eq!(run["status"], "COMPLETED", "{run}");
    let reset = format!("/connections/{id}/entities/Thing__c/reset");
    let reset = rail.caller.post(&reset, &Value::Null).await.expect(200);
    assert_eq!(reset["through"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_that_are_archived_are_neither_missed_nor_taken_for_deleted() {
    let (rail, salesforce, id) = with_salesforce().await;
    let vendor = salesforce.vendor();
    let held = vendor.holds("Task");
    let tasks = held.len() as u64;
    let (archived, at_hand): (Vec<_>, Vec<_>) = held
        .iter()
        .partition(|(_, task)| task["IsArchived"] == true);
    assert!(!archived.is_empty() && at_hand.len() > 1);
    let activities = |mode: &str| json!({"entities": ["Task"], "mode": mode});
    let synced = async |mode: &str| {
        let done = rail.sync(&id, &activities(mode)).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        let stats = &done["stats"]["Task"];
        ["created", "updated", "deleted"].map(|name| stats[name].as_u64().unwrap())
    };
    assert_eq!(synced("FULL").await, [tasks, 0, 0]);

    // One is archived, and one that was archived before is deleted.
    let entity = "Task".to_owned();
    let archive = Mutation::Update {
        entity: entity.clone(),
        id: at_hand[0].0.clone(),
        patch: json!({"IsArchived": true}),
    };
    vendor.mutate(archive).unwrap();
    let gone = archived[0].0.clone();
    let delete = Mutation::Delete { entity, id: gone };
    vendor.mutate(delete).unwrap();
    assert_eq!(synced("INCREMENTAL").await, [0, 1, 1]);
    assert_eq!(synced("FULL").await, [0, 0, 0]);
    let rows = stored(&rail, "/records/Task").await;
    assert_eq!(rows.len() as u64, tasks - 1);
    let found = rows
        .iter()
        .find(|row| row["externalId"] == at_hand[0].0.as_str());
    assert_eq!(found.unwrap()["record"]["IsArchived"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_there_fails_alone_and_a_name_that_is_none_is_refused() {
    let (rail, salesforce, id) = with_salesforce().await;
    salesforce.vendor().withhold(Entity::Thing);
    let named = json!({"entities": ["Thing__c", "contacts", "Nothing__c"], "mode": "FULL"});
    let done = rail.sync(&id, &named).await;
    assert_eq!(done["status"], "FAILED", "{done}");
    assert_eq!(done["error"]["kind"], "permission-denied", "{done}");
    assert_eq!(done["stats"]["contacts"]["created"], THINGS * 10, "{done}");

    let wrong = json!({"entities": ["Contact", "contacts", "Thing__c'--", "unicorns"]});
    let refused = rail
        .caller
        .post(&format!("/connections/{id}/sync"), &wrong)
        .await;
    let faults = refused.body["errors"].as_array().unwrap();
    let at: Vec<&str> = faults.iter().map(|fault| text(fault, "pointer")).collect();
    assert_eq!(at, ["/entities/0", "/entities/2", "/entities/3"]);
    assert_eq!(faults[0]["detail"], "Salesforce has this as contacts.");
    assert_eq!(refused.problem(422), "unknown-entity");

    let all = rail.caller.get("/connectors").await.expect(200);
    let all = all.as_array().unwrap();
    let others = |connector: &str| {
        let found = all.iter().find(|one| one["connectorId"] == connector);
        found.unwrap()["otherEntities"].clone()
    };
    assert!(text(&others("salesforce"), "pattern").contains("__"));
    assert_eq!(others("stripe"), Value::Null);
}
