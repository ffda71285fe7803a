//! The connection a pump keeps for itself, because a pop that blocks would hold up whoever shared it.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError, cmd, pipe};
use tokio_util::sync::CancellationToken;

use super::{Doorbell, QueueError};

/// How long one pop blocks. A connection that died without a word is noticed this much later, and [`GRACE`].
const BLOCK_FOR: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
const UNBLOCK_EVERY: Duration = Duration::from_millis(50);

/// The list, and what was popped from it.
pub(super) type Popped = (String, Vec<Vec<u8>>);

pub(super) struct Line {
    doorbell: Doorbell,
    connection: MultiplexedConnection,
    client_id: i64,
    pops: Pops,
}

enum Pops {
    /// `BLMPOP`.
    Many,
    /// Redis before 7.0 does not know it: `BRPOP`, and then what else is there.
    OneThenMore,
}

impl Line {
    pub(super) async fn connect(doorbell: &Doorbell) -> Result<Self, QueueError> {
        let mut connection = doorbell.connect(BLOCK_FOR + GRACE).await?;
        let client_id = cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        Ok(Self {
            doorbell: doorbell.clone(),
            connection,
            client_id,
            pops: Pops::Many,
        })
    }

    /// Takes the oldest entries of the first list that has some, waiting a little for the first. When `stop` fires it
    /// comes back at once, with whatever Redis had handed out by then.
    pub(super) async fn pop(
        &mut self,
        lists: &[String],
        at_most: usize,
        stop: &CancellationToken,
    ) -> Result<Option<Popped>, QueueError> {
        let seconds = BLOCK_FOR.as_secs();
        if matches!(self.pops, Pops::Many) {
            let mut many = cmd("BLMPOP");
            many.arg(seconds)
                .arg(lists.len())
                .arg(lists)
                .arg("RIGHT")
                .arg("COUNT")
                .arg(at_most);
            match self.ask::<Option<Popped>>(&many, stop).await {
                Err(error) if is_unknown_command(&error) => self.pops = Pops::OneThenMore,
                popped => return Ok(popped?),
            }
        }
        let one = cmd("BRPOP").arg(lists).arg(seconds).take();
        let Some((list, first)) = self.ask::<Option<(String, Vec<u8>)>>(&one, stop).await? else {
            return Ok(None);
        };
        let mut more = pipe();
        for _ in 1..at_most {
            more.cmd("RPOP").arg(&list);
        }
        // The first is in hand: if this fails, the next pop tells.
        let rest = more
            .query_async::<Vec<Option<Vec<u8>>>>(&mut self.connection)
            .await;
        let entries = std::iter::once(first)
            .chain(rest.unwrap_or_default().into_iter().flatten())
            .collect();
        Ok(Some((list, entries)))
    }

    async fn ask<T: FromRedisValue>(
        &mut self,
        blocking: &Cmd,
        stop: &CancellationToken,
    ) -> Result<T, RedisError> {
        let mut answer = std::pin::pin!(blocking.query_async(&mut self.connection));
        tokio::select! {
            answer = &mut answer => return answer,
            () = stop.cancelled() => {}
        }
        // Hanging up could lose what Redis is just sending: it is asked to answer now instead. And asked again, because
        // the first request may overtake the pop.
        let mut unblock = pipe();
        unblock
            .cmd("CLIENT")
            .arg("UNBLOCK")
            .arg(self.client_id)
            .ignore();
        loop {
            let _: Result<(), QueueError> = self.doorbell.ask(&unblock).await;
            if let Ok(answer) = tokio::time::timeout(UNBLOCK_EVERY, &mut answer).await {
                return answer;
            }
        }
    }
}

fn is_unknown_command(error: &RedisError) -> bool {
    error
        .detail()
        .is_some_and(|detail| detail.contains("unknown command"))
}
