//! OAuth 2: persons authorize connections, and many workers share what they were granted.

mod brought;
mod consents;
mod refreshing;
mod users;

use rail_shared::connectors::Source;
use rail_shared::secrets::Binding;
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::{api_keys, connections};
use rail_tests::harness::{Answer, Rail, text};
use rail_tests::sandbox::quickbooks::QuickBooks;
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Sandbox, Vendor};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

const CUSTOMERS: u64 = 30;

/// The rail beside a fake QuickBooks.
async fn with_quickbooks(vendor: fn(&Start) -> QuickBooks) -> (Rail, Sandbox<QuickBooks>) {
    let quickbooks = Start::new(5, CUSTOMERS).serve(vendor);
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_QUICKBOOKS_BASE_URL", &quickbooks.base_url())
        .start()
        .await;
    (rail, quickbooks)
}

/// A connection with these credentials.
async fn connect(rail: &Rail, connector: &str, credentials: &Value) -> Value {
    let body = json!({"connectorId": connector, "name": "Our <books>", "credentials": credentials});
    rail.caller.post("/connections", &body).await.expect(201)
}

/// One to QuickBooks by tokens that somebody has already; returns its id.
async fn connect_by_tokens(rail: &Rail, quickbooks: &QuickBooks) -> String {
    let made = connect(rail, "quickbooks", &quickbooks.credentials()).await;
    assert_eq!(made["status"], "ACTIVE", "{made}");
    text(&made, "connectionId").to_owned()
}

/// The app's own credentials, as a vendor's sandbox knows it.
fn app(vendor: &dyn Vendor) -> Value {
    let all = vendor.credentials();
    json!({"clientId": all["clientId"], "clientSecret": all["clientSecret"]})
}

/// Where the vendor sends a person back who opens the page of consent, below the base path.
async fn consented(rail: &Rail, connection: &str) -> String {
    let begun = rail
        .caller
        .post(
            &format!("/connections/{connection}/authorize"),
            &Value::Null,
        )
        .await
        .expect(200);
    let browser = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let page = browser
        .get(text(&begun, "authorizeUrl"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 302, "{}", page.text().await.unwrap());
    let back = page.headers()["location"].to_str().unwrap();
    let base = format!("{}/api/v1/integrations", rail.url());
    back.strip_prefix(&base).expect("our callback").to_owned()
}

/// Goes back there, as a browser does: without a key.
async fn come_back(rail: &Rail, path: &str) -> Answer {
    rail.caller.anonymous().get(path).await
}

async fn status(rail: &Rail, connection: &str) -> String {
    let row = rail.caller.get(&format!("/connections/{connection}")).await;
    text(&row.expect(200), "status").to_owned()
}

fn customers(mode: &str) -> Value {
    json!({"entities": ["customers"], "mode": mode})
}

/// The tenant and the connection.
async fn binding(rail: &Rail, connection: &str) -> Binding {
    let mut conn = rail.database.store().connect().await.unwrap();
    let tenant_id = api_keys::ensure_tenant(&mut conn, "default").await.unwrap();
    Binding {
        tenant_id,
        connection_id: connection.parse().unwrap(),
    }
}

/// The connection as another worker opens it.
async fn opened(rail: &Rail, connection: &str) -> Source {
    rail.worker().open(&stored(rail, connection).await).unwrap()
}

/// The connection as fifty users in two workers open it.
async fn opened_by_fifty(rail: &Rail, connection: &str) -> Vec<Source> {
    let (row, workers) = (
        stored(rail, connection).await,
        [rail.worker(), rail.worker()],
    );
    let opened = (0..50).map(|user| workers[user % 2].open(&row).unwrap());
    opened.collect()
}

async fn stored(rail: &Rail, connection: &str) -> ConnectionRow {
    let Binding {
        tenant_id,
        connection_id,
    } = binding(rail, connection).await;
    let mut conn = rail.database.store().connect().await.unwrap();
    let row = connections::find(&mut conn, tenant_id, connection_id).await;
    row.unwrap().unwrap()
}
