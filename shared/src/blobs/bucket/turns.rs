//! The turns of requests to a store, among all that it gets from an account.

use std::time::Duration;

use super::NotRead;
use crate::budget::{Account, Budgets, Pass};
use crate::domain::{Failure, FailureKind, Priority};
use crate::http::Answer;

/// Where the requests to a bucket are counted.
#[derive(Debug, Clone)]
pub struct Turns {
    /// The budgets of this process.
    pub budgets: Budgets,
    /// Whose requests they are.
    pub account: Account,
    /// How urgent they are.
    pub priority: Priority,
    /// For how long all wait where the store asks for fewer requests and does not say for how long.
    pub pause: Option<Duration>,
}

impl Turns {
    /// Returns when a request may be sent.
    pub(super) async fn enter(&self, store: &str) -> Result<Pass, Failure> {
        // All requests count alike, whatever the object.
        let entered = self.budgets.enter(&self.account, "/", self.priority).await;
        entered.map_err(|delay| delay.failure(store))
    }

    /// Has everybody wait where a refusal asks for it.
    pub(super) async fn refused(&self, answer: &Answer, refusal: &NotRead) {
        let NotRead::Refused(failure) = refusal else {
            return;
        };
        let wait = answer.retry_after().or(self.pause);
        if let (FailureKind::RateLimited, Some(wait)) = (failure.kind, wait) {
            self.budgets.hold(&self.account, wait).await;
        }
    }
}
