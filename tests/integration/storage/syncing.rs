//! Whole syncs: what is stored, counted and deleted.

use rail_shared::domain::Clock;
use rail_tests::harness::{Builder, Rail, text};
use rail_tests::stores::ObjectStore;
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Map, Value, json};

/// The product with this store as the operator's address of its connector.
pub(super) async fn rail_for(store: &ObjectStore) -> Rail {
    builder_for(store).start().await
}

pub(super) fn builder_for(store: &ObjectStore) -> Builder {
    let name = format!(
        "RAIL_CONNECTOR_{}_BASE_URL",
        store.connector().to_uppercase()
    );
    Rail::builder().variable(&name, store.base_url())
}

pub(super) async fn connect(
    rail: &Rail,
    connector: &str,
    credentials: &Map<String, Value>,
    config: &Value,
) -> String {
    let body = json!({
        "connectorId": connector, "name": "Files", "credentials": credentials, "config": config,
    });
    let made = rail.caller.post("/connections", &body).await.expect(201);
    text(&made, "connectionId").to_owned()
}

async fn synced(rail: &Rail, connection: &str, mode: &str) -> Value {
    let body = json!({ "mode": mode, "maxDeleteFraction": 1.0 });
    let done = rail.sync(connection, &body).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    done["stats"].clone()
}

/// created, updated, deleted, unchanged, errors.
fn counts(stats: &Value, entity: &str) -> [u64; 5] {
    ["created", "updated", "deleted", "unchanged", "errors"]
        .map(|name| stats[entity][name].as_u64().unwrap())
}

