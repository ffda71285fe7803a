//! What migrations make of what was there before.

use std::fs;
use std::path::{Path, PathBuf};

use rail_tests::harness::Database;

/// From here on the feed of changes goes by change sets.
const CHANGE_SETS: &str = "2026-11-25-000001_change_sets";

/// Records of two syncs and of the tenant's own, as they were stored before.
const BEFORE: &str = "
    INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'before');
    INSERT INTO streams (tenant_id, entity) SELECT id, unnest(ARRAY['customers', 'invoices']) FROM tenants;
    INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, sync_id)
    SELECT s.id, w.writer || '-' || n, '{}', '', now(),
           CASE WHEN w.writer > 0 THEN lpad(w.writer::text, 32, '0')::uuid END
    FROM streams s, (VALUES (0, 1500), (1, 2500), (2, 10)) AS w (writer, records), generate_series(1, w.records) n;";

fn statements(migration: &Path) -> String {
    fs::read_to_string(migration.join("up.sql")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_before_become_change_sets_of_a_thousand_at_most_that_the_feed_can_follow() {
    let database = Database::fresh().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut migrations: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    migrations.sort();
    let at = migrations
        .iter()
        .position(|path| path.ends_with(CHANGE_SETS))
        .unwrap();
    let (before, after) = migrations.split_at(at);
    // Beside the tables of the test's database, in a schema of their own.
    let mut all = "CREATE SCHEMA before; SET search_path = before;".to_owned();
    all.extend(before.iter().map(|path| statements(path)));
    all.push_str(BEFORE);
    all.extend(
        after
            .iter()
            .map(|path| format!("BEGIN; {} COMMIT;", statements(path))),
    );

    database.run(&all).await;

    let ask = async |sql: &str| database.ask(sql).await;
    let sizes = "SELECT jsonb_agg(size ORDER BY size DESC) FROM (
                     SELECT count(*) AS size FROM before.records GROUP BY change_set) sets";
    assert_eq!(
        ask(sizes).await,
        serde_json::json!([
            1000, 1000, 1000, 1000, 1000, 1000, 500, 500, 500, 500, 10, 10
        ])
    );
    let belong = "SELECT count(*) FROM before.records r JOIN before.change_sets c ON c.id = r.change_set
                  WHERE c.stream_id = r.stream_id AND r.first_change_set = r.change_set
                    AND split_part(r.external_id, '-', 1)::int = coalesce(ltrim(c.sync_id::text, '0-')::int, 0)";
    assert_eq!(ask(belong).await, 2 * 4_010);
    let numbered = "SELECT bool_and(last_seq = (SELECT count(*) FROM before.change_sets c WHERE c.entity = k.entity)
                                    AND last_seq = (SELECT max(seq) FROM before.change_sets c WHERE c.entity = k.entity))
                    FROM before.change_counters k";
    assert_eq!(ask(numbered).await, true);
    let next =
        "SELECT nextval('before.change_sets_id_seq') > (SELECT max(id) FROM before.change_sets)";
    assert_eq!(ask(next).await, true);
}
