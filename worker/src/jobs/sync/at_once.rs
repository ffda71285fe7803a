//! Several entities of a sync at once.

use futures::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::runtime::Halt;

/// Does `work` for each, in their order, `at_once` of them at a time; the results in their order.
///
/// Once one has halted, no other is begun. Where the halt may pass, `stop` fires, so that those in hand end with what they
/// have committed: the attempt is over, and goes on later. Where it will not, they go on to their end, as if they had come
/// first. Of several halts the gravest is returned.
pub(super) async fn each<'e, E, T, F>(
    entities: &'e [E],
    at_once: usize,
    stop: &CancellationToken,
    work: impl Fn(&'e E) -> F,
) -> Result<Vec<T>, Halt>
where
    F: Future<Output = Result<T, Halt>>,
{
    let mut waiting = entities.iter().enumerate();
    let mut in_hand = FuturesUnordered::new();
    let mut done = Vec::with_capacity(entities.len());
    let mut halted: Option<Halt> = None;
    loop {
        while halted.is_none() && in_hand.len() < at_once {
            let Some((place, entity)) = waiting.next() else {
                break;
            };
            let working = work(entity);
            in_hand.push(async move { (place, working.await) });
        }
        match in_hand.next().await {
            None => break,
            Some((place, Ok(result))) => done.push((place, result)),
            Some((_, Err(halt))) => {
                if halt.may_pass() {
                    stop.cancel();
                }
                halted = Some(match halted {
                    Some(before) => before.or_graver(halt),
                    None => halt,
                });
            }
        }
    }
    if let Some(halt) = halted {
        return Err(halt);
    }
    done.sort_unstable_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rail_shared::domain::{Failure, FailureKind, Origin};
    use tokio::sync::Barrier;

    use super::*;

    fn passing() -> Halt {
        Failure::passing(Origin::Vendor, FailureKind::Unavailable, "not now").into()
    }

    fn lasting() -> Halt {
        Failure::lasting(Origin::Vendor, FailureKind::PermissionDenied, "never").into()
    }

    #[tokio::test]
    async fn results_come_in_the_order_of_the_entities_whoever_is_first() {
        // The first waits for the last of those that are begun with it.
        let met = Barrier::new(3);
        let work = async |entity: &u32| {
            met.wait().await;
            Ok(*entity)
        };
        let stop = CancellationToken::new();
        let done = each(&[7, 8, 9], 3, &stop, work).await.unwrap();
        assert_eq!(done, [7, 8, 9]);
    }

    #[tokio::test]
    async fn no_more_are_begun_than_may_be_in_hand_at_once() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let work = async |_: &u32| {
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            Ok(())
        };
        let all = [0; 9];
        let stop = CancellationToken::new();
        let done = each(&all, 4, &stop, work).await.unwrap();
        assert_eq!((done.len(), most.get()), (9, 4));
    }

    #[tokio::test]
    async fn one_that_has_to_wait_stops_the_others_and_no_more_are_begun() {
        let stop = CancellationToken::new();
        let work = async |entity: &u32| match entity {
            0 => Err(passing()),
            1 => {
                stop.cancelled().await;
                Err(Halt::Stopping)
            }
            _ => panic!("begun after the halt"),
        };
        let halt = each::<_, (), _>(&[0, 1, 2], 2, &stop, work)
            .await
            .unwrap_err();
        assert!(matches!(halt, Halt::Failed(failure) if failure.message == "not now"));
    }

    #[tokio::test]
    async fn one_that_fails_for_good_lets_the_others_end_and_no_more_are_begun() {
        let (stop, ended) = (CancellationToken::new(), Cell::new(false));
        let work = async |entity: &u32| match entity {
            0 => Err(lasting()),
            1 => {
                tokio::task::yield_now().await;
                ended.set(!stop.is_cancelled());
                Ok(())
            }
            _ => panic!("begun after the halt"),
        };
        let halt = each(&[0, 1, 2], 2, &stop, work).await.unwrap_err();
        assert!(matches!(halt, Halt::Failed(failure) if failure.message == "never"));
        assert!(ended.get());
    }

    #[tokio::test]
    async fn what_will_not_pass_outweighs_what_has_to_wait() {
        for entities in [[0, 1], [1, 0]] {
            let work = async |entity: &u32| match entity {
                0 => Err(passing()),
                _ => Err(lasting()),
            };
            let stop = CancellationToken::new();
            let halt = each::<_, (), _>(&entities, 2, &stop, work)
                .await
                .unwrap_err();
            assert!(matches!(halt, Halt::Failed(failure) if !failure.retryable));
        }
    }
}
