//! The feed of changes: whoever follows it ends with what is stored, however writers and readers meet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use rail_shared::domain::{Clock, Presence, ReadFrom, Scope, Ties};
use rail_shared::store::changes::prune;
use rail_shared::store::records::{NewRecord, Versions, upsert};
use rail_shared::store::{api_keys, streams};
use rail_tests::draw::Draw;
use rail_tests::harness::{Caller, Rail, send, text};
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

/// What a consumer keeps of each record: the record itself, and since when it is gone.
type State = BTreeMap<(String, String), (Value, Value)>;

fn key_of(row: &Value) -> (String, String) {
    (
        row["connectionId"].to_string(),
        text(row, "externalId").to_owned(),
    )
}

fn kept_of(row: &Value) -> (Value, Value) {
    (row["record"].clone(), row["deletedAt"].clone())
}

/// Somebody who follows a feed.
struct Consumer {
    caller: Caller,
    entity: &'static str,
    /// Added to every question.
    query: String,
    cursor: Option<String>,
    state: State,
    /// What the last answers told, as `ADDED id`.
    told: Vec<String>,
}

impl Consumer {
    fn new(rail: &Rail, entity: &'static str, query: &str) -> Self {
        Self {
            caller: rail.caller.clone(),
            entity,
            query: query.to_owned(),
            cursor: None,
            state: State::new(),
            told: Vec::new(),
        }
    }

    /// Asks once; returns whether there is more.
    async fn ask(&mut self) -> bool {
        let after = self.cursor.iter().map(|cursor| format!("&after={cursor}"));
        let path = format!(
            "/records/{}/changes?{}{}",
            self.entity,
            self.query,
            after.collect::<String>()
        );
        let answer = self.caller.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        for row in answer.body["data"].as_array().unwrap() {
            let change = text(row, "change");
            assert_eq!(change == "DELETED", !row["deletedAt"].is_null());
            let had = self.state.insert(key_of(row), kept_of(row));
            assert!(
                change != "UPDATED" || had.is_some(),
                "UPDATED of what was never here: {row}"
            );
            self.told
                .push(format!("{change} {}", text(row, "externalId")));
        }
        self.cursor = Some(text(&answer.body["page"], "nextCursor").to_owned());
        answer.body["page"]["hasMore"].as_bool().unwrap()
    }

    /// Asks to the end; returns what was told.
    async fn catch_up(&mut self) -> Vec<String> {
        while self.ask().await {}
        std::mem::take(&mut self.told)
    }
}

/// What is stored, as the list shows it.
async fn stored(rail: &Rail, entity: &str, query: &str) -> State {
    let (mut state, mut cursor) = (State::new(), String::new());
    loop {
        let path = format!("/records/{entity}?includeDeleted=true&limit=200{query}{cursor}");
        let answer = rail.caller.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let rows = answer.body["data"].as_array().unwrap();
        state.extend(rows.iter().map(|row| (key_of(row), kept_of(row))));
        match answer.body["page"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return state,
        }
    }
}

async fn put(rail: &Rail, entity: &str, records: &Value) -> Value {
    let request = rail
        .caller
        .request(Method::PUT, &format!("/records/{entity}"));
    send(request.json(records)).await.expect(200)
}

async fn delete(rail: &Rail, entity: &str, id: &str) {
    let path = format!("/records/{entity}/record?externalId={id}");
    assert_eq!(rail.caller.delete(&path).await.status, 204);
}

