use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::BoxStream;
use rail_tests::draw::Draw;
use rail_tests::harness::{Caller, Rail};
use rail_tests::wait::SOON;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{append, tenant};

/// A client of server-sent events.
struct Client {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

/// What a client heard.
#[derive(Debug, PartialEq)]
struct Heard {
    id: String,
    kind: String,
    body: Value,
}

impl Client {
    async fn connect(caller: &Caller, query: &str, last: Option<&str>) -> Self {
        let path = format!("/events/stream{query}");
        let mut request = caller.request(Method::GET, &path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            bytes: answer.bytes_stream().boxed(),
            text: String::new(),
        }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines();
                    let mut found = lines.filter_map(|line| line.strip_prefix(name));
                    found.next().map(str::to_owned)
                };
                let heard = field("id: ").map(|id| Heard {
                    id,
                    kind: field("event: ").unwrap(),
                    body: serde_json::from_str(&field("data: ").unwrap()).unwrap(),
                });
                self.text = rest.to_owned();
                if heard.is_some() {
                    return heard;
                }
            }
            let chunk = timeout(SOON, self.bytes.next())
                .await
                .expect("a sign of life")?;
            self.text += std::str::from_utf8(&chunk.ok()?).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_what_happens_from_now_on_as_the_log_does() {
    let rail = Rail::builder().customers(1).start().await;
    let before = rail.connect_stripe().await;
    let mut client = Client::connect(&rail.caller, "", None).await;
    let after = rail.connect_stripe().await;

    let heard = client.next().await.unwrap();

    assert_ne!(before, after);
    assert_eq!(
        (&heard.id[..], &heard.kind[..]),
        ("2", "integration.connected")
    );
    assert_eq!(heard.body["data"]["connectionId"], json!(after));
    let log = rail.caller.get("/events?after=1").await.expect(200);
    assert_eq!(heard.body, log[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_some_events_passes_over_the_others() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = rail.connect_stripe().await;
    let query = format!("?after=0&connectionId={stripe}&types=integration.sync.completed");
    let mut client = Client::connect(&rail.caller, &query, None).await;
    rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    let heard = client.next().await.unwrap();
    assert_eq!(heard.kind, "integration.sync.completed");
    assert_eq!(heard.id, "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reconnects_at_random_sees_each_of_ten_thousand_events_once() {
    const EVENTS: usize = 10_000;
    let rail = Rail::builder().workers(0).start().await;
    let (store, tenant) = (rail.database.store(), tenant(&rail).await);
    let writing = tokio::spawn(async move {
        let mut draw = Draw::new(11, 0, 0);
        let mut left = EVENTS;
        while left > 0 {
            let count = draw.below(60).clamp(1, left as u64) as usize;
            append(&store, tenant, count).await;
            left -= count;
        }
    });
    let mut draw = Draw::new(12, 0, 0);
    let (mut seen, mut last, mut connections) = (Vec::new(), "0".to_owned(), 0);
    // Two processes: the reader does not care which one it comes back to.
    let callers = [rail.caller.clone(), rail.start_api().await];
    while seen.len() < EVENTS {
        let caller = &callers[connections % callers.len()];
        let mut client = Client::connect(caller, "", Some(&last)).await;
        connections += 1;
        for _ in 0..draw.below(400) {
            if seen.len() == EVENTS {
                break;
            }
            let heard = client.next().await.expect("an event");
            last = heard.id;
            seen.push(heard.body["sequence"].as_u64().unwrap());
        }
    }
    writing.await.unwrap();
    assert!(connections > 20, "{connections}");
    assert_eq!(seen, (1..=EVENTS as u64).collect::<Vec<_>>());
    let unique: BTreeSet<u64> = seen.into_iter().collect();
    assert_eq!(unique.len(), EVENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_no_number_is_refused() {
    let rail = Rail::builder().workers(0).start().await;
    let request = rail
        .caller
        .request(Method::GET, "/events/stream")
        .header("Last-Event-ID", "evt_1");
    let refused = rail_tests::harness::send(request).await;
    assert_eq!(refused.faults(), ["Last-Event-ID bad-event-id"]);
}
