//! The pool of connections, and transactions on them.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool::managed::QueueMode;
use diesel::IntoSql;
use diesel::sql_types::Timestamptz;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    TransactionManager,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::StoreError;

/// A connection on loan from the pool.
pub type Conn = Object<AsyncPgConnection>;

/// How long a caller waits for a connection before being told that the database is not available.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to Postgres. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
}

impl Store {
    /// A pool of at most `size` connections, made when first needed: Postgres may be away at start.
    ///
    /// # Errors
    /// When the pool cannot be built.
    pub fn new(database_url: &SecretString, size: usize) -> Result<Self, StoreError> {
        let address = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(
            watchful(database_url.expose_secret()),
            manager_config(),
        );
        let pool = Pool::builder(address)
            .max_size(size)
            // Those in use lately have prepared what is asked of them; and each keeps memory for the most it ever sent.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(Self { pool })
    }

    /// A connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none can be had in five seconds.
    pub async fn connect(&self) -> Result<Conn, StoreError> {
        timeout(PATIENCE, self.pool.get())
            .await
            .map_err(|elapsed| StoreError::Unavailable(elapsed.into()))?
            .map_err(|error| StoreError::Unavailable(error.into()))
    }

    /// A connection with a transaction begun on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none can be had in five seconds.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut conn = self.connect().await?;
        AnsiTransactionManager::begin_transaction(&mut *conn).await?;
        Ok(Transaction {
            conn: Some(conn),
            extent: Extent::UntilCommit,
        })
    }

    /// A connection for one statement that writes: a transaction by itself, committed as it ends.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none can be had in five seconds.
    pub async fn begin_single(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction {
            conn: Some(self.connect().await?),
            extent: Extent::OneStatement,
        })
    }

    /// A transaction that sees the database as of its first read, whatever is written meanwhile, and writes nothing. It
    /// may stand idle: it holds no locks that others wait for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in five seconds.
    pub async fn view(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.begin().await?;
        transaction
            .batch_execute(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
                 SET LOCAL idle_in_transaction_session_timeout = 0;
                 SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on",
            )
            .await?;
        Ok(transaction)
    }

    /// A short [view](Self::view) for what is found by key: several statements that are to see the same.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in five seconds.
    pub async fn glance(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.begin().await?;
        transaction
            .batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
        Ok(transaction)
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.connect().await?.batch_execute("SELECT 1").await?)
    }
}

/// A connection that broke is noticed when it is used, so nothing is asked of it when it is lent.
fn manager_config() -> ManagerConfig<AsyncPgConnection> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config
}

/// How Postgres treats our sessions. A process that stands still in a transaction holds locks: the server ends it, before
/// any lease runs out. And rows are found by key: a prepared statement keeps its plan, and one that was made while a table
/// held a few rows reads the whole table for each job until the statistics are renewed, a minute later. (Between tabs,
/// because a space in a query becomes a plus.)
const SESSION: &str = "-cidle_in_transaction_session_timeout=4000\t-cenable_seqscan=off\t\
                       -cenable_hashjoin=off\t-cenable_mergejoin=off\t-cjit=off";

/// The same address, with what notices a server that vanished without a word, where the address does not say.
fn watchful(database_url: &str) -> String {
    let Ok(mut url) = url::Url::parse(database_url) else {
        return database_url.to_owned();
    };
    for (name, value) in [
        ("connect_timeout", "5"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_retries", "3"),
        ("tcp_user_timeout", "20"),
        ("options", SESSION),
    ] {
        if !url.query_pairs().any(|(given, _)| given == name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url.into()
}

/// A connection in a transaction: committed on request, rolled back when dropped.
pub struct Transaction {
    conn: Option<Conn>,
    extent: Extent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    UntilCommit,
    OneStatement,
}

impl Transaction {
    /// From here on a statement that waits longer for a row that another transaction holds is refused.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn give_up_locks_after(&mut self, patience: Duration) -> Result<(), StoreError> {
        let sql = format!("SET LOCAL lock_timeout = {}", patience.as_millis());
        Ok(self.batch_execute(&sql).await?)
    }

    /// From here on a statement that takes longer is ended: [`StoreError::TookTooLong`].
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn end_statements_after(&mut self, patience: Duration) -> Result<(), StoreError> {
        let sql = format!("SET LOCAL statement_timeout = {}", patience.as_millis());
        Ok(self.batch_execute(&sql).await?)
    }

    /// When it began, by the clock of Postgres.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn began_at(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let now = diesel::dsl::now.into_sql::<Timestamptz>();
        Ok(diesel::select(now).get_result(&mut **self).await?)
    }

    /// Makes what was written last.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then whether it was committed is not known.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if let Some(mut conn) = self.open() {
            AnsiTransactionManager::commit_transaction(&mut *conn).await?;
        }
        Ok(())
    }

    /// The connection, where there is something to commit or to undo.
    fn open(&mut self) -> Option<Conn> {
        let conn = self.conn.take();
        conn.filter(|_| self.extent == Extent::UntilCommit)
    }
}

impl Deref for Transaction {
    type Target = AsyncPgConnection;
    #[allow(
        clippy::expect_used,
        reason = "only commit, which consumes the transaction, takes the connection out"
    )]
    fn deref(&self) -> &AsyncPgConnection {
        self.conn
            .as_deref()
            .expect("the connection is there until the transaction ends")
    }
}

impl DerefMut for Transaction {
    #[allow(
        clippy::expect_used,
        reason = "only commit, which consumes the transaction, takes the connection out"
    )]
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        self.conn
            .as_deref_mut()
            .expect("the connection is there until the transaction ends")
    }
}

/// How long a connection that is given back may take to be of use again: it first reads to its end what nobody reads any more.
const UNDONE_WITHIN: Duration = Duration::from_secs(1);

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(mut conn) = self.open() {
            tokio::spawn(async move {
                let undo = AnsiTransactionManager::rollback_transaction(&mut *conn);
                let undone = timeout(UNDONE_WITHIN, undo).await;
                if !matches!(undone, Ok(Ok(_))) {
                    // Not to be lent again: closing it makes the server roll back, and ends what it is still answering.
                    drop(Object::take(conn));
                }
            });
        }
    }
}
