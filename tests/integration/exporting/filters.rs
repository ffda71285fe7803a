//! Filters by time: of records from anywhere, however many there are.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rail_tests::harness::{Database, Rail};
use rail_tests::sandbox::stripe::Settings;
use serde_json::{Value, json};

use super::{asked, created, lines_of, put, records, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_of_the_contract_takes_records_out_of_a_table_that_is_read_in_parallel() {
    let rail = Rail::builder().start().await;
    let one = "{\"id\":\"a\",\"status\":\"ACTIVE\",\"createdAt\":\"2025-06-01T00:00:00Z\"}\n";
    put(&rail.caller, "contracts", one).await;
    // Postgres shares the work from 8 MB on.
    rail.database
        .run("INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, change_set, first_change_set)
              SELECT stream_id, 'r' || n, jsonb_build_object('id', 'r' || n, 'status', 'ACTIVE', 'pad', repeat('x', 300),
                     'createdAt', to_char(timestamp '2024-01-01' + n * interval '18 min', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')),
                     decode(md5(n::text), 'hex'), now(), change_set, first_change_set
              FROM records, generate_series(1, 45000) n;
              ANALYZE records")
        .await;
    let mut body = lines_of(&["contracts"]);
    body["filter"] = json!({"status": "ACTIVE", "createdAt": {"gte": "2025-01-01"}});
    let export = created(&rail, &body).await;
    let since = "SELECT count(*) FROM records WHERE payload ->> 'createdAt' >= '2025-01-01'";
    let expected = rail.database.ask(since).await;
    let (count, parallel) = (
        expected.as_i64().unwrap(),
        "SELECT current_setting('max_parallel_workers_per_gather')::int",
    );
    assert!((10_000..30_000).contains(&count), "{count}");
    assert!(rail.database.ask(parallel).await.as_i64().unwrap() > 0);

    let dry = asked(&rail, &format!("{export}/dry-run"), 200).await;
    assert_eq!(dry["rows"], expected);
    let done = run(&rail, &export).await;
    assert_eq!(done["rows"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_lifted_out_of_records_count_for_snapshots_and_for_what_changed() {
    // Stripe has `created`, in seconds; no record of its says `createdAt`.
    let settings = Settings::new(3).with("customers", 40);
    let rail = Rail::builder().sandbox(settings).start().await;
    let stripe = rail.connect_stripe().await;
    for mode in ["SNAPSHOT", "FULL"] {
        let sync = json!({"entities": ["customers"], "mode": mode});
        rail.sync(&stripe, &sync).await;
    }
    let listed = format!("/connections/{stripe}/snapshots");
    let snapshot = rail.caller.get(&listed).await.expect(200)[0]["snapshotId"].clone();
    let middle = "SELECT to_jsonb(percentile_disc(0.5) WITHIN GROUP (ORDER BY source_created_at)) FROM records";
    let middle = rail.database.ask(middle).await;
    let mut found = Vec::new();
    for (member, value) in [
        ("incremental", json!(false)),
        ("incremental", json!(true)),
        ("snapshotId", snapshot),
    ] {
        let mut body = lines_of(&["customers"]);
        body[member] = value;
        body["filter"] = json!({"createdAt": {"lte": middle}});
        let export = created(&rail, &body).await;
        let dry = asked(&rail, &format!("{export}/dry-run"), 200).await;
        let done = run(&rail, &export).await;
        assert_eq!(dry["rows"], done["rows"], "{done}");
        let mut ids: Vec<Value> = records(&done).iter().map(|it| it["id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        found.push(ids);
    }
    assert!((20..40).contains(&found[0].len()), "{}", found[0].len());
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

/// What Postgres makes of each of these texts.
async fn instants(database: &Database, texts: &[String]) -> Vec<Option<DateTime<Utc>>> {
    let texts = serde_json::to_string(texts).unwrap().replace('\'', "''");
    let sql = format!(
        "SELECT jsonb_agg(instant_of(value) ORDER BY at) FROM jsonb_array_elements('{texts}'::jsonb) WITH ORDINALITY AS t (value, at)"
    );
    serde_json::from_value(database.ask(&sql).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_an_instant_as_the_calendar_says_or_none_and_never_an_error() {
    let database = Database::fresh().await;
    let known = [
        ("2025-01-01", Some("2025-01-01T00:00:00Z")),
        ("2024-02-29T10:00:00+01:00", Some("2024-02-29T09:00:00Z")),
        ("2025-01-01 10:00", Some("2025-01-01T10:00:00Z")),
        ("2025-01-01T10:00:00.000+0000", Some("2025-01-01T10:00:00Z")),
        ("2025-01-01t10:00:00.5-05", Some("2025-01-01T15:00:00.5Z")),
        ("2023-02-29", None),
        ("2024-04-31", None),
        ("1900-02-29", None),
        ("0000-01-01", None),
        ("2025-01-01T24:00:00Z", None),
        ("2025-01-01 10:00 Europe/Paris", None),
        ("2025-13-01", None),
        ("٢٠٢٥-٠١-٠١", None),
        ("yesterday", None),
        ("", None),
    ];
    let texts: Vec<String> = known.iter().map(|(text, _)| (*text).to_owned()).collect();
    let read = instants(&database, &texts).await;
    for ((text, expected), read) in known.iter().zip(read) {
        let expected = expected.map(|it| it.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(read, expected, "{text}");
    }

    let spelled = "[0-9]{4}-[0-3][0-9]-[0-3][0-9]([Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,12})?)?([Zz]|[+-][01][0-9](:?[0-9]{2})?)?)?";
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> = (0..20_000)
        .map(|_| spelled.new_tree(&mut runner).unwrap().current())
        .collect();
    let mut of_rfc_3339 = 0;
    for (text, read) in texts.iter().zip(instants(&database, &texts).await) {
        let Ok(expected) = DateTime::parse_from_rfc3339(&text.replace(' ', "T")) else {
            continue;
        };
        // A leap second is the first of the next minute, and no zone is sixteen hours from UTC.
        if text.contains(":60") || expected.offset().local_minus_utc().abs() >= 16 * 3_600 {
            continue;
        }
        if text.starts_with("0000") {
            continue;
        }
        of_rfc_3339 += 1;
        let read = read.unwrap_or_else(|| panic!("{text} was not read"));
        // Postgres keeps microseconds.
        let apart = (read - expected.to_utc()).num_microseconds().unwrap();
        assert!(apart.abs() <= 1, "{text}: {read}");
    }
    assert!(of_rfc_3339 > 50, "{of_rfc_3339}");
}
