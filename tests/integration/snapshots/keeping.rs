//! What a snapshot holds: the same for ever, for its tenant, stored once.

use rail_shared::domain::Scope;
use rail_tests::harness::{Rail, text};

use super::{asked, customers, digest, records, rename, snapshot, versions};

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
