//! The platform's own records: put in, read, exported, deleted.

use std::fs;

use rail_shared::domain::Scope;
use rail_tests::harness::{Answer, Caller, Rail, send, text};
use rail_tests::wait::{SOON, wait_until};
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

async fn put(caller: &Caller, path: &str, media_type: &str, body: impl Into<Body>) -> Answer {
    let request = caller.request(Method::PUT, &format!("/records/{path}"));
    send(request.header("content-type", media_type).body(body)).await
}

/// fetched, created, updated, unchanged, errors
fn counts(put: &Value) -> [u64; 5] {
    ["fetched", "created", "updated", "unchanged", "errors"].map(|name| put[name].as_u64().unwrap())
}

async fn listed(caller: &Caller, path: &str) -> Vec<Value> {
    let data = caller.get(path).await.expect(200);
    data.as_array().unwrap().clone()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(row, "externalId")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_is_stored_counted_and_the_same_again_changes_nothing() {
    let rail = Rail::builder().workers(0).start().await;
    let lines = "{\"id\":\"C-1\",\"value\":10.50,\"createdAt\":\"2025-01-02T03:04:05Z\"}\n\n{\"id\":2,\"value\":1}\n";
    let first = put(&rail.caller, "contracts", NDJSON, lines)
        .await
        .expect(200);
    assert_eq!(counts(&first), [2, 2, 0, 0, 0], "{first}");

    let again = r#" [ {"value": 1, "id": 2}, {"id":"C-1","createdAt":"2025-01-02T03:04:05Z","value":10.50} ] "#;
    let again = put(&rail.caller, "contracts", JSON, again)
        .await
        .expect(200);
    assert_eq!(counts(&again), [2, 0, 0, 2, 0], "{again}");

    let changed = r#"[{"id":"C-1","value":11},{"id":"C-3"},{"id":"C-3","x":1}]"#;
    let changed = put(&rail.caller, "contracts", JSON, changed)
        .await
        .expect(200);
    assert_eq!(
        counts(&changed),
        [3, 1, 2, 0, 0],
        "the second C-3 changes the first: {changed}"
    );

    let rows = listed(&rail.caller, "/records/contracts").await;
    assert_eq!(ids(&rows), ["2", "C-1", "C-3"]);
    assert_eq!(rows[1]["record"]["value"], 11);
    assert_eq!(rows[1]["createdAt"], "2025-01-02T03:04:05Z");
    assert_eq!(
        (&rows[1]["connectionId"], &rows[1]["syncId"]),
        (&Value::Null, &Value::Null)
    );
    let audited =
        "SELECT count(*) FROM audit_log WHERE action = 'records.put' AND subject = 'contracts'";
    assert_eq!(rail.database.ask(audited).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_stored_stops_no_other_and_is_named() {
    let rail = Rail::builder().workers(0).start().await;
    let mut body = b"{\"no\":{\"id\":\"a\"}}\nnot json\n[1]\n{\"id\":\"a\"}\n{\"no\":{\"id\":\"b\"},\"x\":\"\\u0000\"}\n".to_vec();
    body.extend(b"{\"no\":{\"id\":\"\xff\"}}\n{\"no\":{\"id\":\"c\"}}");

    let done = put(&rail.caller, "deals?idField=/no/id", NDJSON, body)
        .await
        .expect(200);

    assert_eq!(counts(&done), [7, 2, 0, 0, 5], "{done}");
    let errors = done["recordErrors"].as_array().unwrap();
    let told: Vec<String> = errors
        .iter()
        .map(|error| {
            format!(
                "{} {} {}",
                error["place"],
                error["externalId"],
                text(error, "code")
            )
        })
        .collect();
    let expected = [
        "2 null not-an-object",
        "3 null not-an-object",
        "4 null no-id",
        "5 \"b\" nul-character",
        "6 null not-utf8",
    ];
    assert_eq!(told, expected);
    assert_eq!(
        ids(&listed(&rail.caller, "/records/deals").await),
        ["a", "c"]
    );

    let bad: String = (0..150).map(|_| "{}\n").collect();
    let done = put(&rail.caller, "deals", NDJSON, bad).await.expect(200);
    assert_eq!(done["errors"], 150);
    assert_eq!(done["recordErrors"].as_array().unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_says_how_much_of_it_is_stored() {
    let rail = Rail::builder().workers(0).start().await;
    let many: Vec<String> = (0..2_500).map(|id| format!("{{\"id\":{id}}}")).collect();
    let array = format!("[{},{{\"id\":", many.join(","));
    let lines = format!("{}\n{{\"id\":", many.join("\n"));
    for (entity, media_type, body) in [("one", JSON, array), ("two", NDJSON, lines)] {
        let answer = put(&rail.caller, entity, media_type, body).await;
        assert_eq!(answer.problem(400), "malformed-json");
        assert_eq!(answer.body["committed"], 2_500);
        let stored = "SELECT count(*) FROM records JOIN streams ON id = stream_id WHERE entity =";
        assert_eq!(
            rail.database.ask(&format!("{stored} '{entity}'")).await,
            2_500
        );
    }
    let broken = put(&rail.caller, "three", JSON, "[{\"id\":1},{\"id\":}]").await;
    assert_eq!(broken.problem(400), "malformed-json");
    assert_eq!(broken.body["committed"], 1);
    // Nothing of a body that was never one, not even its entity.
    let none = put(&rail.caller, "four", JSON, "{\"id\":1}").await;
    assert_eq!(
        (none.problem(400), &none.body["committed"]),
        ("malformed-json", &json!(0))
    );
    assert_eq!(
        rail.caller.get("/records/four").await.problem(404),
        "not-found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_refused_before_it_is_read_where_it_cannot_be_taken() {
    let rail = Rail::builder().workers(0).start().await;
    for (path, media_type, status, code) in [
        ("contracts", "text/csv", 415, "unsupported-media-type"),
        ("Contracts", JSON, 404, "not-found"),
        ("con%2Ftracts", JSON, 404, "not-found"),
        ("contracts?idField=id", JSON, 422, "bad-parameter"),
    ] {
        let answer = put(&rail.caller, path, media_type, "[]").await;
        assert_eq!(answer.problem(status), code, "{path}");
    }
    let reader = rail.caller_of("default", &[Scope::Read]).await;
    let answer = put(&reader, "contracts", JSON, "[]").await;
    assert_eq!(answer.problem(403), "insufficient-scope");
    assert_eq!(rail.database.ask("SELECT count(*) FROM streams").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_one_entity_at_the_same_time_neither_block_nor_lose() {
    let rail = Rail::builder().workers(0).start().await;
    let bodies = (0..8_u64).map(|writer| {
        // Each holds the same ids in another order.
        let mut ids: Vec<u64> = (0..3_000).collect();
        ids.rotate_left(usize::try_from(writer).unwrap() * 375);
        if writer % 2 == 1 {
            ids.reverse();
        }
        let lines = ids
            .iter()
            .map(|id| format!("{{\"id\":{id},\"by\":{writer}}}\n"));
        put(&rail.caller, "contracts", NDJSON, lines.collect::<String>())
    });
    let done = futures::future::join_all(bodies).await;
    let mut created = 0;
    for answer in done {
        let [fetched, new, _, _, errors] = counts(&answer.expect(200));
        assert_eq!((fetched, errors), (3_000, 0));
        created += new;
    }
    assert_eq!(created, 3_000, "each was created once");
    let writers = "SELECT count(DISTINCT payload ->> 'by') FROM records";
    assert_eq!(
        rail.database.ask(writers).await,
        1,
        "the request that began last won throughout"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_put_in_as_it_is_stored_is_not_written_at_all() {
    let rail = Rail::builder().workers(0).start().await;
    let body = r#"[{"id":"C-1","value":1}]"#;
    let _ = put(&rail.caller, "contracts", JSON, body).await.expect(200);
    let row = "SELECT xmin::text || ctid::text || as_of::text FROM records";
    let written = rail.database.ask(row).await;

    let again = put(&rail.caller, "contracts", JSON, body).await.expect(200);

    assert_eq!(counts(&again), [1, 0, 0, 1, 0]);
    assert_eq!(
        rail.database.ask(row).await,
        written,
        "not even its instant, which would cost what storing it does"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_it_is_too_long_is_refused_at_once() {
    let rail = Rail::builder().workers(0).start().await;
    let request = rail.caller.request(Method::PUT, "/records/contracts");
    let request = request.build().unwrap();
    let key = request.headers()["authorization"].to_str().unwrap();
    let (path, url) = (request.url().path(), rail.url());
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: rail\r\nAuthorization: {key}\r\nContent-Type: {NDJSON}\r\nContent-Length: {}\r\n\r\n",
        1024 * 1024 * 1024 + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();

    let mut answer = [0; 12];
    timeout(SOON, stream.read_exact(&mut answer))
        .await
        .expect("an answer before the body")
        .unwrap();

    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(rail.database.ask("SELECT count(*) FROM streams").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_bodies_are_read_at_once_and_the_next_waits_for_one_of_them_to_end() {
    let rail = Rail::builder().workers(0).start().await;
    let mut open = Vec::new();
    for n in 0..16 {
        let (sender, parts) = futures::channel::mpsc::unbounded::<std::io::Result<String>>();
        let entity = format!("entity_{n}");
        let caller = rail.caller.clone();
        let body = Body::wrap_stream(parts);
        let putting =
            tokio::spawn(async move { put(&caller, &entity, NDJSON, body).await.expect(200) });
        // So many lines that some are committed: it has its place.
        let lines: String = (0..1_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
        sender.unbounded_send(Ok(lines)).unwrap();
        open.push((sender, putting));
    }
    wait_until(SOON, "all sixteen are being read", async || {
        rail.database.ask("SELECT count(*) FROM records").await == 16_000
    })
    .await;

    let caller = rail.caller.clone();
    let next = tokio::spawn(async move { put(&caller, "next", NDJSON, "{\"id\":1}").await });
    // What comes later than that one, and needs no place, is answered meanwhile.
    for _ in 0..20 {
        let _ = rail.caller.get("/records/contracts").await.expect(200);
    }
    assert!(!next.is_finished(), "there is no place for it");
    let (sender, putting) = open.pop().unwrap();
    drop(sender);

    assert_eq!(counts(&putting.await.unwrap()), [1_000, 1_000, 0, 0, 0]);
    let next = next.await.unwrap().expect(200);
    assert_eq!(counts(&next), [1, 1, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_is_read_and_deleted_by_its_id_however_odd() {
    let rail = Rail::builder().workers(0).start().await;
    let id = "a/b c?&#%2Fü\"";
    let _ = put(
        &rail.caller,
        "contracts",
        JSON,
        json!([{"id": id}, {"id": "b"}]).to_string(),
    )
    .await
    .expect(200);
    let one = |caller: &Caller, method, id: &str| {
        send(
            caller
                .request(method, "/records/contracts/record")
                .query(&[("externalId", id)]),
        )
    };

    let found = one(&rail.caller, Method::GET, id).await.expect(200);
    assert_eq!(
        (text(&found, "externalId"), &found["deletedAt"]),
        (id, &Value::Null)
    );
    let other = rail.caller_of("other", Scope::ALL).await;
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(
            one(&other, method.clone(), id).await.problem(404),
            "not-found"
        );
        for none in ["c", "", "\0"] {
            assert_eq!(
                one(&rail.caller, method.clone(), none).await.problem(404),
                "not-found"
            );
        }
    }

    assert_eq!(one(&rail.caller, Method::DELETE, id).await.status, 204);
    assert_eq!(
        one(&rail.caller, Method::DELETE, id).await.problem(404),
        "not-found"
    );
    let gone = one(&rail.caller, Method::GET, id).await.expect(200);
    assert!(
        gone["deletedAt"].is_string() && gone["record"]["id"] == id,
        "{gone}"
    );
    assert_eq!(
        ids(&listed(&rail.caller, "/records/contracts").await),
        ["b"]
    );

    let back = put(
        &rail.caller,
        "contracts",
        JSON,
        json!([{"id": id}]).to_string(),
    )
    .await
    .expect(200);
    assert_eq!(counts(&back), [1, 1, 0, 0, 0], "put in again, it is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_was_only_put_in_is_listed_and_exported_and_its_tenants_alone() {
    let rail = Rail::builder().start().await;
    let export = json!({"name": "Own", "format": "CSV", "entities": ["leases_of_ours"],
        "filter": {"status": "ACTIVE"}, "destination": {"type": "LOCAL", "path": "own"}});
    let unknown = rail.caller.post("/exports", &export).await;
    assert_eq!(unknown.faults(), ["/entities/0 unknown-entity"]);
    assert_eq!(
        rail.caller
            .get("/records/leases_of_ours")
            .await
            .problem(404),
        "not-found"
    );

    let body = r#"[{"id":"1","status":"ACTIVE"},{"id":"2","status":"ENDED"}]"#;
    let _ = put(&rail.caller, "leases_of_ours", JSON, body)
        .await
        .expect(200);

    let run = rail.export(&export).await;
    assert_eq!(run["status"], "COMPLETED", "{run}");
    let name = text(&run["files"][0], "path")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let file = fs::read_to_string(rail.export_dir().join("own").join(name)).unwrap();
    assert!(file.contains("ACTIVE") && !file.contains("ENDED"), "{file}");
    let other = rail.caller_of("other", Scope::ALL).await;
    assert_eq!(
        other.get("/records/leases_of_ours").await.problem(404),
        "not-found"
    );
    assert_eq!(
        other.post("/exports", &export).await.faults(),
        ["/entities/0 unknown-entity"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filtered_says_which_sync_changed_a_record_and_goes_on_over_connections() {
    let rail = Rail::builder().customers(30).start().await;
    let connections = [rail.connect_stripe().await, rail.connect_stripe().await];
    let mut syncs = Vec::new();
    for connection in &connections {
        let done = rail
            .sync(
                connection,
                &json!({"entities": ["customers"], "mode": "FULL"}),
            )
            .await;
        syncs.push(text(&done, "syncId").to_owned());
    }
    let _ = put(
        &rail.caller,
        "customers",
        JSON,
        r#"[{"id":"own","total":12.5},{"id":"poor","total":2}]"#,
    )
    .await
    .expect(200);

    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = rail
            .caller
            .get(&format!("/records/customers?limit=7{cursor}"))
            .await;
        rows.extend(answer.body["data"].as_array().unwrap().clone());
        match answer.body["page"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(rows.len(), 62);
    let of = |row: &Value, name| row[name].as_str().map(str::to_owned);
    for (connection, sync) in connections.iter().zip(&syncs) {
        let own: Vec<_> = rows
            .iter()
            .filter(|row| of(row, "connectionId").as_ref() == Some(connection))
            .collect();
        assert_eq!(own.len(), 30);
        assert!(
            own.iter()
                .all(|row| of(row, "syncId").as_ref() == Some(sync))
        );
        assert!(own.is_sorted_by_key(|row| text(row, "externalId")));
    }
    let filtered = |filter: &str, more: &str| {
        let path = format!("/records/customers?limit=200{more}");
        send(
            rail.caller
                .request(Method::GET, &path)
                .query(&[("filter", filter)]),
        )
    };
    let found = filtered(r#"{"total":{"gt":10}}"#, "").await.expect(200);
    assert_eq!(ids(found.as_array().unwrap()), ["own"]);
    let more = format!("&connectionId={}", connections[0]);
    let found = filtered(r#"{"object":"customer"}"#, &more)
        .await
        .expect(200);
    assert_eq!(found.as_array().unwrap().len(), 30);

    let faulty = filtered(
        r#"{"total":{"like":1},"name":{"gt":true}}"#,
        "&cursor=nonsense",
    )
    .await;
    let faults = faulty.faults();
    assert!(
        faults.contains(&"cursor bad-cursor".to_owned()),
        "{faults:?}"
    );
    assert_eq!(
        faults
            .iter()
            .filter(|fault| fault.starts_with("/filter/"))
            .count(),
        2,
        "{faults:?}"
    );
    for bad in ["{", "[]", r#"{"a":"\u0000"}"#] {
        assert_eq!(filtered(bad, "").await.status, 422, "{bad}");
    }
}
