//! Asking for many things at once: what was asked while one group was being answered makes the next group.
//!
//! So a single ask is answered without waiting for others, and a thousand share one commit.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

/// Asks that may wait to be taken into a group.
const WAITING_AT_MOST: usize = 4_096;

/// Where single asks come in. Cheap to clone; the task behind it ends with the last clone.
pub(super) struct Grouped<Q, A> {
    asks: mpsc::Sender<Ask<Q, A>>,
}

impl<Q, A> Clone for Grouped<Q, A> {
    fn clone(&self) -> Self {
        Self {
            asks: self.asks.clone(),
        }
    }
}

struct Ask<Q, A> {
    question: Q,
    answer: oneshot::Sender<A>,
}

impl<Q: Send + 'static, A: Send + 'static> Grouped<Q, A> {
    /// Starts the task that answers groups of at most this many: `answer_all` gives an answer for each question, in order.
    /// Must be called within a tokio runtime.
    pub(super) fn new<F, Fut>(at_most: usize, answer_all: F) -> Self
    where
        F: Fn(Vec<Q>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<A>> + Send,
    {
        let (asks, mut waiting) = mpsc::channel::<Ask<Q, A>>(WAITING_AT_MOST);
        tokio::spawn(async move {
            let mut group = Vec::with_capacity(at_most);
            while waiting.recv_many(&mut group, at_most).await > 0 {
                let (questions, askers): (Vec<Q>, Vec<_>) = group
                    .drain(..)
                    .map(|ask| (ask.question, ask.answer))
                    .unzip();
                let answered =
                    AssertUnwindSafe(async { answer_all(questions).await }).catch_unwind();
                let Ok(answers) = answered.await else {
                    // Those who asked hear nothing; those who come next are answered again.
                    tracing::error!("answering a group panicked");
                    continue;
                };
                for (asker, answer) in askers.into_iter().zip(answers) {
                    // Whoever asked may have been dropped meanwhile.
                    let _ = asker.send(answer);
                }
            }
        });
        Self { asks }
    }

    /// Asks; `None` when the group of this question could not be answered.
    pub(super) async fn ask(&self, question: Q) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { question, answer }).await.ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn each_asker_gets_its_own_answer_and_those_who_came_meanwhile_share_a_group() {
        let (gate, opened) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (gated, groups) = (gate.clone(), opened.clone());
        let doubled = Grouped::new(100, move |numbers: Vec<u32>| {
            let (gated, groups) = (gated.clone(), groups.clone());
            async move {
                groups.add_permits(1);
                gated.acquire().await.unwrap().forget();
                numbers.iter().map(|number| number * 2).collect()
            }
        });
        let first = tokio::spawn({
            let doubled = doubled.clone();
            async move { doubled.ask(1).await }
        });
        opened.acquire().await.unwrap().forget();
        let others = join_all((2..50).map(|number| doubled.ask(number)));
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Some(2));
        let answers: Vec<_> = others.await.into_iter().flatten().collect();
        assert_eq!(
            answers,
            (2..50).map(|number| number * 2).collect::<Vec<_>>()
        );
        assert_eq!(
            opened.available_permits(),
            1,
            "one more group for 48 askers"
        );
    }

    #[tokio::test]
    async fn a_group_that_panics_is_not_answered_and_the_next_one_is() {
        let doubled = Grouped::new(100, async |numbers: Vec<u32>| {
            assert!(numbers[0] != 13, "on purpose");
            numbers
        });
        assert_eq!(doubled.ask(13).await, None);
        assert_eq!(doubled.ask(1).await, Some(1));
    }
}
