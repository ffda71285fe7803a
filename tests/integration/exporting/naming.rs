//! Names of files, the manifest, and what is refused before anything runs.

use std::fs;

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
    body["schedule"] = json!({"frequency": "DAILY", "timezone": "Pacific/Kiritimati"});
    let export = created(&rail, &body).await;

    let done = run(&rail, &export).await;

    let asked_at: chrono::DateTime<chrono::Utc> = text(&done, "createdAt").parse().unwrap();
    // Fourteen hours ahead of UTC.
    let day = (asked_at + chrono::TimeDelta::hours(14)).date_naive();
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
    let again = format!("{export}/runs/{}", text(&again, "runId"));
    let refused = |run: &Value| run["error"]["origin"] == "DESTINATION";
    let again = rail.until(&again, refused).await;
    assert!(
        text(&again["error"], "message").contains("exists already"),
        "{again}"
    );
    assert_eq!(fs::read(path_of(&done["files"][0])).unwrap(), before);
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
