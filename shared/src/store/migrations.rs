//! The schema, embedded in the programs.

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::{ExposeSecret, SecretString};

use super::{Store, StoreError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// One arbitrary number: whoever migrates holds this advisory lock, so that many processes may start at once.
const LOCK: i64 = 0x7261_696c;

/// Brings the schema up to date; returns the names of the migrations that ran.
///
/// # Errors
/// [`StoreError::Unavailable`] when Postgres cannot be reached or a migration fails.
pub async fn migrate(database_url: &SecretString) -> Result<Vec<String>, StoreError> {
    let url = database_url.expose_secret().to_owned();
    let mut guard = <AsyncPgConnection as AsyncConnection>::establish(&url)
        .await
        .map_err(|error| StoreError::Unavailable(error.into()))?;
    guard
        .batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
        .await?;
    let ran = tokio::task::spawn_blocking(move || {
        let mut conn =
            <AsyncConnectionWrapper<AsyncPgConnection> as diesel::Connection>::establish(&url)?;
        let ran = conn.run_pending_migrations(MIGRATIONS)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            ran.iter().map(ToString::to_string).collect(),
        )
    })
    .await
    .map_err(|error| StoreError::Unavailable(error.into()))?;
    guard
        .batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))
        .await?;
    ran.map_err(StoreError::Unavailable)
}

/// How many of our migrations the database has not seen.
///
/// # Errors
/// [`StoreError::Unavailable`] when Postgres cannot be reached.
pub async fn pending_migrations(store: &Store) -> Result<usize, StoreError> {
    #[derive(diesel::QueryableByName)]
    struct Applied {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }
    let ours = our_versions()?;
    let mut conn = store.connect().await?;
    let applied: Vec<Applied> =
        match diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
            .load(&mut conn)
            .await
        {
            Ok(rows) => rows,
            // No such table yet: nothing was applied.
            Err(diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::Unknown,
                _,
            )) => return Ok(ours.len()),
            Err(error) => return Err(error.into()),
        };
    let waits = |version: &&String| !applied.iter().any(|row| row.version == **version);
    Ok(ours.iter().filter(waits).count())
}

fn our_versions() -> Result<Vec<String>, StoreError> {
    let ours: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().map_err(StoreError::Unavailable)?;
    Ok(ours
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}
