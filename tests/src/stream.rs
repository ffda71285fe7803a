//! A client of the stream of events.

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::Caller;
use crate::wait::SOON;

/// A connection to the stream.
pub struct Client {
    answer: Response,
    text: String,
}

/// What a client heard.
#[derive(Debug, PartialEq)]
pub struct Heard {
    /// The event's number.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// All of it.
    pub body: Value,
}

impl Client {
    /// Connects; `None` when nobody answers, or somebody refuses, as while the api starts.
    ///
    /// # Panics
    /// When what is answered is no stream.
    pub async fn connect(caller: &Caller, query: &str, last: Option<&str>) -> Option<Self> {
        let path = format!("/events/stream{query}");
        let mut request = caller.request(Method::GET, &path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Some(Self {
            answer,
            text: String::new(),
        })
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Panics
    /// When there is no sign of life for long.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut found = block.lines().filter_map(|line| line.strip_prefix(name));
                    found.next().map(str::to_owned)
                };
                let heard = field("id: ").map(|id| Heard {
                    id,
                    kind: field("event: ").expect("a type"),
                    body: serde_json::from_str(&field("data: ").expect("an event")).expect("JSON"),
                });
                self.text = rest.to_owned();
                if heard.is_some() {
                    return heard;
                }
            }
            let chunk = timeout(SOON * 2, self.answer.chunk()).await;
            let chunk = chunk.expect("a sign of life").ok()??;
            self.text += std::str::from_utf8(&chunk).ok()?;
        }
    }
}
