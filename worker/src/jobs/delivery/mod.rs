//! Tells a webhook what happened. The job of a webhook follows its tenant's log for as long as the webhook lives: it is due
//! while there is something to send, and is put back when there is not.
//!
//! Nothing is written when an event happens but the event: what is still to be sent is what the log holds behind the
//! webhook's place. Events of one connection are sent one after the other, those of several side by side
//! (docs/decisions/0026).

mod lane;
mod pace;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use rail_shared::domain::{ConnectionId, Event, EventType, WebhookStatus};
use rail_shared::secrets::{WebhookBinding, WebhookSecrets};
use rail_shared::store::StoreError;
use rail_shared::store::events::{self, NewEvent, Wanted};
use rail_shared::store::webhooks::{self, Lane, OfLane, WebhookRow};
use tokio::time::Instant;

use self::lane::{Serving, Stopped, Tried};
use self::waits::FAILING_FOR;
use crate::runtime::{Attempt, Halt, Outcome};

/// Events of the log that are read at once.
const EVENTS: u16 = 500;
/// Events of one lane that are read at once.
const OF_LANE: u16 = 100;
/// Lanes that go on side by side.
const SIDE_BY_SIDE: usize = 16;
/// Events to be sent once more that are looked at at once.
const AGAIN: i64 = 50;
/// How long lanes that are slow hold up what else there is.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one webhook is served before others that wait get its slot.
const TURN: Duration = Duration::from_secs(10);
/// Until it is looked whether a worker has the master key by then.
const WITHOUT_KEY: Duration = Duration::from_secs(300);
/// Lanes that were left behind and are looked at at once.
const BEHIND: i64 = 200;
/// How many claims there are between two times that old ones are forgotten.
const CLAIMS: i64 = 100;
/// Until somebody wakes it.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// Serves the webhook until there is nothing to send to it.
pub(super) async fn run(attempt: &Attempt) -> Result<Outcome, Halt> {
    let begun = Instant::now();
    let mut conn = attempt.worker.store.connect().await?;
    if attempt.lease.fence % CLAIMS == 0 {
        webhooks::forget_claims(&mut conn, &attempt.lease).await?;
    }
    let Some(webhook) = webhooks::open(&mut conn, &attempt.lease).await? else {
        return Err(StoreError::LeaseLost.into());
    };
    if webhook.status != WebhookStatus::Enabled {
        return Ok(Outcome::Snooze(FOR_EVER));
    }
    if webhook.retry_at.is_some()
        && let Some(rest) = webhooks::rest_left(&mut conn, webhook.id).await?
    {
        return Ok(Outcome::Snooze(rest));
    }
    let Some(secrets) = secrets_of(attempt, &webhook) else {
        // Another worker may have the key, or this one may be given it.
        webhooks::rest(&mut conn, &attempt.lease, WITHOUT_KEY).await?;
        return Ok(Outcome::Snooze(WITHOUT_KEY));
    };
    drop(conn);
    let mut serving = Serving::new(attempt, webhook, secrets);
    loop {
        let (sent_again, next_again) = again(&serving).await?;
        let (caught_up, next_behind) = catch_up(&serving).await?;
        let read = follow(&mut serving).await?;
        if is_changed(&serving).await? {
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        if let Some(reason) = reason_to_end(&serving) {
            disable(&serving, reason).await?;
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        if let Some(rest) = serving.rest() {
            return Ok(Outcome::Snooze(rest));
        }
        if serving.is_over() || begun.elapsed() >= TURN {
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        if !(sent_again || caught_up || read) {
            let next = [next_again, next_behind].into_iter().flatten().min();
            // Whoever is woken at once keeps to the pace as well.
            serving.pace.turn().await;
            return Ok(Outcome::Snooze(next.unwrap_or(FOR_EVER)));
        }
    }
}

/// Why the webhook gets no more events, if it does not.
fn reason_to_end(serving: &Serving<'_>) -> Option<&'static str> {
    if serving.is_gone() {
        Some("Its receiver answered 410: it wants no more events.")
    } else if serving.has_failed() && serving.failing_for() >= FAILING_FOR {
        Some("Its receiver took no event for five days.")
    } else {
        None
    }
}

/// Whether its owner changed the webhook since it was opened: the next claim reads it anew.
async fn is_changed(serving: &Serving<'_>) -> Result<bool, Halt> {
    let attempt = serving.attempt;
    let mut conn = attempt.worker.store.connect().await?;
    let now = webhooks::version(&mut conn, &attempt.lease).await?;
    Ok(now != Some(serving.webhook.version))
}

fn secrets_of(attempt: &Attempt, webhook: &WebhookRow) -> Option<WebhookSecrets> {
    let of = WebhookBinding {
        tenant_id: webhook.tenant_id,
        webhook_id: webhook.id,
    };
    let ring = &attempt.worker.key_ring;
    match WebhookSecrets::open(ring, &webhook.sealed, &webhook.sealed_by, of) {
        Ok(secrets) => secrets,
        Err(error) => {
            tracing::error!(webhook.id = %webhook.id, %error, "the secrets of a webhook do not open");
            None
        }
    }
}

/// Sends once more what somebody wants sent once more. Returns whether there was something, and how long until the next.
async fn again(serving: &Serving<'_>) -> Result<(bool, Option<Duration>), Halt> {
    let mut conn = serving.attempt.worker.store.connect().await?;
    let (due, next) = webhooks::due_resends(&mut conn, &serving.webhook, AGAIN).await?;
    drop(conn);
    let until = Instant::now() + PATIENCE;
    for resend in &due {
        serving.pace.turn().await;
        if serving.is_over() || Instant::now() >= until {
            break;
        }
        let tried = Tried {
            attempts: resend.attempts,
            failing_for: resend.failing_for,
        };
        serving
            .tell(&resend.event, OfLane::Again(resend.asks), tried, None)
            .await?;
    }
    Ok((!due.is_empty(), next))
}

/// Goes on with lanes that were left behind. Returns whether one was due, and how long until the next is.
async fn catch_up(serving: &Serving<'_>) -> Result<(bool, Option<Duration>), Halt> {
    let mut conn = serving.attempt.worker.store.connect().await?;
    let lanes = webhooks::lanes_behind(&mut conn, serving.webhook.id, BEHIND).await?;
    drop(conn);
    let (due, later): (Vec<Lane>, Vec<Lane>) = lanes
        .into_iter()
        .partition(|lane| lane.due_in == Some(Duration::ZERO));
    let until = Instant::now() + PATIENCE;
    let going = due.iter().map(|lane| go_on(serving, *lane, until).boxed());
    side_by_side(serving, going.collect()).await?;
    let next = later.iter().filter_map(|lane| lane.due_in).min();
    Ok((!due.is_empty(), next))
}

async fn go_on(serving: &Serving<'_>, lane: Lane, until: Instant) -> Result<(), Halt> {
    if serving.is_over() || Instant::now() >= until {
        return Ok(());
    }
    let attempt = serving.attempt;
    let mut conn = attempt.worker.store.connect().await?;
    let found = webhooks::behind(&mut conn, &serving.webhook, &lane, OF_LANE).await?;
    drop(conn);
    let tried = Tried {
        attempts: lane.attempts,
        failing_for: lane.failing_for,
    };
    let connection = lane.connection_id;
    let stopped = serving
        .deliver(connection, &found, tried, true, until)
        .await?;
    let last = found.last().map_or(lane.done_seq, |event| event.seq);
    let (done_seq, behind) = match stopped {
        Stopped::Failed => return Ok(()),
        // Nothing was tried: what is known of its next event stays.
        Stopped::Left(done_seq) if done_seq <= lane.done_seq => return Ok(()),
        Stopped::Left(done_seq) => (done_seq, true),
        Stopped::Done => (last, found.len() == usize::from(OF_LANE)),
    };
    let mut conn = attempt.worker.store.connect().await?;
    webhooks::place(&mut conn, &attempt.lease, connection, done_seq, behind).await?;
    Ok(())
}

/// Reads on in the log and delivers what it says. Returns whether it said anything.
async fn follow(serving: &mut Serving<'_>) -> Result<bool, Halt> {
    if serving.is_over() {
        return Ok(false);
    }
    let attempt = serving.attempt;
    let (tenant, after) = (serving.webhook.tenant_id, serving.webhook.read_seq);
    let mut conn = attempt.worker.store.connect().await?;
    let read = events::read(&mut conn, tenant, after, &Wanted::default(), EVENTS).await?;
    let Some(last) = read.last().map(|event| event.seq) else {
        return Ok(false);
    };
    let mut by_lane: BTreeMap<Option<ConnectionId>, Vec<Event>> = BTreeMap::new();
    for event in read {
        by_lane.entry(event.connection_id).or_default().push(event);
    }
    let known = webhooks::lanes_of(&mut conn, serving.webhook.id, by_lane.keys().copied()).await?;
    drop(conn);
    let behind: BTreeSet<Option<ConnectionId>> = known
        .iter()
        .filter(|lane| lane.due_in.is_some())
        .map(|lane| lane.connection_id)
        .collect();
    for lane in &known {
        // What was delivered before a worker died.
        if let Some(events) = by_lane.get_mut(&lane.connection_id) {
            events.retain(|event| event.seq > lane.done_seq);
        }
    }
    by_lane.retain(|connection, _| !behind.contains(connection));
    let until = Instant::now() + PATIENCE;
    let going = by_lane
        .into_iter()
        .map(|(connection, events)| begin(serving, connection, events, until).boxed());
    let ended = side_by_side(serving, going.collect()).await?;
    let left: Vec<_> = ended.into_iter().flatten().collect();
    let mut conn = attempt.worker.store.connect().await?;
    webhooks::advance(&mut conn, &attempt.lease, last, &left).await?;
    serving.webhook.read_seq = last;
    Ok(true)
}

/// Delivers events of one connection; returns where they were left, if they were.
async fn begin(
    serving: &Serving<'_>,
    connection: Option<ConnectionId>,
    events: Vec<Event>,
    until: Instant,
) -> Result<Option<(Option<ConnectionId>, i64)>, Halt> {
    let first = Tried::default();
    let stopped = serving
        .deliver(connection, &events, first, false, until)
        .await?;
    Ok(match stopped {
        Stopped::Left(done_seq) => Some((connection, done_seq)),
        Stopped::Done | Stopped::Failed => None,
    })
}

/// A receiver that failed is asked with one event at a time whether it is back.
async fn side_by_side<T: Send>(
    serving: &Serving<'_>,
    lanes: Vec<BoxFuture<'_, Result<T, Halt>>>,
) -> Result<Vec<T>, Halt> {
    let at_once = if serving.is_failing() {
        1
    } else {
        SIDE_BY_SIDE
    };
    // All of them to their end, also when one fails: what is being sent is to be noted.
    let ended: Vec<_> = stream::iter(lanes)
        .buffer_unordered(at_once)
        .collect()
        .await;
    ended.into_iter().collect()
}

async fn disable(serving: &Serving<'_>, reason: &str) -> Result<(), Halt> {
    let (attempt, version) = (serving.attempt, serving.webhook.version);
    let mut transaction = attempt.worker.store.begin().await?;
    if webhooks::disable(&mut transaction, &attempt.lease, version, reason).await? {
        let disabled = NewEvent {
            tenant_id: attempt.lease.tenant_id,
            connection_id: None,
            event_type: EventType::WebhookDisabled,
            subject_id: attempt.lease.job_id.uuid(),
        };
        let listening = events::append(&mut transaction, &[disabled]).await?;
        transaction.commit().await?;
        attempt.worker.waking.tenants(listening);
    }
    Ok(())
}
