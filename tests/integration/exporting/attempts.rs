//! What a run does beside others of its export, and what becomes of it when things change while it goes on.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use rail_shared::store::exports;
use rail_tests::harness::{Database, Rail, text};
use rail_tests::sandbox::stripe::Settings;
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use super::{asked, created, lines_of, path_of, put, run};
use crate::destinations::{connect, of_s3, s3};

/// The text of a file that others may see.
fn visible(run: &Value) -> String {
    fs::read_to_string(path_of(&run["files"][0])).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_as_it_began_but_with_keys_that_were_replaced_meanwhile() {
    let Some((moto, keys)) = s3().await else {
        return;
    };
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_S3_BASE_URL", moto.endpoint())
        .start()
        .await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let connection = connect(&rail.caller, "s3", &of_s3(&keys)).await;
    // As if its owner replaced the keys, and somebody changed the export, right after a run had begun with wrong ones.
    rail.database
        .run("CREATE TABLE kept AS SELECT id, sealed_credentials, sealed_by FROM connections;
              CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  UPDATE connections c SET sealed_credentials = k.sealed_credentials, sealed_by = k.sealed_by
                  FROM kept k WHERE k.id = c.id;
                  UPDATE exports SET format = 'XML', options = '{}', version = version + 1;
                  RETURN NEW;
              END $$;
              CREATE TRIGGER change AFTER UPDATE ON export_runs FOR EACH ROW EXECUTE FUNCTION change()")
        .await;
    let wrong = json!({"credentials": {"accessKeyId": "AKIAWRONG", "secretAccessKey": "wrong"}});
    let path = format!("/connections/{connection}?verify=false");
    let _ = rail.caller.patch(&path, &wrong).await.expect(200);
    let mut body = lines_of(&["deals"]);
    body["destination"] = json!({"type": "S3", "path": "out", "connectionId": connection});
    let export = created(&rail, &body).await;

    let done = run(&rail, &export).await;

    assert_eq!(done["attempt"], 2, "{done}");
    let written = text(&done["files"][0], "path");
    assert!(written.ends_with("-2.ndjson"), "{written}");
    let now = rail.caller.get(&export).await.expect(200);
    assert_eq!(now["format"], "XML");
    let kept = "SELECT count(*) FROM export_runs WHERE definition IS NOT NULL";
    assert_eq!(rail.database.ask(kept).await, 0, "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_files_replace_those_of_another_waits_until_that_is_over() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    body["options"]["fileName"] = "{entity}".into();
    body["destination"]["overwrite"] = true.into();
    let export = created(&rail, &body).await;
    let other = asked(&rail, &format!("{export}/run"), 202).await;
    // Another worker is at it.
    rail.database
        .run(
            "UPDATE jobs SET state = 'RUNNING', lease_until = now() + interval '1 hour';
              UPDATE exports SET writing_run = (SELECT id FROM jobs WHERE kind = 'export')",
        )
        .await;
    let waiting = asked(&rail, &format!("{export}/run"), 202).await;
    let waiting = format!("{export}/runs/{}", text(&waiting, "runId"));
    let _worker = rail.start_worker();
    let put_back = "SELECT count(*) FROM jobs WHERE state = 'QUEUED' AND fence > 0";
    wait_until(SOON, "the run to be put back", async || {
        rail.database.ask(put_back).await == 1
    })
    .await;
    assert!(!rail.export_dir().join("out/deals.ndjson").exists());

    rail.database
        .run("UPDATE jobs SET state = 'COMPLETED', lease_until = NULL, finished_at = now() WHERE state = 'RUNNING' AND lease_owner IS NULL")
        .await;

    let done = rail.ended(&waiting).await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("COMPLETED"), &json!(1)),
        "{done}"
    );
    assert_eq!(visible(&done), "{\"id\": \"a\"}\n");
    assert_ne!(done["runId"], other["runId"]);

    // And one that is replaced is the file of the run that came last.
    put(&rail.caller, "deals", "{\"id\":\"a\",\"n\":2}\n").await;
    let again = run(&rail, &export).await;
    assert_eq!(again["files"][0]["path"], done["files"][0]["path"]);
    assert_eq!(visible(&again), "{\"n\": 2, \"id\": \"a\"}\n");
    let file = |run: &Value| format!("{export}/runs/{}/files/deals", text(run, "runId"));
    let before = rail.caller.get(&file(&done)).await;
    assert_eq!(before.problem(409), "replaced");
    assert_eq!(rail.caller.get(&file(&again)).await.status, 200);

    // Also if that one had got no further than this file.
    rail.database
        .run(
            "UPDATE export_runs SET files = '[]', beside = '[]' WHERE id = (SELECT max(id::text)::uuid FROM export_runs);
             UPDATE jobs SET state = 'FAILED' WHERE id = (SELECT max(id::text)::uuid FROM export_runs)",
        )
        .await;
    let before = rail.caller.get(&file(&done)).await;
    assert_eq!(before.problem(409), "replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_worker_died_before_it_could_say_that_it_is_over_is_not_done_again() {
    let rail = Rail::builder().start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let export = created(&rail, &lines_of(&["deals"])).await;
    let done = run(&rail, &export).await;
    put(&rail.caller, "deals", "{\"id\":\"b\"}\n").await;

    rail.database
        .run("UPDATE jobs SET state = 'RUNNING', finished_at = NULL, lease_until = now() - interval '1 minute'")
        .await;

    let again = rail
        .ended(&format!("{export}/runs/{}", text(&done, "runId")))
        .await;
    assert_eq!(again["attempt"], 2, "{again}");
    assert_eq!(again["files"], done["files"]);
    assert_eq!(visible(&again), "{\"id\": \"a\"}\n");
    assert_eq!(
        fs::read_dir(rail.export_dir().join("out")).unwrap().count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_does_not_bring_a_due_time_back_that_passes_meanwhile() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    body["schedule"] = json!({"frequency": "HOURLY"});
    let export = created(&rail, &body).await;
    let store = rail.database.store();
    // As a worker does whose look finds it due.
    let mut scheduler = store.begin().await.unwrap();
    rail.database
        .run("UPDATE exports SET next_run_at = now() - interval '1 minute'")
        .await;
    let due = exports::lock_due(&mut scheduler, 10).await.unwrap();
    let next = scheduler.began_at().await.unwrap() + TimeDelta::hours(1);
    exports::set_next_run(&mut scheduler, due[0].id, Some(next))
        .await
        .unwrap();

    let renamed = json!({"name": "Renamed"});
    let (changed, ()) = tokio::join!(rail.caller.patch(&export, &renamed), async {
        wait_until(SOON, "the change to stand at the lock", async || {
            rail.database.at_locks().await == 1
        })
        .await;
        scheduler.commit().await.unwrap();
    });

    let changed = changed.expect(200);
    assert_eq!(changed["name"], "Renamed");
    let next_run_at: DateTime<Utc> = text(&changed, "nextRunAt").parse().unwrap();
    assert_eq!(next_run_at, next, "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_dated_by_when_it_was_due_however_late_it_comes() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    body["schedule"] = json!({"frequency": "DAILY", "time": "23:30", "timezone": "Europe/Paris"});
    body["destination"]["path"] = "out/{date}".into();
    let export = created(&rail, &body).await;
    let due = "2025-03-31T21:30:00+00:00";
    rail.database
        .run(&format!("UPDATE exports SET next_run_at = '{due}'"))
        .await;
    let _worker = rail.start_worker();
    rail.until(&export, |export| export["lastRunAt"].is_string())
        .await;
    let runs = rail.caller.get(&format!("{export}/runs")).await.expect(200);
    let due_at: DateTime<Utc> = text(&runs[0], "dueAt").parse().unwrap();
    assert_eq!(due_at, due.parse::<DateTime<Utc>>().unwrap());
    let written = path_of(&runs[0]["files"][0]);
    assert!(
        written.parent().unwrap().ends_with("out/2025-03-31"),
        "{runs}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_after_one_of_a_snapshot_writes_what_there_is() {
    let settings = Settings::new(3).with("customers", 40);
    let rail = Rail::builder().sandbox(settings).start().await;
    let stripe = rail.connect_stripe().await;
    let customers = |mode: &str| json!({"entities": ["customers"], "mode": mode});
    rail.sync(&stripe, &customers("SNAPSHOT")).await;
    let listed = format!("/connections/{stripe}/snapshots");
    let listed = rail.caller.get(&listed).await.expect(200);
    // What came after the snapshot, and before the run that writes it.
    rail.sync(&stripe, &customers("FULL")).await;
    let mut body = lines_of(&["customers"]);
    body["snapshotId"] = listed[0]["snapshotId"].clone();
    let export = created(&rail, &body).await;
    assert_eq!(run(&rail, &export).await["rows"], 40);
    let change = json!({"snapshotId": null, "incremental": true});
    let _ = rail.caller.patch(&export, &change).await.expect(200);
    assert_eq!(run(&rail, &export).await["rows"], 40);
    assert_eq!(run(&rail, &export).await["rows"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_upkeep_that_fails_holds_up_no_run_that_waits() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let export = created(&rail, &lines_of(&["deals"])).await;
    let waiting = asked(&rail, &format!("{export}/run"), 202).await;
    // Its ring is of no use any more, and what upkeep looks for beside it is not there.
    rail.database
        .run("UPDATE jobs SET dispatch_no = dispatch_no + 1; ALTER TABLE told_changes RENAME TO gone")
        .await;
    let _worker = rail.start_worker();
    let done = rail
        .ended(&format!("{export}/runs/{}", text(&waiting, "runId")))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_any_more_is_not_read_to_its_end() {
    use diesel_async::RunQueryDsl;
    use futures::StreamExt;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let database = Database::fresh().await;
    let store = database.store();
    let mut view = store.view().await.unwrap();
    let endless = "SELECT repeat('x', 1000) || generate_series(1, 2000000000) AS text";
    let mut rows = diesel::sql_query(endless)
        .load_stream::<Row>(&mut view)
        .await
        .unwrap();
    let first = rows.next().await.unwrap().unwrap();
    assert!(first.text.ends_with("x1"));
    drop(rows);
    drop(view);

    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%generate_series(1, 2000000000)%' AND pid <> pg_backend_pid()";
    wait_until(SOON, "Postgres to have rest", async || {
        database.ask(at_work).await == 0
    })
    .await;
    assert!(store.ping().await.is_ok(), "others are lent connections");
}
