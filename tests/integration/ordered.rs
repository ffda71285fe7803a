//! What the product was ordered with: each example word for word, against the running product.

use rail_tests::far;
use rail_tests::harness::{Rail, text};
use rail_tests::moto::Moto;
use rail_tests::sandbox::stripe::Settings;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_connectors_are_listed_with_the_ordered_fields() {
    let rail = Rail::builder().start().await;

    let listed = rail.caller.get("/connectors").await.expect(200);

    let of = |id: &str| {
        let all = listed.as_array().unwrap();
        all.iter()
            .find(|one| one["connectorId"] == id)
            .unwrap_or_else(|| panic!("no {id}"))
            .clone()
    };
    let stripe = of("stripe");
    assert_eq!(
        (
            text(&stripe, "name"),
            text(&stripe, "category"),
            text(&stripe, "status")
        ),
        ("Stripe", "PAYMENTS", "AVAILABLE")
    );
    assert_eq!(
        stripe["features"],
        json!(["payments", "subscriptions", "invoices"])
    );
    let quickbooks = of("quickbooks");
    assert_eq!(
        (text(&quickbooks, "name"), text(&quickbooks, "category")),
        ("QuickBooks", "ACCOUNTING")
    );
    assert_eq!(
        quickbooks["features"],
        json!(["invoices", "expenses", "reports"])
    );
    assert_eq!(listed.as_array().unwrap().len(), 11);
    for one in listed.as_array().unwrap() {
        // The order's own two work; what does not is listed and says so.
        let works = one["status"] != "DISABLED";
        let ordered = ["stripe", "quickbooks"].contains(&text(one, "connectorId"));
        assert!(works || !ordered, "{one}");
        assert!(
            !works || one["credentialsSchema"]["required"].is_array(),
            "{one}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ordered_sync_runs_and_answers_with_the_ordered_fields() {
    let rail = Rail::builder()
        .sandbox(Settings::new(9).with_business(400))
        .start()
        .await;
    let stripe = rail.connect_stripe().await;
    let body = json!({
        "entities": ["customers", "invoices"],
        "mode": "INCREMENTAL",
        "dateRange": {"from": "2025-01-01", "to": "2025-01-15"}
    });

    let done = rail.sync(&stripe, &body).await;

    assert!(text(&done, "syncId").starts_with("sync_"));
    assert_eq!(text(&done, "status"), "COMPLETED");
    for time in ["startedAt", "completedAt"] {
        assert!(
            text(&done, time).ends_with('Z') && text(&done, time).contains('T'),
            "{done}"
        );
    }
    for entity in ["customers", "invoices"] {
        let stats = &done["stats"][entity];
        assert!(stats["created"].as_i64() > Some(0), "{done}");
        assert_eq!(
            (&stats["updated"], &stats["errors"]),
            (&json!(0), &json!(0))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ordered_export_is_created_listed_run_and_whole_in_its_bucket() {
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    moto.bucket("exports-bucket").await.unwrap();
    let keys = moto.user("rail", &["s3:*"]).await.unwrap();
    moto.enforce().await.unwrap();
    let rail = Rail::builder()
        .customers(200)
        .variable("RAIL_S3_ENDPOINT", moto.endpoint())
        .variable("RAIL_S3_ACCESS_KEY_ID", &keys.access_key_id)
        .variable("RAIL_S3_SECRET_ACCESS_KEY", &keys.secret_access_key)
        .start()
        .await;
    let body = json!({
        "name": "Monthly Contract Export",
        "format": "CSV",
        "entities": ["contracts"],
        "filter": {
            "status": "ACTIVE",
            "createdAt": { "gte": "2025-01-01" }
        },
        "schedule": {
            "frequency": "MONTHLY",
            "day": far::day_of_month(),
            "time": "02:00"
        },
        "destination": {
            "type": "S3",
            "bucket": "exports-bucket",
            "path": "/contracts/"
        }
    });

    // Nothing is there yet, so the file holds its header only.
    let empty = rail.export(&body).await;
    assert_eq!(
        (text(&empty, "status"), &empty["rows"]),
        ("COMPLETED", &json!(0)),
        "{empty}"
    );
    let listed = rail.caller.get("/exports").await.expect(200);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&listed[0][name], value, "{name}");
    }

    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"], "mode": "FULL"}))
        .await;
    let mut customers = body.clone();
    customers["entities"] = json!(["customers"]);
    customers.as_object_mut().unwrap().remove("filter");
    let run = rail.export(&customers).await;

    assert_eq!(
        (text(&run, "status"), &run["rows"]),
        ("COMPLETED", &json!(200)),
        "{run}"
    );
    let file = &run["files"][0];
    let key = text(file, "path")
        .strip_prefix("s3://exports-bucket/")
        .unwrap();
    assert!(key.starts_with("contracts/customers-run_"), "{key}");
    let (status, bytes) = moto.look(&format!("/exports-bucket/{key}")).await.unwrap();
    assert_eq!(
        (status, file["bytes"].as_u64()),
        (200, Some(bytes.len() as u64))
    );
    assert_eq!(super::exports::sha256(&bytes), file["sha256"]);

    customers["destination"]["bucket"] = json!("no-such-bucket");
    let failed = rail.export(&customers).await;
    assert_eq!(text(&failed, "status"), "FAILED");
    assert!(
        text(&failed["error"], "message").contains("no-such-bucket"),
        "{failed}"
    );
    assert_eq!(failed["files"], Value::from(Vec::<Value>::new()));
}
