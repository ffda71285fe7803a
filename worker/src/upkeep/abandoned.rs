//! Takes away what dead workers left of files: nobody sees it, and somebody pays for it. It has a loop of its own, because
//! stores may be slow.

use std::time::Duration;

use rail_shared::blobs::Unfinished;
use rail_shared::domain::{Failure, FailureKind};
use rail_shared::store::StoreError;
use rail_shared::store::unfinished_uploads::{self, UnfinishedUpload};
use tokio_util::sync::CancellationToken;

use crate::runtime::Halt;
use crate::{Worker, destinations};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Files a look.
const UPLOADS: i64 = 20;
/// How long a place may take to take one away.
const LIMIT: Duration = Duration::from_secs(30);
/// With waits that grow to six hours, about two days.
const MAX_TRIES: i32 = 16;

/// Takes them away until `stop` fires.
pub(crate) async fn run(worker: &Worker, stop: &CancellationToken) {
    loop {
        let looking = stop.run_until_cancelled(look(worker));
        if let Some(Err(error)) = looking.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "abandoned files are looked for again"
            );
        }
        let pause = EVERY.mul_f64(rand::random_range(0.75..1.25));
        let paused = stop.run_until_cancelled(tokio::time::sleep(pause));
        if paused.await.is_none() {
            return;
        }
    }
}

async fn look(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    let abandoned = unfinished_uploads::take_abandoned(&mut conn, UPLOADS).await?;
    drop(conn);
    for upload in abandoned {
        let UnfinishedUpload {
            writer,
            key,
            token,
            tries,
            ..
        } = &upload;
        match withdraw(worker, &upload).await {
            Ok(()) => {
                tracing::info!(run.id = %writer.run_id, key, "what a dead worker left was removed");
            }
            Err(failure) if is_pointless(&failure, *tries) => {
                tracing::warn!(run.id = %writer.run_id, key, %failure, "what a dead worker left stays");
            }
            Err(failure) => {
                tracing::debug!(run.id = %writer.run_id, key, %failure, "to be removed later");
                continue;
            }
        }
        let mut conn = worker.store.connect().await?;
        unfinished_uploads::forget(&mut conn, *writer, key, token).await?;
    }
    Ok(())
}

async fn withdraw(worker: &Worker, upload: &UnfinishedUpload) -> Result<(), Failure> {
    let UnfinishedUpload {
        writer,
        destination,
        key,
        token,
        tries: _,
    } = upload;
    let left = Unfinished {
        key: key.clone(),
        token: token.clone(),
    };
    let withdrawing = async {
        let place = destinations::open(worker, writer.tenant_id, destination).await?;
        Ok(place.withdraw(&left).await?)
    };
    match tokio::time::timeout(LIMIT, withdrawing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Halt::Failed(failure))) => Err(failure),
        Ok(Err(Halt::Store(_) | Halt::Stopping)) | Err(_) => Err(Failure::internal()),
    }
}

/// The bucket is gone with all in it; or it was tried long enough.
fn is_pointless(failure: &Failure, tries: i32) -> bool {
    failure.kind == FailureKind::NotFound || tries >= MAX_TRIES
}