fn records(ids: impl IntoIterator<Item = u64>, version: u64) -> Value {
    ids.into_iter()
        .map(|id| json!({"id": format!("r{id:03}"), "version": version}))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_tells_each_record_at_its_latest_change_and_always_where_to_go_on() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail, "contracts", &records(1..=3, 1)).await;
    let mut consumer = Consumer::new(&rail, "contracts", "limit=2");

    assert_eq!(
        consumer.catch_up().await,
        ["ADDED r001", "ADDED r002", "ADDED r003"]
    );
    assert_eq!(consumer.catch_up().await, [""; 0]);

    put(&rail, "contracts", &records([2], 2)).await;
    put(&rail, "contracts", &records([4], 1)).await;
    put(&rail, "contracts", &records([4], 2)).await;
    delete(&rail, "contracts", "r001").await;
    put(&rail, "contracts", &records([2], 3)).await;
    assert_eq!(
        consumer.catch_up().await,
        ["ADDED r004", "DELETED r001", "UPDATED r002"],
        "what came and changed since is new"
    );

    put(&rail, "contracts", &records([1], 9)).await;
    assert_eq!(consumer.catch_up().await, ["ADDED r001"], "it came back");
    put(&rail, "contracts", &records([1], 9)).await;
    assert_eq!(consumer.catch_up().await, [""; 0], "nothing changed");
    assert_eq!(consumer.state, stored(&rail, "contracts", "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_while_many_write_ends_with_what_is_stored() {
    const WRITERS: u64 = 6;
    const ROUNDS: u64 = 25;
    let rail = Rail::builder().customers(150).start().await;
    put(&rail, "customers", &json!([])).await;
    let connections = join_all((0..2).map(|_| rail.connect_stripe())).await;
    let writing = AtomicUsize::new(WRITERS as usize + connections.len());

    let writers = (0..WRITERS).map(async |writer| {
        let mut draw = Draw::new(4, 4, writer);
        for round in 0..ROUNDS {
            // The writers' records overlap, and some batches change nothing.
            let ids: Vec<u64> = (0..draw.below(12)).map(|_| draw.below(60)).collect();
            put(&rail, "customers", &records(ids, round % 7)).await;
            if draw.below(4) == 0 {
                let path = format!(
                    "/records/customers/record?externalId=r{:03}",
                    draw.below(60)
                );
                let status = rail.caller.delete(&path).await.status;
                assert!(matches!(status, 204 | 404), "{status}");
            }
        }
        writing.fetch_sub(1, Ordering::SeqCst);
    });
    let syncs = connections.iter().map(async |connection| {
        for _ in 0..2 {
            let done = rail
                .sync(
                    connection,
                    &json!({"entities": ["customers"], "mode": "FULL"}),
                )
                .await;
            assert_eq!(done["status"], "COMPLETED", "{done}");
            for id in &rail.sandbox.stripe().ids("customers")[..5] {
                rail.sandbox.stripe().update("customers", id, |customer| {
                    customer["balance"] = json!(customer["balance"].as_i64().unwrap_or(0) + 1);
                });
            }
        }
        writing.fetch_sub(1, Ordering::SeqCst);
    });
    let consumers = (1..=3).map(async |limit| {
        let mut consumer = Consumer::new(&rail, "customers", &format!("limit={}", limit * 7));
        while writing.load(Ordering::SeqCst) > 0 {
            consumer.ask().await;
        }
        consumer.catch_up().await;
        consumer.state
    });
    let of_one = async {
        let query = format!("connectionId={}&limit=10", connections[0]);
        let mut consumer = Consumer::new(&rail, "customers", &query);
        while writing.load(Ordering::SeqCst) > 0 {
            consumer.ask().await;
        }
        consumer.catch_up().await;
        consumer.state
    };
    let (_, _, states, of_one) = futures::join!(
        join_all(writers),
        join_all(syncs),
        join_all(consumers),
        of_one
    );

    let expected = stored(&rail, "customers", "").await;
    assert!(expected.len() > 300, "{}", expected.len());
    for state in states {
        let differ: Vec<_> = expected
            .keys()
            .filter(|key| state.get(*key) != expected.get(*key))
            .collect();
        assert_eq!(differ, Vec::<&(String, String)>::new());
        assert_eq!(state.len(), expected.len());
    }
    let query = format!("&connectionId={}", connections[0]);
    assert_eq!(of_one, stored(&rail, "customers", &query).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_later_is_told_later_though_it_was_begun_earlier() {
    let rail = Rail::builder().workers(0).start().await;
    let store = rail.database.unhurried();
    let mut streams = Vec::new();
    let tenant = {
        let mut conn = store.connect().await.unwrap();
        let tenant = api_keys::ensure_tenant(&mut conn, "default").await.unwrap();
        for _ in 0..2 {
            let connection = rail.connect_stripe().await.parse().unwrap();
            let stream = streams::ensure(&mut conn, tenant, connection, "customers").await;
            streams.push(stream.unwrap().id);
        }
        tenant
    };
    let mut consumer = Consumer::new(&rail, "customers", "limit=2");
    let record = |external_id| NewRecord {
        external_id,
        payload: "{}",
        fingerprint: [1; 16],
        created_at: None,
        updated_at: None,
        as_of: Clock::system().now(),
        presence: Presence::Here,
    };
    let (first, second) = (&[record("first")], &[record("second")]);
    let versions = |stream_id, records| Versions {
        tenant_id: tenant,
        entity: "customers",
        stream_id,
        sync_id: None,
        records,
        ties: Ties::TakeNew,
        read_from: ReadFrom::List,
    };
    let (mut early, mut late) = (store.begin().await.unwrap(), store.begin().await.unwrap());

    let of_early = upsert(&mut early, &versions(streams[0], first))
        .await
        .unwrap();
    let of_late = upsert(&mut late, &versions(streams[1], second))
        .await
        .unwrap();
    of_late.change_set.unwrap().close(&mut late).await.unwrap();
    late.commit().await.unwrap();
    assert_eq!(consumer.catch_up().await, ["ADDED second"]);
    of_early
        .change_set
        .unwrap()
        .close(&mut early)
        .await
        .unwrap();
    early.commit().await.unwrap();

    assert_eq!(consumer.catch_up().await, ["ADDED first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_change_sets_leave_no_gap_and_no_lie() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail, "contracts", &records(1..=2, 1)).await;
    let mut consumer = Consumer::new(&rail, "contracts", "limit=2");
    consumer.catch_up().await;
    let mut late = Consumer::new(&rail, "contracts", "limit=2");
    late.cursor.clone_from(&consumer.cursor);
    late.state.clone_from(&consumer.state);
    for version in 2..30 {
        put(&rail, "contracts", &records([1, 2], version)).await;
    }
    put(&rail, "contracts", &records([3], 1)).await;
    put(&rail, "contracts", &records([3], 2)).await;
    consumer.catch_up().await;

    // Fresh ones stay; older ones go, but for those that a record belongs to.
    let mut conn = rail.database.store().begin().await.unwrap();
    assert_eq!(prune(&mut conn, 0, 100).await.unwrap().removed, 0);
    conn.commit().await.unwrap();
    rail.database
        .run("UPDATE change_sets SET at = at - interval '2 hours'")
        .await;
    let (mut after, mut removed) = (0, 0);
    loop {
        let mut conn = rail.database.store().begin().await.unwrap();
        let pruned = prune(&mut conn, after, 10).await.unwrap();
        conn.commit().await.unwrap();
        removed += pruned.removed;
        match pruned.last {
            Some(last) => after = last,
            None => break,
        }
    }
    assert_eq!(removed, 29, "of 31");
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM change_sets").await,
        2
    );

    put(&rail, "contracts", &records([2], 99)).await;
    assert_eq!(consumer.catch_up().await, ["UPDATED r002"]);
    // Who stood before what was pruned is not told UPDATED of what it never had.
    late.catch_up().await;
    let mut new = Consumer::new(&rail, "contracts", "limit=1");
    let told = new.catch_up().await;
    assert!(
        told.iter().all(|told| told.starts_with("ADDED")),
        "{told:?}"
    );
    let expected = stored(&rail, "contracts", "").await;
    for state in [consumer.state, late.state, new.state] {
        assert_eq!(state, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_prunes_what_is_old_and_empty() {
    let rail = Rail::builder().workers(0).start().await;
    for version in 1..=5 {
        put(&rail, "contracts", &records([1], version)).await;
    }
    rail.database
        .run("UPDATE change_sets SET at = at - interval '2 hours'")
        .await;

    rail.start_worker();

    wait_until(SOON, "four of five to go", async || {
        rail.database.ask("SELECT count(*) FROM change_sets").await == 1
    })
    .await;
    assert_eq!(
        rail.database
            .ask("SELECT pruned_to FROM change_counters")
            .await,
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_no_feed_gave_is_refused_and_other_tenants_have_feeds_of_their_own() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail, "contracts", &records(1..=3, 1)).await;
    // Nonsense, and a place that is ahead: 0:99:
    for cursor in ["nonsense", "MDo5OTo"] {
        let answer = rail
            .caller
            .get(&format!("/records/contracts/changes?after={cursor}"))
            .await;
        assert_eq!(answer.problem(422), "bad-cursor");
        assert_eq!(answer.faults(), ["after bad-cursor"]);
    }
    let other = rail.caller_of("other", Scope::ALL).await;
    let answer = other.get("/records/contracts/changes").await;
    assert_eq!(answer.body["data"], json!([]), "{}", answer.text);
    assert_eq!(answer.body["page"]["hasMore"], false);
    let unknown = rail.caller.get("/records/never_heard_of/changes").await;
    assert_eq!(unknown.problem(404), "not-found");
}
