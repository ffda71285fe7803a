//! Trying again what could not be stored: on request, and by the next sync.

use rail_tests::harness::{Answer, Rail, text};
use rail_tests::sandbox::stripe::Settings;
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

use super::{errors_counted, errors_of, mend, of, open_errors, spoil};

pub(super) async fn retry(rail: &Rail, path: &str) -> Value {
    let answer = rail.caller.post(path, &Value::Null).await;
    let location = answer.header("location").to_owned();
    let accepted = answer.expect(202);
    assert!(location.ends_with(text(&accepted, "syncId")));
    let path = location.strip_prefix("/api/v1/integrations").unwrap();
    rail.ended(path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_reads_the_one_record_by_its_id_and_resolves_its_error() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    let id = rail.sandbox.stripe().ids("customers")[5].clone();
    spoil(&rail, "customers", &id);
    let first = rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = errors_of(&rail, &stripe, &first).await.remove(0);
    let path = format!("/connections/{stripe}/errors/{}", text(&error, "errorId"));

    let still_bad = retry(&rail, &format!("{path}/retry")).await;
    assert_eq!(still_bad["status"], "COMPLETED", "{still_bad}");
    assert_eq!(errors_counted(&still_bad, "customers"), 1);
    assert_eq!(
        errors_of(&rail, &stripe, &still_bad).await[0]["errorId"],
        error["errorId"]
    );
    assert_eq!(rail.caller.get(&path).await.expect(200)["attempts"], 2);

    mend(&rail, "customers", &id);
    rail.sandbox.requests().clear();
    let done = retry(&rail, &format!("{path}/retry")).await;

    assert_eq!(
        done["targets"],
        json!([{"entity": "customers", "ids": [id], "errorIds": []}])
    );
    assert_eq!(done["stats"]["customers"]["created"], 1, "{done}");
    assert_eq!(rail.sandbox.requests().count("/v1/customers"), 0);
    assert_eq!(
        rail.sandbox
            .requests()
            .count(&format!("/v1/customers/{id}")),
        1
    );
    let resolved = rail.caller.get(&path).await.expect(200);
    assert_eq!(
        (&resolved["status"], &resolved["resolvedBy"]),
        (&json!("resolved"), &done["syncId"])
    );
    assert!(resolved["resolvedAt"].is_string());
    assert!(open_errors(&rail, &stripe).await.is_empty());
    assert_eq!(
        errors_of(&rail, &stripe, &first).await,
        [resolved],
        "it was counted"
    );
    let sync = format!(
        "/connections/{stripe}/sync/{}/errors",
        text(&first, "syncId")
    );
    for (filter, count) in [
        ("status=open", 0),
        ("status=resolved", 1),
        ("entity=customers", 1),
        ("entity=invoices", 0),
    ] {
        let listed = rail
            .caller
            .get(&format!("{sync}?{filter}"))
            .await
            .expect(200);
        assert_eq!(listed.as_array().unwrap().len(), count, "{filter}");
    }
    let again = rail
        .caller
        .post(&format!("{path}/retry"), &Value::Null)
        .await;
    assert_eq!(again.problem(409), "not-retriable");
    let all = format!("/connections/{stripe}/errors/retry");
    let none = rail.caller.post(&all, &Value::Null).await;
    assert_eq!(none.problem(409), "nothing-to-retry");
    let holds = format!("SELECT payload->>'description' FROM records WHERE external_id = '{id}'");
    assert_eq!(rail.database.ask(&holds).await, "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_vendor_does_not_have_any_more_becomes_a_tombstone_by_a_retry() {
    let rail = Rail::builder().customers(5).start().await;
    let stripe = rail.connect_stripe().await;
    let id = rail.sandbox.stripe().ids("customers")[2].clone();
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    spoil(&rail, "customers", &id);
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    rail.sandbox.stripe().delete("customers", &id);

    let done = retry(&rail, &format!("/connections/{stripe}/errors/retry")).await;

    assert_eq!(done["stats"]["customers"]["deleted"], 1, "{done}");
    assert!(open_errors(&rail, &stripe).await.is_empty());
    let stored = format!(
        "SELECT jsonb_build_array(deleted_at IS NOT NULL, payload->>'id') FROM records WHERE external_id = '{id}'"
    );
    assert_eq!(
        rail.database.ask(&stored).await,
        json!([true, id]),
        "what it held stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_open_errors_are_retried_at_once_or_those_of_one_entity() {
    let rail = Rail::builder()
        .sandbox(Settings::new(3).with_business(40))
        .start()
        .await;
    let stripe = rail.connect_stripe().await;
    for entity in ["customers", "charges"] {
        for id in &rail.sandbox.stripe().ids(entity)[..3] {
            spoil(&rail, entity, id);
        }
    }
    rail.sync(&stripe, &of("FULL", &["customers", "charges"]))
        .await;
    assert_eq!(open_errors(&rail, &stripe).await.len(), 6);
    for entity in ["customers", "charges"] {
        for id in &rail.sandbox.stripe().ids(entity)[..3] {
            mend(&rail, entity, id);
        }
    }
    let path = format!("/connections/{stripe}/errors/retry");

    let charges = retry(&rail, &format!("{path}?entity=charges")).await;
    assert_eq!(charges["stats"]["charges"]["created"], 3, "{charges}");
    assert_eq!(charges["stats"].as_object().unwrap().len(), 1);
    let customers = retry(&rail, &path).await;
    assert_eq!(customers["stats"]["customers"]["created"], 3, "{customers}");
    assert!(open_errors(&rail, &stripe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_a_sync_like_any_other_one_at_a_time_and_safe_to_repeat() {
    let rail = Rail::builder().customers(5).start().await;
    let stripe = rail.connect_stripe().await;
    spoil(
        &rail,
        "customers",
        &rail.sandbox.stripe().ids("customers")[0],
    );
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let faults = rail.sandbox.faults();
    faults.add(Rule::new(Fault::Held).on("/v1/customers/*"));
    let path = format!("/connections/{stripe}/errors/retry");

    let first = rail.caller.post_once(&path, &Value::Null, "again").await;
    let again: Answer = rail.caller.post_once(&path, &Value::Null, "again").await;
    assert_eq!(again.text, first.text);
    let second = rail.caller.post(&path, &Value::Null).await;
    assert_eq!(second.problem(409), "sync-already-active");
    let active = first.expect(202);
    assert_eq!(second.body["syncId"], active["syncId"]);
    faults.release();
    let done = rail
        .ended(&format!(
            "/connections/{stripe}/sync/{}",
            text(&active, "syncId")
        ))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_sync_retries_what_its_walk_does_not_bring() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    // The answer is broken, not the record: nothing will report it as changed.
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::NulInString);
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = open_errors(&rail, &stripe).await.remove(0);
    let id = text(&error, "externalId");
    rail.sandbox.requests().clear();

    let next = rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;

    assert_eq!(
        rail.sandbox
            .requests()
            .count(&format!("/v1/customers/{id}")),
        1
    );
    assert_eq!(next["stats"]["customers"]["created"], 1, "{next}");
    assert_eq!(errors_counted(&next, "customers"), 0);
    assert!(open_errors(&rail, &stripe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_such_a_retry_is_an_error_of_the_record_and_fails_no_sync() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    let faults = rail.sandbox.faults();
    faults.on("/v1/customers", 1, Fault::NulInString);
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    for (status, code) in [(400, "refused"), (500, "unavailable")] {
        faults.add(
            Rule::new(Fault::Status { status })
                .on("/v1/customers/*")
                .always(),
        );
        let sync = rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;
        faults.clear();
        assert_eq!(
            (&sync["status"], &sync["attempt"]),
            (&json!("COMPLETED"), &json!(1))
        );
        assert_eq!(errors_counted(&sync, "customers"), 1);
        assert_eq!(errors_of(&rail, &stripe, &sync).await[0]["code"], code);
    }
    let customers = of("INCREMENTAL", &["customers"]);
    rail.database
        .run("UPDATE record_errors SET attempts = 10")
        .await;
    rail.sandbox.requests().clear();
    rail.sync(&stripe, &customers).await;
    let asked = rail.sandbox.requests().counts();
    let singly = asked
        .keys()
        .filter(|path| path.starts_with("/v1/customers/"));
    assert_eq!(singly.count(), 0, "left to a person");
    assert_eq!(open_errors(&rail, &stripe).await.len(), 3);
    retry(&rail, &format!("/connections/{stripe}/errors/retry")).await;
    assert!(open_errors(&rail, &stripe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_an_id_is_read_again_out_of_its_bytes() {
    let rail = Rail::builder().customers(20).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::RecordWithoutId);
    let sync = rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = errors_of(&rail, &stripe, &sync).await.remove(0);
    assert_eq!(
        (&error["code"], &error["externalId"]),
        (&json!("no-id"), &Value::Null)
    );
    rail.sandbox.requests().clear();

    let again = retry(&rail, &format!("/connections/{stripe}/errors/retry")).await;

    assert_eq!(again["targets"][0]["errorIds"], json!([error["errorId"]]));
    assert_eq!(
        errors_counted(&again, "customers"),
        1,
        "the rules are the same: {again}"
    );
    assert!(rail.sandbox.requests().all().is_empty(), "nobody is asked");
    let now = open_errors(&rail, &stripe).await.remove(0);
    assert_eq!(
        (&now["errorId"], &now["attempts"]),
        (&error["errorId"], &json!(2))
    );

    // What an engine with better rules would find in them.
    rail.database
        .run("UPDATE record_errors SET payload = '{\"id\": \"cus_found\", \"created\": 7}'")
        .await;
    let found = retry(&rail, &format!("/connections/{stripe}/errors/retry")).await;
    assert_eq!(found["stats"]["customers"]["created"], 1, "{found}");
    assert!(open_errors(&rail, &stripe).await.is_empty());
}