async fn open_errors(rail: &Rail, connection: &str) -> Vec<(String, Value)> {
    let errors = rail
        .caller
        .get(&format!("/connections/{connection}/errors"))
        .await
        .expect(200);
    let error = |error: &Value| (text(error, "code").to_owned(), error["externalId"].clone());
    errors.as_array().unwrap().iter().map(error).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_and_their_rows_are_stored_followed_and_deleted() {
    for mut store in ObjectStore::all().await {
        let rail = rail_for(&store).await;
        store.put("in/customers.csv", "id,name\n1,one\n2,two\n");
        store.put(
            "in/orders.json",
            r#"[{"id":"o1","total":1.10},{"id":"o2","total":2.20}]"#,
        );
        store.put("in/picture.png", [0, 1, 2]);
        store.put("out/other.csv", "id,name\n9,nine\n");
        let config = json!({ "prefix": "in/", "id": "id" });
        let connection = connect(&rail, store.connector(), store.credentials(), &config).await;

        let stats = synced(&rail, &connection, "FULL").await;
        assert_eq!(
            counts(&stats, "objects"),
            [3, 0, 0, 0, 0],
            "{}",
            store.connector()
        );
        assert_eq!(counts(&stats, "rows"), [4, 0, 0, 0, 0]);

        // Nothing happened.
        let stats = synced(&rail, &connection, "INCREMENTAL").await;
        assert_eq!(counts(&stats, "objects"), [0, 0, 0, 3, 0]);
        assert_eq!(
            counts(&stats, "rows"),
            [0, 0, 0, 4, 0],
            "within the lookback all is read again"
        );

        store.put("in/customers.csv", "id,name\n1,ONE\n3,three\n");
        store.put("in/more.ndjson", "{\"id\":\"m1\"}\n{\"id\":\"m2\"}\n");
        store.delete("in/orders.json");
        let stats = synced(&rail, &connection, "INCREMENTAL").await;
        assert_eq!(counts(&stats, "objects"), [1, 1, 1, 1, 0]);
        assert_eq!(
            counts(&stats, "rows"),
            [3, 1, 0, 0, 0],
            "what is gone shows in a whole walk"
        );

        let stats = synced(&rail, &connection, "FULL").await;
        assert_eq!(
            counts(&stats, "rows"),
            [0, 0, 3, 4, 0],
            "two orders, and a customer"
        );

        let record = rail
            .caller
            .get(&format!(
                "/records/rows/record?connectionId={connection}&externalId=1"
            ))
            .await
            .expect(200);
        assert!(record.to_string().contains("ONE"), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_is_an_error_that_a_good_one_resolves_and_deletes_nothing() {
    for mut store in ObjectStore::all().await {
        let rail = rail_for(&store).await;
        store.put("a.csv", "id\n1\n2\n");
        store.put("b.json", r#"[{"id":"b1"},{"id":"b2"}]"#);
        let config = json!({ "id": "id" });
        let connection = connect(&rail, store.connector(), store.credentials(), &config).await;
        synced(&rail, &connection, "FULL").await;

        store.put("b.json", r#"[{"id":"b1"},{"id":"#);
        store.put("a.csv", "id\n1\n2,ragged\n");
        let stats = synced(&rail, &connection, "FULL").await;
        assert_eq!(counts(&stats, "rows"), [0, 0, 0, 2, 2]);
        let errors = open_errors(&rail, &connection).await;
        assert!(
            errors.contains(&("unreadable-object".to_owned(), json!("b.json"))),
            "{errors:?}"
        );
        assert!(
            errors.contains(&("ragged-row".to_owned(), Value::Null)),
            "{errors:?}"
        );

        store.put("b.json", r#"[{"id":"b1"}]"#);
        store.put("a.csv", "id\n1\n2\n");
        // Stores date to the second: a sync that begins within the second of an error does not vouch for its end.
        let second = || Clock::system().now().timestamp();
        let that_of_the_errors = second();
        wait_until(SOON, "the next second", async || {
            second() > that_of_the_errors
        })
        .await;
        let stats = synced(&rail, &connection, "FULL").await;
        assert_eq!(counts(&stats, "rows"), [0, 0, 1, 3, 0], "b2 is gone now");
        assert_eq!(open_errors(&rail, &connection).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_within_a_file_leaves_the_rest_of_it_to_the_next() {
    for mut store in ObjectStore::all().await {
        let rail = builder_for(&store).workers(0).short_lease();
        let rail = rail.start().await;
        let lines = (0..30_000).map(|n| format!("{n},some text to make the line longer\n"));
        store.put("a.csv", format!("id,text\n{}", lines.collect::<String>()));
        let connection = connect(&rail, store.connector(), store.credentials(), &json!({})).await;
        let worker = rail.start_worker();
        let path = format!("/connections/{connection}/sync");
        let body = json!({ "entities": ["rows"], "mode": "FULL" });
        let accepted = rail.caller.post(&path, &body).await.expect(202);
        let path = format!("{path}/{}", text(&accepted, "syncId"));
        rail.until(&path, |sync| sync["progress"]["recordsFetched"] != 0)
            .await;
        worker.kill();

        rail.start_worker();
        let done = rail.ended(&path).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        assert_eq!(done["attempt"], 2, "{done}");
        assert_eq!(counts(&done["stats"], "rows"), [30_000, 0, 0, 0, 0]);
        assert_eq!(done["stats"]["rows"]["fetched"], 30_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_by_itself_stays_an_error_under_its_name_when_it_is_retried() {
    for mut store in ObjectStore::all().await {
        let rail = rail_for(&store).await;
        store.put("bad.json", r#"[{"id":"#);
        store.put("ragged.csv", "id\n1,2\n");
        // A listing has a key too.
        for (config, name) in [
            (json!({ "pattern": "*.json", "id": "key" }), "bad.json"),
            (json!({ "pattern": "*.csv" }), "ragged.csv#1"),
        ] {
            let connection = connect(&rail, store.connector(), store.credentials(), &config).await;
            synced(&rail, &connection, "FULL").await;
            let path = format!("/connections/{connection}/errors/retry");
            let accepted = rail.caller.post(&path, &Value::Null).await.expect(202);
            let sync = text(&accepted, "syncId");
            let done = rail
                .ended(&format!("/connections/{connection}/sync/{sync}"))
                .await;
            assert_eq!(done["status"], "COMPLETED", "{done}");

            let path = format!("/records/rows?connectionId={connection}");
            assert_eq!(rail.caller.get(&path).await.expect(200), json!([]));
            let errors = open_errors(&rail, &connection).await;
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|(_, id)| *id == name), "{errors:?}");
        }
    }
}
