//! A database for one test: a copy of a template that is migrated once.

use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::sql_types::{Jsonb, Nullable};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rail_shared::domain::JobId;
use rail_shared::store::{Store, migrate};
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use crate::environment::required;
use crate::redis;

/// Redis databases of `./dev test`; the first is left alone.
const REDIS_DATABASES: u32 = 4_095;

/// The names of databases whose tests have ended: whoever makes the next one drops them, so that the disk holds no more
/// than run side by side.
static DONE: StdMutex<Vec<String>> = StdMutex::new(Vec::new());

/// A migrated database that nobody else uses.
pub struct Database {
    url: String,
    /// What to drop after it: `None` of one that was there already.
    name: Option<String>,
    /// Kept between two questions: tests ask often.
    asking: Mutex<Option<AsyncPgConnection>>,
}

impl Database {
    /// One on the common server of `./dev test`.
    ///
    /// # Panics
    /// When that server is not there.
    pub async fn fresh() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let admin = required("RAIL_TEST_DATABASE_URL");
        let template = TEMPLATE
            .get_or_init(async || {
                let name = unique("template");
                create(&admin, &name, "template1").await;
                migrate(&in_database(&admin, &name).into())
                    .await
                    .expect("migrations that run");
                name
            })
            .await;
        let done = std::mem::take(&mut *DONE.lock().expect("no panic in between"));
        for name in done {
            // Whatever of its test still runs, nobody waits for any more.
            run(&admin, &format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
        }
        let name = unique("rail");
        create(&admin, &name, template).await;
        let mut fresh = Self::at(&in_database(&admin, &name));
        fresh.name = Some(name);
        fresh
    }

    /// One that is there already, and migrated.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            name: None,
            asking: Mutex::default(),
        }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// A way to it.
    ///
    /// # Panics
    /// Never: nothing is connected to yet.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(&self.url.as_str().into(), 2).expect("a pool")
    }

    /// A way to it for transactions that stand still for as long as a test takes: Postgres does not end them.
    ///
    /// # Panics
    /// Never: nothing is connected to yet.
    #[must_use]
    pub fn unhurried(&self) -> Store {
        let options = "options=-cidle_in_transaction_session_timeout%3D0";
        let url = format!("{}?{options}", self.url);
        Store::new(&url.as_str().into(), 2).expect("a pool")
    }

    /// What a query of one row and one column returns, as JSON (nothing is null): a look past the product.
    pub async fn ask(&self, sql: &str) -> Value {
        #[derive(diesel::QueryableByName)]
        struct Asked {
            #[diesel(sql_type = Nullable<Jsonb>)]
            answer: Option<Value>,
        }
        let query = || diesel::sql_query(format!("SELECT to_jsonb(({sql})) AS answer"));
        let mut asking = self.asking.lock().await;
        if let Some(kept) = &mut *asking
            && let Ok(row) = query().get_result::<Asked>(kept).await
        {
            return row.answer.unwrap_or_default();
        }
        // None is kept yet, or Postgres was started anew.
        let fresh = asking.insert(connect(&self.url).await);
        let row: Asked = query().get_result(fresh).await.expect("an answer");
        row.answer.unwrap_or_default()
    }

    /// How many of its connections stand at a lock.
    pub async fn at_locks(&self) -> Value {
        self.ask(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await
    }

    /// Runs statements behind the product's back.
    pub async fn run(&self, sql: &str) {
        run(&self.url, sql).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(name), Ok(mut done)) = (self.name.take(), DONE.lock()) {
            done.push(name);
        }
    }
}

async fn run(url: &str, sql: &str) {
    let mut connection = connect(url).await;
    connection
        .batch_execute(sql)
        .await
        .expect("statements that run");
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url)
        .await
        .expect("Postgres is there")
}

async fn create(admin: &str, name: &str, template: &str) {
    run(
        admin,
        &format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\""),
    )
    .await;
}

/// A Redis database of its own number for whoever asks next, emptied of what an earlier suite left there.
///
/// # Panics
/// When the Redis of `./dev test` is not there.
pub fn redis_url() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = (std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed)) % REDIS_DATABASES + 1;
    let server = required("RAIL_TEST_REDIS_URL");
    let server = server.trim_end_matches('/');
    redis::empty(server, number).expect("a Redis that is there");
    format!("{server}/{number}")
}

fn in_database(admin: &str, name: &str) -> String {
    let (server, _) = admin
        .rsplit_once('/')
        .expect("a URL that ends with a database");
    format!("{server}/{name}")
}

fn unique(role: &str) -> String {
    format!("{role}_{}", JobId::new().uuid().simple())
}
