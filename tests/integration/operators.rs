//! A connector that an operator adds by one file.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rail_tests::harness::{Rail, text};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const ACME: &str = r#"
id = "acme"
name = "Acme"
category = "PAYMENTS"
status = "AVAILABLE"
features = ["orders"]
base_url = "https://api.acme.example"
auth = { kind = "bearer", credential = "token" }

[credentials.token]
title = "Access token"

[test]
path = "/v2/me"

[lists]
records = "/orders"
id = "/order_id"
created_at = { at = "/placed", format = "rfc3339" }
paging = { kind = "token", parameter = "page_token", next = "/next_page" }
page_size = { parameter = "page_size", size = 2 }
lookback_minutes = 10

[[entities]]
name = "orders"
path = "/v2/orders"
changes = { by = "whole_list", because = "Acme tells of no changes." }
"#;

/// A vendor nobody knows: three orders, two a page, and what it was asked.
struct Acme {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Acme {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&heard)));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Answers what is asked on one connection.
async fn serve(stream: TcpStream, asked: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut knows_key) = (String::new(), false);
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            knows_key |= line
                .trim_end()
                .eq_ignore_ascii_case("authorization: bearer acme-key");
            line.clear();
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = match knows_key {
            true => ("200 OK", answer(&path)),
            false => ("401 Unauthorized", json!({})),
        };
        asked.lock().unwrap().push(path);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
    }
}

fn answer(path: &str) -> Value {
    let order = |id: &str| json!({ "order_id": id, "placed": "2026-01-05T10:00:00Z" });
    match path {
        "/v2/me" => json!({}),
        path if path.contains("page_token=abc") => {
            json!({ "orders": [order("o_3")], "next_page": null })
        }
        _ => json!({ "orders": [order("o_1"), order("o_2")], "next_page": "abc" }),
    }
}

/// The product with Acme's file in its folder, and a connection to Acme.
async fn connected(folder: &Path, acme: &Acme) -> (Rail, String) {
    std::fs::write(folder.join("acme.toml"), ACME).unwrap();
    let rail = Rail::builder()
        .variable("RAIL_CONNECTORS_DIR", folder.to_str().unwrap())
        .variable("RAIL_CONNECTOR_ACME_BASE_URL", &acme.url)
        .start()
        .await;
    let body =
        json!({ "connectorId": "acme", "name": "Acme", "credentials": { "token": "acme-key" } });
    let made = rail.caller.post("/connections", &body).await.expect(201);
    let connection = text(&made, "connectionId").to_owned();
    (rail, connection)
}

/// What the catalogue calls Acme.
async fn name_of_acme(rail: &Rail) -> Option<String> {
    let listed = rail.caller.get("/connectors").await.expect(200);
    let acme = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|connector| connector["connectorId"] == "acme")?;
    Some(text(acme, "name").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twelfth_vendor_is_added_by_one_file_and_synced_to_its_end() {
    let (folder, acme) = (tempfile::tempdir().unwrap(), Acme::start().await);
    let (rail, connection) = connected(folder.path(), &acme).await;
    assert_eq!(name_of_acme(&rail).await.as_deref(), Some("Acme"));

    let done = rail.sync(&connection, &json!({ "mode": "FULL" })).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["orders"]["created"], 3);
    assert_eq!(
        acme.asked(),
        [
            "/v2/me",
            "/v2/orders?page_size=2",
            "/v2/orders?page_size=2&page_token=abc"
        ]
    );
    let records = rail.caller.get("/records/orders").await.expect(200);
    let ids = records.as_array().unwrap().iter();
    let mut ids: Vec<&str> = ids.map(|record| text(record, "externalId")).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["o_1", "o_2", "o_3"]);

    let refused =
        json!({ "connectorId": "acme", "name": "Acme", "credentials": { "token": "other" } });
    let refused = rail.caller.post("/connections", &refused).await;
    assert_eq!(refused.problem(422), "credentials-rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_counts_for_the_next_sync_and_a_bad_one_leaves_the_former() {
    let (folder, acme) = (tempfile::tempdir().unwrap(), Acme::start().await);
    let (rail, connection) = connected(folder.path(), &acme).await;
    let file = folder.path().join("acme.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let sync = async || {
        let done = rail.sync(&connection, &json!({ "mode": "FULL" })).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        acme.asked()
    };
    sync().await;

    let changed = ACME
        .replace("\"Acme\"", "\"Acme Two\"")
        .replace("size = 2", "size = 7");
    write(&changed);
    wait_until(SOON, "the api to take up the changed file", async || {
        name_of_acme(&rail).await.as_deref() == Some("Acme Two")
    })
    .await;
    wait_until(SOON, "the worker to take up the changed file", async || {
        sync().await[0].contains("page_size=7")
    })
    .await;

    // A bad file beside a good one: when the good one counts, the bad one was seen.
    let bad = changed.replace("/v2/orders", "/v2/{nobody}/orders");
    write(&bad.replace("Acme Two", "Acme Bad"));
    let beacon = changed.replace("\"acme\"", "\"beacon\"");
    std::fs::write(folder.path().join("beacon.toml"), beacon).unwrap();
    wait_until(SOON, "the new file", async || {
        let listed = rail.caller.get("/connectors").await.expect(200);
        let mut all = listed.as_array().unwrap().iter();
        all.any(|connector| connector["connectorId"] == "beacon")
    })
    .await;
    assert_eq!(name_of_acme(&rail).await.as_deref(), Some("Acme Two"));
    assert!(sync().await[0].contains("page_size=7"));

    std::fs::remove_file(&file).unwrap();
    wait_until(SOON, "the removed file", async || {
        name_of_acme(&rail).await.is_none()
    })
    .await;
}
