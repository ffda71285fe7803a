//! How Postgres runs statements that it planned while the tables were empty: by key, however many records there are then. A
//! session keeps its plans, and statistics come a minute later.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rail_shared::domain::{
    Clock, ConnectionId, JobId, PayloadOf, Presence, ReadFrom, RecordErrorId, SyncId, Ties,
    Tolerance,
};
use rail_shared::store::record_errors::NewRecordError;
use rail_shared::store::records::{self, Batch, Gone, NewRecord, Read, Seen, Versions};
use rail_shared::store::snapshots::{self, Part};
use rail_shared::store::streams::{self, StreamRow};
use rail_shared::store::sweep::{self, Verdict, Walked};
use rail_shared::store::sync_log::Reading;
use rail_shared::store::{Lease, Store, changes, leases};
use rail_tests::harness::{Rail, text};
use rail_tests::wait::SOON;
use serde_json::{Value, json};

/// Many, compared with the few that a batch is about.
const MANY: &str = "\
    INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, changed_at, change_set, first_change_set)
    SELECT id, 'r' || n, '{}', '', now(), now() - interval '1 hour', 0, 0 FROM streams, generate_series(1, 20000) n";
const FEW: &str = "\
    INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, changed_at, change_set, first_change_set)
    SELECT id, 'old' || n, '{}', '', now(), now() - interval '1 hour', 0, 0 FROM streams, generate_series(1, 3) n";

/// Those that may grow long.
const TABLES: [&str; 4] = [
    "records",
    "record_errors",
    "record_versions",
    "snapshot_records",
];

/// A sync whose worker is this test, with one session that plans each statement once and for all.
struct Session {
    rail: Rail,
    store: Store,
    lease: Lease,
    stream: StreamRow,
}

impl Session {
    async fn start() -> Self {
        let rail = Rail::builder().workers(0).start().await;
        let stripe = rail.connect_stripe().await;
        let path = format!("/connections/{stripe}/sync");
        let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
        let sync: SyncId = text(&sync, "syncId").parse().unwrap();
        let connection: ConnectionId = stripe.parse().unwrap();
        let store = Store::new(&rail.database.url().as_str().into(), 1).unwrap();
        let mut conn = store.connect().await.unwrap();
        conn.batch_execute("SET plan_cache_mode = force_generic_plan")
            .await
            .unwrap();
        let claimed = leases::claim(&mut conn, &[(JobId::from(sync), 0)], "w", SOON * 4).await;
        let lease = claimed.unwrap().leases.pop().expect("it waits");
        let stream = streams::ensure(&mut conn, lease.tenant_id, connection, "customers").await;
        drop(conn);
        Self {
            rail,
            store,
            lease,
            stream: stream.unwrap(),
        }
    }

    /// A batch that holds a new record, one that is as it was, one that is gone, and one that cannot be stored.
    async fn commit(&self, as_of: DateTime<Utc>, part: Option<Part>) {
        let record = |external_id, fingerprint, presence| NewRecord {
            external_id,
            payload: "{}",
            fingerprint,
            created_at: None,
            updated_at: None,
            as_of,
            presence,
        };
        let gone = Gone {
            external_id: "gone",
            as_of,
        };
        let bad = NewRecordError {
            external_id: Some("bad"),
            code: "nul-character",
            message: "",
            as_of: Some(as_of),
            payload: b"{}",
            payload_of: PayloadOf::Record,
            truncated: false,
        };
        let batch = Batch {
            sync_id: self.lease.job_id.into(),
            versions: Versions {
                tenant_id: self.lease.tenant_id,
                entity: "customers",
                stream_id: self.stream.id,
                sync_id: Some(self.lease.job_id.into()),
                records: &[
                    record("same", [1; 16], Presence::Here),
                    record(
                        "gone",
                        RecordErrorId::new().uuid().into_bytes(),
                        Presence::Here,
                    ),
                    record("never", [2; 16], Presence::Gone),
                ],
                ties: Ties::TakeNew,
                read_from: ReadFrom::Feed,
            },
            gone: if part.is_none() { &[gone] } else { &[] },
            read: Read::InPages,
            rejected: &[bad],
            resolved: &[],
            cursor: Some(&json!({})),
            retry: None,
            tolerance: Tolerance::default(),
            reading: Reading::default(),
            checkpoint: None,
            seen: Seen::Forgotten,
            part,
        };
        records::commit(&self.store, &self.lease, &batch)
            .await
            .unwrap();
    }

    /// Finds what was not seen, and deletes it.
    async fn sweep(&self) {
        let walked = Walked {
            sync_id: self.lease.job_id.into(),
            tenant_id: self.lease.tenant_id,
            entity: "customers",
            stream_id: self.stream.id,
            began_at: Clock::system().now(),
        };
        let next = json!({});
        // Weighing reads the whole stream, and is planned so; by another session, then.
        let weighing = self.rail.database.store();
        let verdict = sweep::weigh(&weighing, &self.lease, &walked, &next, |_| true).await;
        assert!(matches!(verdict.unwrap(), Verdict::Delete(found) if found.missing == 3));
        while sweep::delete_some(&self.store, &self.lease, &walked, &next)
            .await
            .unwrap()
        {}
    }

    /// A part of a snapshot.
    async fn part(&self) -> Part {
        let mut conn = self.store.connect().await.unwrap();
        let connection = self.lease.connection_id.unwrap();
        snapshots::begin(&mut conn, &self.lease, connection)
            .await
            .unwrap();
        drop(conn);
        snapshots::open_part(&self.store, &self.lease, self.stream.id)
            .await
            .unwrap()
    }

