//! What changed from one snapshot to another.

use rail_tests::harness::{Rail, text};
use serde_json::json;

use super::{all, asked, rename, snapshot};

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
