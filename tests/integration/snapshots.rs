//! Snapshots: whole or not there, never changing, storing nothing twice, comparable, and gone when they are deleted.

use rail_shared::domain::Scope;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

fn asked(mode: &str) -> Value {
    json!({"entities": ["customers"], "mode": mode})
}

/// Makes a snapshot; returns its path.
async fn snapshot(rail: &Rail, connection: &str) -> String {
    let done = rail.sync(connection, &asked("SNAPSHOT")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    path_of(connection, &done)
}

/// Where the snapshot of a sync is, once it is there.
fn path_of(connection: &str, sync: &Value) -> String {
    let id = text(sync, "syncId").replace("sync_", "snap_");
    format!("/connections/{connection}/snapshots/{id}")
}

/// All items of a list, read in pages of 40.
async fn all(rail: &Rail, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = rail.caller.get(&format!("{path}?limit=40{cursor}")).await;
        let next = answer.body["page"]["nextCursor"].clone();
        items.extend(answer.expect(200).as_array().unwrap().clone());
        match next.as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

async fn records(rail: &Rail, snapshot: &str) -> Vec<Value> {
    all(rail, &format!("{snapshot}/records/customers")).await
}

async fn customers(rail: &Rail, snapshot: &str) -> Value {
    rail.caller.get(snapshot).await.expect(200)["entities"]["customers"].clone()
}

/// Versions that are stored beside the current records.
async fn versions(rail: &Rail) -> u64 {
    let count = rail
        .database
        .ask("SELECT count(*) FROM record_versions")
        .await;
    count.as_u64().unwrap()
}

/// Waits until upkeep has removed all of every snapshot.
async fn nothing_is_left(rail: &Rail) {
    let left = "SELECT (SELECT count(*) FROM snapshots) + (SELECT count(*) FROM snapshot_parts)
                     + (SELECT count(*) FROM snapshot_records) + (SELECT count(*) FROM record_versions)
                     + (SELECT count(*) FROM streams WHERE has_snapshots)";
    wait_until(SOON, "nothing is left of snapshots", async || {
        rail.database.ask(left).await == 0
    })
    .await;
}

fn rename(rail: &Rail, ids: &[String], name: &str) {
    for id in ids {
        rail.sandbox.stripe().update("customers", id, |customer| {
            customer["name"] = json!(name);
        });
    }
}

/// The digest of records as the document says.
async fn digest(rail: &Rail, records: &[Value]) -> Value {
    let lines: String = records
        .iter()
        .map(|record| {
            let (id, fingerprint) = (text(record, "externalId"), text(record, "fingerprint"));
            format!("{}:{id}:{fingerprint}\n", id.len())
        })
        .collect();
    rail.database
        .ask(&format!(
            "SELECT encode(sha256(convert_to('{lines}', 'UTF8')), 'hex')"
        ))
        .await
}

/// Lets the vendor keep a walk waiting after its second page.
fn stall_after_two_pages(rail: &Rail) {
    let slow = Fault::Slow { delay_ms: 60_000 };
    rail.sandbox
        .faults()
        .add(Rule::new(slow).on("/v1/customers").after(2));
}

/// Begins a snapshot, and waits until a part of it is committed; returns the path of the sync, and of the snapshot.
async fn begun(rail: &Rail, connection: &str) -> (String, String) {
    let syncs = format!("/connections/{connection}/sync");
    let accepted = rail
        .caller
        .post(&syncs, &asked("SNAPSHOT"))
        .await
        .expect(202);
    let sync = format!("{syncs}/{}", text(&accepted, "syncId"));
    rail.until(&sync, |sync| sync["progress"]["recordsFetched"] == 200)
        .await;
    (sync, path_of(connection, &accepted))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_stays_as_it_was_while_records_change_and_vanish() {
    let rail = Rail::builder().customers(130).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &asked("FULL")).await;
    let ids = rail.sandbox.stripe().ids("customers");
    rename(&rail, &ids[..3], "Not in the current records yet");

    let taken = snapshot(&rail, &stripe).await;

    let held = records(&rail, &taken).await;
    assert_eq!(held.len(), 130);
    for record in &held {
        let at_vendor = rail
            .sandbox
            .stripe()
            .record("customers", text(record, "externalId"));
        assert_eq!(Some(&record["record"]), at_vendor.as_ref());
    }
    let current = "SELECT count(*) FROM records WHERE payload->>'name' LIKE 'Not in%'";
    assert_eq!(rail.database.ask(current).await, 0, "a copy set apart");
    let seen = rail.caller.get(&taken).await.expect(200);
    assert_eq!(customers(&rail, &taken).await["records"], 130);
    assert_eq!(
        customers(&rail, &taken).await["digest"],
        digest(&rail, &held).await
    );

    rename(&rail, &ids[2..20], "Changed");
    for id in &ids[20..40] {
        rail.sandbox.stripe().delete("customers", id);
    }
    rail.sandbox.stripe().create("customers", 5);
    for (mode, name) in [
        ("FULL", "Changed twice"),
        ("INCREMENTAL", "Changed thrice"),
        ("FULL", ""),
    ] {
        let done = rail.sync(&stripe, &asked(mode)).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        assert_eq!(records(&rail, &taken).await, held, "after a sync {mode}");
        rename(&rail, &ids[..10], name);
    }
    assert_eq!(rail.caller.get(&taken).await.expect(200), seen);
    assert_eq!(
        versions(&rail).await,
        20,
        "one of each that was overwritten, none of those deleted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_worker_dies_is_seen_when_it_is_whole_and_not_before() {
    let rail = Rail::builder().customers(450).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let first = rail.start_worker();
    stall_after_two_pages(&rail);
    let (sync, taken) = begun(&rail, &stripe).await;
    let listed = format!("/connections/{stripe}/snapshots");

    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    let early = rail.caller.get(&format!("{taken}/records/customers")).await;
    assert_eq!(early.problem(404), "not-found");
    assert_eq!(rail.caller.delete(&taken).await.problem(404), "not-found");
    assert_eq!(rail.caller.get(&listed).await.expect(200), json!([]));
    first.kill();
    rail.sandbox.faults().clear();
    rail.start_worker();

    let done = rail.ended(&sync).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    let stats = &done["stats"]["customers"];
    assert_eq!(
        (&stats["created"], &stats["fetched"]),
        (&json!(450), &json!(450))
    );
    let held = records(&rail, &taken).await;
    let mut ids = rail.sandbox.stripe().ids("customers");
    ids.sort();
    assert!(
        held.iter()
            .map(|record| text(record, "externalId"))
            .eq(&ids)
    );
    assert_eq!(
        customers(&rail, &taken).await["digest"],
        digest(&rail, &held).await
    );
    let shown = rail.caller.get(&listed).await.expect(200);
    assert_eq!(shown, json!([rail.caller.get(&taken).await.expect(200)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_fails_leaves_nothing_and_is_made_anew_when_it_is_tried_again() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    let forbidden = Fault::Status { status: 403 };
    rail.sandbox
        .faults()
        .add(Rule::new(forbidden).on("/v1/customers").after(2).always());

    let failed = rail.sync(&stripe, &asked("SNAPSHOT")).await;

    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["progress"]["recordsFetched"], 200);
    let taken = path_of(&stripe, &failed);
    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;

    rail.sandbox.faults().clear();
    rail.sandbox
        .stripe()
        .delete("customers", &rail.sandbox.stripe().ids("customers")[0]);
    let job = text(&failed, "syncId").replace("sync_", "job_");
    let again = rail
        .caller
        .post(&format!("/jobs/{job}/retry"), &Value::Null)
        .await;
    let _ = again.expect(202);
    let done = rail
        .ended(&format!(
            "/connections/{stripe}/sync/{}",
            text(&failed, "syncId")
        ))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(
        done["stats"]["customers"]["fetched"], 349,
        "nothing is counted twice"
    );
    assert_eq!(records(&rail, &taken).await.len(), 349);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_cancelled_leaves_nothing() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    stall_after_two_pages(&rail);
    let (sync, taken) = begun(&rail, &stripe).await;

    let _ = rail
        .caller
        .post(&format!("{sync}/cancel"), &Value::Null)
        .await
        .expect(202);

    assert_eq!(rail.ended(&sync).await["status"], "CANCELLED");
    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_has_the_same_digest_and_no_byte_of_it_is_stored_twice() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    let first = snapshot(&rail, &stripe).await;
    assert_eq!(versions(&rail).await, 120, "nothing else holds them yet");
    let bytes = "SELECT sum(pg_column_size(payload)) FROM record_versions";
    let stored = rail.database.ask(bytes).await;

    let second = snapshot(&rail, &stripe).await;
    assert_eq!(
        customers(&rail, &first).await,
        customers(&rail, &second).await
    );
    assert_eq!(rail.database.ask(bytes).await, stored);
    assert_eq!(versions(&rail).await, 120);

    rail.sync(&stripe, &asked("FULL")).await;
    assert_eq!(
        versions(&rail).await,
        0,
        "now the current records hold them"
    );
    let held = records(&rail, &first).await;
    assert_eq!(held.len(), 120);

    rename(
        &rail,
        &rail.sandbox.stripe().ids("customers")[..1],
        "Changed",
    );
    let third = snapshot(&rail, &stripe).await;
    let fourth = snapshot(&rail, &stripe).await;
    assert_eq!(versions(&rail).await, 1, "the one that changed");
    let digests = [&second, &third, &fourth];
    let mut told = Vec::new();
    for path in digests {
        told.push(text(&customers(&rail, path).await, "digest").to_owned());
    }
    assert_ne!(told[0], told[1]);
    assert_eq!(told[1], told[2]);

    rail.sync(&stripe, &asked("FULL")).await;
    assert_eq!(versions(&rail).await, 1, "the one that it was before");
    assert_eq!(records(&rail, &first).await, held);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_snapshots_can_be_compared() {
    let rail = Rail::builder().customers(300).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &asked("FULL")).await;
    let before = snapshot(&rail, &stripe).await;
    let ids = rail.sandbox.stripe().ids("customers");
    rename(&rail, &ids[..50], "Changed");
    for id in &ids[100..160] {
        rail.sandbox.stripe().delete("customers", id);
    }
    let new = rail.sandbox.stripe().create("customers", 7);
    rail.sync(&stripe, &asked("INCREMENTAL")).await;
    let after = snapshot(&rail, &stripe).await;
    let (_, other) = after.rsplit_once('/').unwrap();
    let compare = format!("{before}/compare/{other}");

    let compared = rail.caller.get(&compare).await.expect(200);

    assert_eq!(
        compared["entities"]["customers"],
        json!({"added": 7, "changed": 50, "removed": 60, "unchanged": 190})
    );
    assert_eq!(compared["notCompared"], json!([]));
    let differences = all(&rail, &format!("{compare}/records/customers")).await;
    let mut expected: Vec<(&str, &String)> = ids[..50].iter().map(|id| ("CHANGED", id)).collect();
    expected.extend(ids[100..160].iter().map(|id| ("REMOVED", id)));
    expected.extend(new.iter().map(|id| ("ADDED", id)));
    expected.sort_by_key(|(_, id)| *id);
    let told = differences
        .iter()
        .map(|one| (text(one, "difference"), text(one, "externalId")));
    assert!(told.eq(expected.iter().map(|(how, id)| (*how, id.as_str()))));
    for one in &differences {
        let is = rail
            .sandbox
            .stripe()
            .record("customers", text(one, "externalId"));
        let (was_there, is_there) = (one["before"].is_object(), one["after"].is_object());
        assert_eq!(is_there, is.is_some(), "{one}");
        assert_eq!(was_there, one["difference"] != "ADDED", "{one}");
        if let Some(is) = is {
            assert_eq!(one["after"]["record"], is);
            assert_ne!(one["before"]["record"], is);
        }
    }

    let (_, own) = before.rsplit_once('/').unwrap();
    let same = rail
        .caller
        .get(&format!("{before}/compare/{own}"))
        .await
        .expect(200);
    assert_eq!(
        same["entities"]["customers"],
        json!({"added": 0, "changed": 0, "removed": 0, "unchanged": 300})
    );
    let unknown = rail
        .caller
        .get(&format!("{compare}/records/invoices"))
        .await;
    assert_eq!(unknown.problem(404), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_deleted_snapshot_held_is_reclaimed_and_nothing_else() {
    let rail = Rail::builder().customers(60).start().await;
    let stripe = rail.connect_stripe().await;
    let ids = rail.sandbox.stripe().ids("customers");
    let first = snapshot(&rail, &stripe).await;
    rename(&rail, &ids[..20], "Changed");
    let second = snapshot(&rail, &stripe).await;
    let held = records(&rail, &second).await;
    assert_eq!(versions(&rail).await, 80);

    let deleted = rail.caller.delete(&first).await;

    assert_eq!(deleted.status, 204);
    assert_eq!(rail.caller.get(&first).await.problem(404), "not-found");
    assert_eq!(rail.caller.delete(&first).await.problem(404), "not-found");
    let listed = format!("/connections/{stripe}/snapshots");
    assert_eq!(
        rail.caller
            .get(&listed)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    wait_until(SOON, "the versions of the first are gone", async || {
        versions(&rail).await == 60
    })
    .await;
    assert_eq!(records(&rail, &second).await, held);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'snapshot.delete'";
    assert_eq!(rail.database.ask(audited).await, 1);

    assert_eq!(rail.caller.delete(&second).await.status, 204);
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_connection_erases_its_snapshots() {
    let rail = Rail::builder().customers(30).start().await;
    let stripe = rail.connect_stripe().await;
    let taken = snapshot(&rail, &stripe).await;

    assert_eq!(
        rail.caller
            .delete(&format!("/connections/{stripe}"))
            .await
            .status,
        204
    );

    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_snapshots_of_another_tenant_or_connection() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = rail.connect_stripe().await;
    let taken = snapshot(&rail, &stripe).await;
    let (list, id) = taken.rsplit_once('/').unwrap();
    let stranger = rail.caller_of("another", Scope::ALL).await;
    let reader = rail.caller_of("default", &[Scope::Read]).await;
    let other = rail.connect_stripe().await;

    for path in [
        list.to_owned(),
        taken.clone(),
        format!("{taken}/records/customers"),
        format!("{taken}/compare/{id}"),
        format!("{taken}/compare/{id}/records/customers"),
    ] {
        assert_eq!(
            stranger.get(&path).await.problem(404),
            "not-found",
            "{path}"
        );
        assert_eq!(reader.get(&path).await.status, 200, "{path}");
        let elsewhere = path.replace(&stripe, &other);
        if path != list {
            assert_eq!(
                rail.caller.get(&elsewhere).await.problem(404),
                "not-found",
                "{elsewhere}"
            );
        }
    }
    assert_eq!(stranger.delete(&taken).await.problem(404), "not-found");
    assert_eq!(
        reader.delete(&taken).await.problem(403),
        "insufficient-scope"
    );
    let cursor = rail
        .caller
        .get(&format!("{taken}/records/customers?cursor=AAAA"))
        .await;
    assert_eq!(cursor.problem(422), "bad-cursor");
    assert_eq!(records(&rail, &taken).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_stored_is_told_and_one_that_comes_twice_is_counted_once() {
    let rail = Rail::builder().customers(250).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::NulInString);
    rail.sandbox.faults().add(
        Rule::new(Fault::DuplicateAcrossPages)
            .on("/v1/customers")
            .after(1),
    );

    let done = rail.sync(&stripe, &asked("SNAPSHOT")).await;

    let stats = &done["stats"]["customers"];
    assert_eq!(
        (&stats["errors"], &stats["created"]),
        (&json!(1), &json!(249)),
        "{done}"
    );
    assert_eq!(stats["fetched"], 250 + stats["unchanged"].as_i64().unwrap());
    let taken = path_of(&stripe, &done);
    let shown = customers(&rail, &taken).await;
    assert_eq!(
        (&shown["records"], &shown["errors"]),
        (&json!(249), &json!(1))
    );
    assert_eq!(records(&rail, &taken).await.len(), 249);
}
