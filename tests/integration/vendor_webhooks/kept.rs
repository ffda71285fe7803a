//! Much that is kept makes no webhook, and no round of upkeep, read more of it.

use std::collections::BTreeSet;

use diesel_async::SimpleAsyncConnection;
use rail_shared::domain::ConnectionId;
use rail_shared::store::Store;
use rail_shared::store::told_changes::{self, ToldEvent};
use rail_tests::harness::Rail;
use serde_json::Value;

use super::connect;

const MANY: &str = "\
    INSERT INTO told_changes (connection_id, entity, external_id)
    SELECT id, 'customers', 'r' || n FROM connections, generate_series(1, 20000) n;
    INSERT INTO inbound_events (connection_id, digest, settled)
    SELECT id, sha256(n::text::bytea), true FROM connections, generate_series(1, 20000) n";

/// How many rows of both tables were read until now.
async fn rows_read(rail: &Rail, store: &Store) -> i64 {
    let mut conn = store.connect().await.unwrap();
    let flush = "SELECT pg_stat_force_next_flush()";
    conn.batch_execute(flush).await.unwrap();
    drop(conn);
    let read = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
                WHERE relname IN ('told_changes', 'inbound_events')";
    rail.database.ask(read).await.as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_noted_and_found_by_key_however_much_waits() {
    let rail = Rail::builder().workers(0).start().await;
    let paused = connect(&rail).await;
    let paused = format!("/connections/{paused}/pause");
    assert_eq!(rail.caller.post(&paused, &Value::Null).await.status, 200);
    // One session, whose plans are made while there is nothing.
    let store = Store::new(&rail.database.url().as_str().into(), 1).unwrap();
    let mut conn = store.connect().await.unwrap();
    let generic = "SET plan_cache_mode = force_generic_plan";
    conn.batch_execute(generic).await.unwrap();
    drop(conn);
    let other: ConnectionId = connect(&rail).await.parse().unwrap();
    let round = async |number: u8| {
        let mut conn = store.connect().await.unwrap();
        let changes =
            ["cus_1", "cus_2"].map(|id| ("customers".to_owned(), Some(format!("{id}_{number}"))));
        let event = ToldEvent {
            digest: [number; 32],
            settled: true,
            changes: BTreeSet::from(changes),
        };
        assert_eq!(
            told_changes::note(&mut conn, other, &[event])
                .await
                .unwrap(),
            1
        );
        told_changes::settle_ended(&mut conn, 100).await.unwrap();
        let found = told_changes::startable(&mut conn, &["stripe"], 100).await;
        let found = found.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].connection_id, other);
    };
    round(1).await;
    let only_paused = MANY.replace(
        "FROM connections,",
        "FROM (SELECT id FROM connections WHERE status = 'PAUSED') c,",
    );
    rail.database.run(&only_paused).await;
    let before = rows_read(&rail, &store).await;

    round(2).await;

    let read = rows_read(&rail, &store).await - before;
    assert!(read < 50, "{read} rows were read for one webhook");
}
