//! A vendor that costs next to nothing: pages made beforehand, in the shape of Stripe's customers and their events.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use poem::listener::TcpAcceptor;
use poem::web::{Data, Path, Query};
use poem::{EndpointExt, Route, get, handler, post};
use rail_shared::domain::Clock;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::spawn_blocking;

/// Records in a page, as many as Stripe's.
pub const PAGE: usize = 100;

/// The lists it has, all of the same records: as many as are read at once.
pub const ENTITIES: [&str; 4] = ["customers", "products", "prices", "invoices"];

/// What it is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct Wanted {
    /// Where it listens.
    #[arg(long)]
    port: u16,
    /// How many records it holds.
    #[arg(long)]
    records: usize,
    /// How long it takes for a page, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

struct World {
    latency: Duration,
    holds: RwLock<Holds>,
}

/// The records, and the events of the last change.
struct Holds {
    versions: Vec<u32>,
    pages: Vec<String>,
    events: Vec<(usize, i64)>,
}

/// Serves until it is killed.
pub async fn serve(wanted: &Wanted) -> anyhow::Result<()> {
    let world = Arc::new(World {
        latency: Duration::from_millis(wanted.latency_ms),
        holds: RwLock::new(Holds::new(wanted.records)),
    });
    let mut app = Route::new()
        .at("/v1/balance", get(account))
        .at("/v1/account", get(account))
        .at("/v1/events", get(events))
        .at("/change/:one_in", post(change));
    for entity in ENTITIES {
        app = app.at(format!("/v1/{entity}"), get(list));
    }
    let app = app.data(world);
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.port))).await?;
    poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .run(app)
        .await
        .context("the vendor ended")
}

impl Holds {
    fn new(records: usize) -> Self {
        let mut holds = Self {
            versions: vec![0; records],
            pages: vec![String::new(); records.div_ceil(PAGE)],
            events: Vec::new(),
        };
        for page in 0..holds.pages.len() {
            holds.make_page(page);
        }
        holds
    }

    fn make_page(&mut self, page: usize) {
        let places = page * PAGE..((page + 1) * PAGE).min(self.versions.len());
        let records: Vec<String> = places
            .map(|place| record(place, self.versions[place]))
            .collect();
        let more = page + 1 < self.pages.len();
        self.pages[page] = listed(&records, more);
    }

    /// Changes one record in so many.
    fn change(&mut self, one_in: usize, now: i64) {
        self.events.clear();
        for place in (0..self.versions.len()).step_by(one_in) {
            self.versions[place] += 1;
            self.events.push((place, now));
            self.make_page(place / PAGE);
        }
    }
}

/// The id of the record at a place.
pub fn id(place: usize) -> String {
    format!("cus_{place:014}")
}

/// About 1 KB, as a customer's is.
pub fn record(place: usize, version: u32) -> String {
    let id = id(place);
    format!(
        r#"{{"id":"{id}","object":"customer","address":{{"city":"Springfield {place}","country":"US","line1":"{place} Evergreen Terrace","line2":null,"postal_code":"{:05}","state":"OR"}},"balance":{},"created":{},"currency":"usd","default_source":null,"delinquent":false,"description":"Customer number {place}, version {version}, of the measurement; this text is as long as such texts are in life","discount":null,"email":"customer.{place}@example.com","invoice_prefix":"{:08X}","invoice_settings":{{"custom_fields":null,"default_payment_method":null,"footer":null,"rendering_options":null}},"livemode":true,"metadata":{{"plan":"plan_{}","segment":"segment_{}","account_manager":"manager{}@example.com","crm_id":"crm-{:012}"}},"name":"Customer {place}","next_invoice_sequence":{},"phone":"+1 555 {:07}","preferred_locales":["en-US"],"shipping":{{"address":{{"city":"Springfield","country":"US","line1":"{place} Evergreen Terrace","line2":null,"postal_code":"{:05}","state":"OR"}},"name":"Customer {place}","phone":null}},"tax_exempt":"none","test_clock":null}}"#,
        place % 100_000,
        (place * 37) % 10_000,
        1_700_000_000 - place,
        place,
        place % 7,
        place % 13,
        place % 29,
        place,
        place % 97,
        place % 10_000_000,
        place % 100_000,
    )
}

fn listed(records: &[String], more: bool) -> String {
    format!(
        r#"{{"object":"list","data":[{}],"has_more":{more},"url":"/v1/customers"}}"#,
        records.join(",")
    )
}

fn json(body: String) -> poem::Response {
    poem::Response::builder()
        .content_type("application/json")
        .body(body)
}

#[handler]
fn account() -> poem::Response {
    json(r#"{"id":"acct_1","object":"account"}"#.to_owned())
}

#[derive(Deserialize)]
struct Asked {
    starting_after: Option<String>,
}

impl Asked {
    /// The place after the record, or the event, that was named.
    fn place(&self) -> usize {
        let number = |id: &str| id.get(4..)?.parse::<usize>().ok();
        let after = self.starting_after.as_deref().and_then(number);
        after.map_or(0, |place| place + 1)
    }
}

/// Takes as long as it was told to.
#[allow(
    clippy::disallowed_methods,
    reason = "tokio's clock counts whole milliseconds; it blocks a thread made for that"
)]
async fn take_time(latency: Duration) {
    if !latency.is_zero() {
        // Fails only where the program ends.
        let _ = spawn_blocking(move || std::thread::sleep(latency)).await;
    }
}

#[handler]
async fn list(world: Data<&Arc<World>>, asked: Query<Asked>) -> poem::Response {
    take_time(world.latency).await;
    let holds = world.holds.read().await;
    let page = holds.pages.get(asked.place() / PAGE).cloned();
    json(page.unwrap_or_else(|| listed(&[], false)))
}

#[handler]
async fn events(world: Data<&Arc<World>>, asked: Query<Asked>) -> poem::Response {
    take_time(world.latency).await;
    let holds = world.holds.read().await;
    let first = asked.place();
    let places = first..(first + PAGE).min(holds.events.len());
    let more = places.end < holds.events.len();
    let told: Vec<String> = places
        .map(|place| {
            let (changed, at) = holds.events[place];
            let record = record(changed, holds.versions[changed]);
            format!(
                r#"{{"id":"evt_{place:014}","object":"event","created":{at},"type":"customer.updated","data":{{"object":{record}}}}}"#
            )
        })
        .collect();
    json(listed(&told, more))
}

#[handler]
async fn change(world: Data<&Arc<World>>, one_in: Path<usize>) -> String {
    let now = Clock::system().now().timestamp();
    world.holds.write().await.change(one_in.0, now);
    String::new()
}
