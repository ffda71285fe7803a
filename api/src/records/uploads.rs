//! Places for bodies of records: each holds some memory while it is read, however slowly it comes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::Problem;

/// Bodies that are read at the same time.
const AT_MOST: usize = 16;
/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// Places for bodies of records.
#[derive(Debug, Clone)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_MOST)))
    }
}

impl Uploads {
    /// A place, given back when it is dropped.
    ///
    /// # Errors
    /// 503 when none becomes free in ten seconds.
    pub async fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Problem::unavailable(
                "too-many-uploads",
                "Too many bodies of records are being read; try again shortly.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_in_ten_seconds_is_told_and_a_place_that_is_given_back_is_free() {
        let uploads = Uploads::default();
        let mut places = Vec::new();
        for _ in 0..16 {
            places.push(uploads.take().await.unwrap());
        }
        let begun = tokio::time::Instant::now();
        let problem = uploads.take().await.unwrap_err();
        assert!(
            problem.to_string().starts_with("too-many-uploads"),
            "{problem}"
        );
        assert_eq!(begun.elapsed().as_secs(), 10);
        places.pop();
        assert!(uploads.take().await.is_ok());
    }
}
