//! The log of events.

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use rail_shared::domain::{ConnectionId, EventType, UnknownWord};
use rail_shared::store::events::{self, On, Reach, Wanted};

use super::{BASE, Tag};
use crate::http::answer::Followed;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Follows, Refusal};
use crate::schemas::cursor::default_limit;
use crate::schemas::event::Event;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on the log of events.
#[derive(Debug, Default)]
pub struct Events;

#[OpenApi(prefix_path = BASE, tag = "Tag::Events")]
impl Events {
    /// Follow the log of events.
    ///
    /// Each event has the number after the one before it, and is written in the transaction of what it reports: whoever sees
    /// no number missing has missed nothing. Begin without `after` and you get the oldest events that are kept; go on with
    /// `nextCursor`, at once while `hasMore`, else when you like. When events after `after` are not kept any more, the answer
    /// is 410 `events-forgotten`.
    #[oai(path = "/events", method = "get", operation_id = "listEvents")]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Only those after this number: the `sequence` of the last one you have, or `nextCursor`.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
        /// Only of these types, with commas between them.
        types: Query<Option<String>>,
        /// Only on this connection.
        #[oai(name = "connectionId")]
        connection_id: Query<Option<Id<ConnectionId>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
    ) -> Result<Followed<Event>, Refusal<Follows>> {
        let wanted = wanted(types.0.as_deref(), connection_id.0)?;
        let mut view = api.store.glance().await?;
        let reach = events::reach(&mut view, caller.tenant()).await?;
        let after = place(reach, after.0)?;
        let rows = events::read(&mut view, caller.tenant(), after, &wanted, limit.0).await?;
        let next = match rows.last() {
            Some(last) if rows.len() == usize::from(limit.0) => last.seq,
            _ => reach.last,
        };
        Ok(Followed::of(rows, next.to_string(), next < reach.last))
    }
}

/// Which events are asked for.
///
/// # Errors
/// 422 `unknown-type`.
pub fn wanted(
    types: Option<&str>,
    connection_id: Option<Id<ConnectionId>>,
) -> Result<Wanted, Problem> {
    let types = types.map_or(Ok(Vec::new()), |types| {
        types.split(',').map(|word| word.trim().parse()).collect()
    });
    let types: Vec<EventType> = types.map_err(|unknown: UnknownWord| {
        let known = unknown.expected.join(", ");
        let detail = format!("{:?} is none of {known}.", unknown.found);
        Problem::fault("types", "unknown-type", detail)
    })?;
    let on = connection_id.map_or(On::All, |id| On::Connection(id.0));
    Ok(Wanted { types, on })
}

/// The number after which a reader goes on.
///
/// # Errors
/// 410 `events-forgotten`; 422 when the log has never had the number.
pub fn place(reach: Reach, after: Option<i64>) -> Result<i64, Problem> {
    let oldest = reach.first - 1;
    let after = after.unwrap_or(oldest);
    if after < oldest {
        let detail = format!(
            "The oldest event that is kept has the number {}; begin without `after` and treat what you have as incomplete.",
            reach.first
        );
        return Err(Problem::new(StatusCode::GONE, "events-forgotten", detail));
    }
    if after > reach.last {
        let detail = format!("The newest event has the number {}.", reach.last);
        return Err(Problem::fault("after", "ahead-of-log", detail));
    }
    Ok(after)
}
