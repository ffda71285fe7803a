//! Names of files, the manifest, and what is refused before anything runs.

use std::fs;

use rail_tests::far;
use rail_tests::harness::{Rail, text};
use serde_json::{Value, json};

use super::{asked, created, lines_of, path_of, put, run};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_called_as_their_owner_says_and_the_manifest_lists_them() {
    let rail = Rail::builder().start().await;
    put(
        &rail.caller,
        "deals",
        "{\"id\":\"a\",\"n\":1.50}\n{\"id\":\"b\"}\n",
    )
    .await;
    put(&rail.caller, "visits", "{\"id\":\"v\"}\n").await;
    let mut body = lines_of(&["deals", "visits"]);
    body["name"] = "For / Berlin".into();
    body["filter"] = json!({"id": {"ne": "zzz"}});
    body["destination"]["path"] = "out/{name}/{date}".into();
    body["options"]["fileName"] = "{entity}.all".into();
    let (zone, ahead_h) = far::zone();
    body["schedule"] = json!({"frequency": "DAILY", "time": far::time_of_day(), "timezone": zone});
    let export = created(&rail, &body).await;

    let done = run(&rail, &export).await;

    let asked_at: chrono::DateTime<chrono::Utc> = text(&done, "createdAt").parse().unwrap();
    let day = (asked_at + chrono::TimeDelta::hours(ahead_h)).date_naive();
    let folder = rail.export_dir().join(format!("out/For---Berlin/{day}"));
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["deals.all.ndjson", "manifest.all.json", "visits.all.ndjson"]
    );
    let manifest = fs::read_to_string(folder.join("manifest.all.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["runId"], done["runId"]);
    assert_eq!(manifest["filter"], json!({"id": {"ne": "zzz"}}));
    assert_eq!(
        (&manifest["rows"], &manifest["viewedAt"]),
        (&json!(3), &done["viewedAt"])
    );
    let listed = &manifest["files"][0];
    for name in ["rows", "bytes", "sha256"] {
        assert_eq!(listed[name], done["files"][0][name], "{name}");
    }
    assert_eq!(
        listed["schema"],
        json!([
            {"name": "id", "type": "TEXT", "nullable": false},
            {"name": "n", "type": "DECIMAL", "precision": 3, "scale": 2, "nullable": true},
        ])
    );
    let path = format!("{export}/runs/{}/files/manifest", text(&done, "runId"));
    assert_eq!(rail.caller.get(&path).await.status, 200);

    // The same names on the same day: what is there is not touched.
    let before = fs::read(path_of(&done["files"][0])).unwrap();
    put(&rail.caller, "deals", "{\"id\":\"c\"}\n").await;
    let again = asked(&rail, &format!("{export}/run"), 202).await;
    let again = rail
        .ended(&format!("{export}/runs/{}", text(&again, "runId")))
        .await;
    assert_eq!(
        (&again["status"], &again["attempt"]),
        (&json!("FAILED"), &json!(1)),
        "{again}"
    );
    assert!(
        text(&again["error"], "message").contains("exists already"),
        "{again}"
    );
    assert_eq!(fs::read(path_of(&done["files"][0])).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_file_can_have_is_refused_before_anything_runs() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    // A hundred characters of three bytes.
    body["name"] = "名".repeat(100).into();
    let _ = created(&rail, &body).await;
    body["options"]["fileName"] = "{name}".into();
    let refused = rail.caller.post("/exports", &body).await;
    assert_eq!(refused.faults(), ["/options/fileName bad-file-name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_do_not_fit_are_refused_all_at_once() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    put(&rail.caller, "manifest", "{\"id\":\"a\"}\n").await;
    let body_of = |format: &str, options: Value, path: &str| {
        json!({
            "name": "Test", "format": format, "entities": ["deals", "manifest"], "options": options,
            "destination": {"type": "LOCAL", "path": path},
        })
    };
    for (body, faults) in [
        (
            body_of(
                "PARQUET",
                json!({"compression": "GZIP", "guardFormulas": true, "layout": "LINES"}),
                "x",
            ),
            vec![
                "/options/compression option-of-another-format",
                "/options/guardFormulas option-of-another-format",
                "/options/layout option-of-another-format",
            ],
        ),
        (
            body_of(
                "CSV",
                json!({"fileName": "all", "fields": ["a", "a"]}),
                "x/{run}",
            ),
            vec![
                "/destination/path bad-path",
                "/options/fields/1 duplicate",
                "/options/fileName names-collide",
            ],
        ),
        (
            body_of("JSON", json!({"fileName": "{entity}/{x}"}), "x"),
            vec![
                "/entities/1 names-collide",
                "/options/fileName bad-file-name",
            ],
        ),
        (
            body_of("JSON", json!({}), "x"),
            vec!["/entities/1 names-collide"],
        ),
        (
            body_of(
                "XML",
                json!({"nested": "DEEP", "unknown": 1, "layout": "LINES", "fileName": "a/{b}"}),
                "x",
            ),
            vec![
                "/options/fileName bad-file-name",
                "/options/layout option-of-another-format",
                "/options/nested option-of-another-format",
                "/options/nested unknown-value",
                "/options/unknown unknown-field",
            ],
        ),
    ] {
        let refused = rail.caller.post("/exports", &body).await;
        assert_eq!(refused.status, 422, "{body}");
        let mut found = refused.faults();
        found.sort();
        assert_eq!(found, faults, "{body}");
    }
    let fits = body_of("CSV", json!({"fileName": "all", "raw": true}), "x/{entity}");
    let _ = rail.caller.post("/exports", &fits).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_of_more_fields_than_a_file_can_have_asks_for_a_choice() {
    let rail = Rail::builder().start().await;
    let members = (0..5_000).map(|n| format!(",\"f{n}\":{n}"));
    let record = format!("{{\"id\":\"a\"{}}}\n", members.collect::<String>());
    put(&rail.caller, "deals", &record).await;
    let mut body = json!({
        "name": "Wide", "format": "CSV", "entities": ["deals"],
        "destination": {"type": "LOCAL", "path": "wide"},
    });
    let export = created(&rail, &body).await;
    let refused = asked(&rail, &format!("{export}/run"), 202).await;

    let refused = rail
        .ended(&format!("{export}/runs/{}", text(&refused, "runId")))
        .await;

    assert_eq!(
        (
            &refused["status"],
            &refused["attempt"],
            &refused["error"]["message"]
        ),
        (
            &json!("FAILED"),
            &json!(1),
            &json!(
                "The records have more than 5000 different fields. Name those you want in the export's options.fields."
            )
        ),
        "{refused}"
    );
    body["options"] = json!({"fields": ["f7", "id"]});
    let export = created(&rail, &body).await;
    let done = run(&rail, &export).await;
    let written = fs::read_to_string(path_of(&done["files"][0])).unwrap();
    assert_eq!(written, "f7,id\r\n7,a\r\n");
}
