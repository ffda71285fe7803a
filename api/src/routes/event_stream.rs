//! The stream of events.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Header, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use rail_shared::domain::ConnectionId;
use rail_shared::store::events;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::{place, wanted};
use super::{BASE, Tag};
use crate::events::Reader;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Follows, Refusal};
use crate::schemas::wire::Id;
use crate::state::Api;

const MEDIA_TYPE: &str = "text/event-stream";
/// How long a stream lasts: whoever connects again shows its key again.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// A line that says nothing, so that nobody on the way takes the connection for dead.
const HEARTBEAT: (Duration, Bytes) = (Duration::from_secs(15), Bytes::from_static(b": \n\n"));

/// The operations on the stream of events.
#[derive(Debug, Default)]
pub struct EventStream;

#[OpenApi(prefix_path = BASE, tag = "Tag::Events")]
impl EventStream {
    /// Stream events.
    ///
    /// Server-sent events: `id` is the event's number, `event` its type, `data` the event as `GET /events` shows it. A client
    /// that reconnects says with Last-Event-ID which one it had last and gets everything after it, each once; without that,
    /// and without `after`, it gets what happens from now on. A comment comes every 15 seconds while nothing happens. The stream ends after 15 minutes, and a client connects again. When
    /// events in between are not kept any more, the answer is 410 `events-forgotten`.
    #[oai(path = "/events/stream", method = "get", operation_id = "streamEvents")]
    async fn stream(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// The number of the last event that the client has. It counts before `after`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// Only those after this number; from now on when left out.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
        /// Only of these types, with commas between them.
        types: Query<Option<String>>,
        /// Only on this connection.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
    ) -> Result<Stream, Refusal<Follows>> {
        let wanted = wanted(types.0.as_deref(), connection_id.0)?;
        let last_event_id = last_event_id.0.filter(|id| !id.is_empty());
        let number = |id: String| id.parse::<u64>().ok().and_then(|id| i64::try_from(id).ok());
        let seen = match last_event_id.map(number) {
            Some(Some(seen)) => Some(seen),
            Some(None) => {
                let detail = "The id of an event in this stream is a number.";
                return Err(Problem::fault("Last-Event-ID", "bad-event-id", detail).into());
            }
            None => after.0,
        };
        let tenant = caller.tenant();
        let reach = events::reach(&mut *api.store.connect().await?, tenant).await?;
        let place = place(reach, seen)?;
        let place = if seen.is_some() { place } else { reach.last };
        let reader = api
            .tails
            .reader(&api.store, tenant, wanted, place, reach.last);
        Ok(Stream {
            reader,
            stop: api.stopping.clone(),
            ends: Instant::now() + LASTS,
        })
    }
}

/// Events on their way out, for as long as somebody takes them.
pub struct Stream {
    reader: Reader,
    stop: CancellationToken,
    ends: Instant,
}

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        let first = Some(Bytes::from_static(b"retry: 1000\n\n"));
        let lines = stream::unfold((self, first), |(mut stream, first)| async move {
            let next = match first {
                Some(lines) => lines,
                None => stream.next().await?,
            };
            Some((Ok::<_, io::Error>(next), (stream, None)))
        });
        Response::builder()
            .content_type(MEDIA_TYPE)
            // Of nginx: what is held back there until a buffer is full comes too late.
            .header("X-Accel-Buffering", "no")
            .body(Body::from_bytes_stream(lines))
    }
}

impl Stream {
    /// What is said next; `None` to end: the client connects again.
    async fn next(&mut self) -> Option<Bytes> {
        if Instant::now() >= self.ends {
            return None;
        }
        let (every, heartbeat) = HEARTBEAT;
        let next = tokio::time::timeout(every, self.reader.next());
        match self.stop.run_until_cancelled(next).await? {
            // Without lines: who connects again is told that what came next is not kept any more.
            Ok(Ok(lines)) => lines,
            Err(_) => Some(heartbeat),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a stream of events ends: its reader cannot read on"
                );
                None
            }
        }
    }
}

impl ApiResponse for Stream {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Events, for as long as they are taken",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: MEDIA_TYPE,
                    schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
                }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use rail_shared::domain::TenantId;
    use rail_shared::secrets::SecretString;
    use rail_shared::store::Store;
    use rail_shared::store::events::Wanted;

    use super::*;
    use crate::events::Tails;

    #[tokio::test(start_paused = true)]
    async fn a_stream_on_which_nothing_happens_shows_signs_of_life_and_ends() {
        // Nobody is there: what the reader has is all that it is given.
        let nobody = SecretString::from("postgres://rail@127.0.0.1:9/rail");
        let store = Store::new(&nobody, 1).unwrap();
        let begun = Instant::now();
        let mut stream = Stream {
            reader: Tails::default().reader(&store, TenantId::new(), Wanted::default(), 3, 3),
            stop: CancellationToken::new(),
            ends: begun + LASTS,
        };
        let (every, heartbeat) = HEARTBEAT;
        let mut beats = 0;
        while let Some(said) = stream.next().await {
            assert_eq!(said, heartbeat);
            beats += 1;
            assert_eq!(begun.elapsed().as_secs(), every.as_secs() * beats);
        }
        assert_eq!(beats, LASTS.as_secs() / every.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_once_when_the_process_is_to_stop() {
        let nobody = SecretString::from("postgres://rail@127.0.0.1:9/rail");
        let store = Store::new(&nobody, 1).unwrap();
        let stop = CancellationToken::new();
        let mut stream = Stream {
            reader: Tails::default().reader(&store, TenantId::new(), Wanted::default(), 0, 0),
            stop: stop.clone(),
            ends: Instant::now() + LASTS,
        };
        stop.cancel();
        assert_eq!(stream.next().await, None);
    }
}