    /// How this session runs each statement that it has prepared, whatever the values.
    async fn plans(&self) -> Vec<(String, Value)> {
        #[derive(diesel::QueryableByName)]
        struct Prepared {
            #[diesel(sql_type = diesel::sql_types::Text)]
            execute: String,
            #[diesel(sql_type = diesel::sql_types::Text)]
            statement: String,
        }
        #[derive(diesel::QueryableByName)]
        struct Explained {
            #[diesel(sql_type = diesel::sql_types::Json, column_name = "QUERY PLAN")]
            plan: Value,
        }
        let mut conn = self.store.connect().await.unwrap();
        let conn: &mut AsyncPgConnection = &mut conn;
        let prepared: Vec<Prepared> = diesel::sql_query(
            "SELECT statement, format('EXPLAIN (FORMAT JSON) EXECUTE %I%s', name,
                    '(' || nullif(repeat('NULL, ', cardinality(parameter_types) - 1) || 'NULL', '') || ')') AS execute
             FROM pg_prepared_statements
             WHERE cardinality(parameter_types) > 0 AND statement ~ '\\m(records|record_errors|record_versions|snapshot_records|change_sets)\\M'",
        )
        .load(conn)
        .await
        .unwrap();
        let mut plans = Vec::new();
        for Prepared { execute, statement } in prepared {
            let explained: Explained = diesel::sql_query(execute).get_result(conn).await.unwrap();
            plans.push((statement, explained.plan[0]["Plan"].clone()));
        }
        plans
    }

    /// How many rows of a table were read until now.
    async fn rows_read(&self, table: &str) -> i64 {
        let mut conn = self.store.connect().await.unwrap();
        conn.batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .unwrap();
        drop(conn);
        let sql = format!(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = '{table}'"
        );
        self.rail.database.ask(&sql).await.as_i64().unwrap()
    }
}

/// Each place of a plan that reads a table, with the table's name and by what it finds its rows.
fn reads(plan: &Value, found: &mut Vec<(String, String)>) {
    if let (Some(table), Some(node)) = (plan["Relation Name"].as_str(), plan["Node Type"].as_str())
        && node.ends_with("Scan")
    {
        let by = ["Index Cond", "Recheck Cond", "TID Cond"]
            .map(|by| plan[by].as_str().unwrap_or_default());
        found.push((table.to_owned(), by.concat()));
    }
    for part in plan["Plans"].as_array().into_iter().flatten() {
        reads(part, found);
    }
}

fn reads_of(plan: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    reads(plan, &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sync_writes_is_found_by_its_ids_though_it_was_planned_on_empty_tables() {
    let session = Session::start().await;
    session.commit(Clock::system().now(), None).await;
    session.commit(Clock::system().now(), None).await;
    session.rail.database.run(FEW).await;
    session.sweep().await;
    let part = session.part().await;
    for _ in 0..2 {
        session.commit(Clock::system().now(), Some(part)).await;
        session.commit(Clock::system().now(), None).await;
    }

    let (mut checked, mut by_stream) = (0, Vec::new());
    for (statement, plan) in session.plans().await {
        for (table, by) in reads_of(&plan) {
            if TABLES.contains(&table.as_str()) {
                checked += 1;
                if !["external_id", "(id ", "ctid"]
                    .iter()
                    .any(|key| by.contains(key))
                {
                    by_stream.push(format!("{table} is read by {by:?}: {statement}\n{plan:#}"));
                }
            }
        }
    }
    assert!(checked >= 12, "{checked}");
    assert!(by_stream.is_empty(), "{}", by_stream.join("\n\n"));

    session.rail.database.run(MANY).await;
    let before = session.rows_read("records").await;
    session.commit(Clock::system().now(), None).await;
    let read = session.rows_read("records").await - before;
    assert!(read < 100, "{read} rows for a batch of five");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_of_changes_goes_from_change_set_to_change_set_by_their_numbers() {
    let session = Session::start().await;
    let tenant = session.lease.tenant_id;
    let of_one = session.lease.connection_id;
    for connection in [None, of_one] {
        let mut conn = session.store.begin().await.unwrap();
        let from = changes::ChangePlace::default();
        let read = changes::read(&mut conn, tenant, "customers", connection, &from, 50).await;
        assert!(read.unwrap().is_some());
        conn.commit().await.unwrap();
    }
    session.commit(Clock::system().now(), None).await;
    for connection in [None, of_one] {
        let mut conn = session.store.begin().await.unwrap();
        let from = changes::ChangePlace::default();
        let read = changes::read(&mut conn, tenant, "customers", connection, &from, 50).await;
        assert_eq!(read.unwrap().unwrap().rows.len(), 3);
        conn.commit().await.unwrap();
    }

    let mut feeds = 0;
    for (statement, plan) in session.plans().await {
        if !statement.contains("AS is_new") {
            continue;
        }
        feeds += 1;
        for (table, by) in reads_of(&plan) {
            let wanted = match table.as_str() {
                "records" => "change_set = ",
                "change_sets" if by.contains("seq >=") => "seq >=",
                _ => " = ",
            };
            assert!(by.contains(wanted), "{table} is read by {by:?}: {plan:#}");
        }
        // A page ends the reading: no sort waits for all records of the change sets in reach.
        let text = plan.to_string();
        assert!(
            text.contains(r#""Presorted Key":["change_sets.seq"]"#),
            "{plan:#}"
        );
        let read: Vec<_> = reads_of(&plan)
            .into_iter()
            .map(|(table, _)| table)
            .collect();
        assert!(read.contains(&"records".to_owned()), "{read:?}");
    }
    assert_eq!(feeds, 2, "of an entity, and of a connection's");
}
