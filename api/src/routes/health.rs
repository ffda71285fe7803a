//! Whether this process can work; for orchestrators, so without a key.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;
use rail_shared::store::pending_migrations;
use serde::Serialize;

use super::Tag;
use crate::http::problem::Problem;
use crate::http::refusal::{Ready, Refusal};
use crate::state::Api;

/// The operations on this process.
#[derive(Debug, Default)]
pub struct Health;

/// How this process is.
#[derive(Debug, Serialize, poem_openapi::Object)]
struct Alive {
    /// `ok`: it answers.
    status: String,
}

/// Whether this process can work.
#[derive(Debug, Serialize, poem_openapi::Object)]
struct Readiness {
    /// `ready`; or `degraded` without Redis: work is accepted and begins some seconds later.
    status: String,
    /// `up`: without it, this answer is a problem.
    postgres: String,
    /// `up` or `down`.
    redis: String,
    /// `complete`: with any pending, this answer is a problem.
    migrations: String,
}

#[OpenApi(tag = "Tag::Health")]
impl Health {
    /// Is it alive?
    ///
    /// Answers as long as the process does; asks nobody else.
    #[oai(path = "/healthz", method = "get", operation_id = "getHealth")]
    async fn alive(&self) -> Json<Alive> {
        Json(Alive {
            status: "ok".to_owned(),
        })
    }

    /// Can it work?
    ///
    /// Asks Postgres and Redis. Without Postgres, or while migrations are pending, it is not ready; without Redis it is
    /// degraded, which is still ready.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn ready(&self, Data(api): Data<&Api>) -> Result<Json<Readiness>, Refusal<Ready>> {
        let (pending, ping) = tokio::join!(pending_migrations(&api.store), api.doorbell.ping());
        match pending? {
            0 => {}
            pending => {
                let detail = format!("{pending} migrations are pending: run rail-api migrate.");
                return Err(Problem::unavailable("migrations-pending", &detail).into());
            }
        }
        let (status, redis) = if ping.is_ok() {
            ("ready", "up")
        } else {
            ("degraded", "down")
        };
        Ok(Json(Readiness {
            status: status.to_owned(),
            postgres: "up".to_owned(),
            redis: redis.to_owned(),
            migrations: "complete".to_owned(),
        }))
    }
}
