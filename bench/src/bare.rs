//! The floor of a status: poem, the product's pool, one row by its key, JSON.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use poem::http::StatusCode;
use poem::web::{Data, Json, Path};
use poem::{Endpoint, EndpointExt, Route, get, handler};
use rail_shared::store::Store;
use serde::Serialize;
use uuid::Uuid;

diesel::table! {
    jobs (id) {
        id -> Uuid,
        state -> Text,
        attempt -> Integer,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

#[derive(Queryable, Serialize)]
struct Job {
    id: Uuid,
    state: String,
    attempt: i32,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

/// `GET /jobs/{uuid}`.
pub fn app(store: Store) -> impl Endpoint {
    Route::new().at("/jobs/:id", get(job)).data(store)
}

#[handler]
async fn job(Path(id): Path<Uuid>, Data(store): Data<&Store>) -> poem::Result<Json<Job>> {
    let away = |_| poem::Error::from_status(StatusCode::SERVICE_UNAVAILABLE);
    let mut conn = store.connect().await.map_err(away)?;
    let found: Option<Job> = jobs::table
        .find(id)
        .first(&mut *conn)
        .await
        .optional()
        .map_err(poem::error::InternalServerError)?;
    found
        .map(Json)
        .ok_or_else(|| poem::Error::from_status(StatusCode::NOT_FOUND))
}
