//! A Postgres of one test's own that may be crashed and started again, with what it committed safe on disk.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rail_shared::store::migrate;
use tempfile::TempDir;

use crate::environment::{required, variable};
use crate::ports::free_port;
use crate::processes::{Signal, send_signal};
use crate::wait::{SOON, wait_until};

/// A cluster on a free loopback port, migrated. It ends, and is deleted, when this is dropped.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl PrivatePostgres {
    /// A running server.
    ///
    /// # Panics
    /// When Postgres is not there or does not start.
    pub async fn start() -> Self {
        let folder = folder();
        let made = command("initdb")
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-U", "postgres", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8"])
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb").success(), "no cluster was made");
        let mut postgres = Self {
            folder,
            port: free_port(),
            server: None,
        };
        postgres.restart().await;
        migrate(&postgres.url().into())
            .await
            .expect("migrations that run");
        postgres
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a crash does: nothing is finished, nothing is written any more.
    pub fn crash(&mut self) {
        self.end();
    }

    /// Starts it again on the same port and waits until it takes clients.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.end();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("postgres.log"))
            .expect("its log");
        let server = command("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("port={}", self.port)])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200"])
            .args(["-c", "fsync=on", "-c", "synchronous_commit=on"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres");
        let pid = server.id().to_string();
        self.server = Some(server);
        let note = self.folder.path().join("data").join("postmaster.pid");
        wait_until(SOON * 2, "Postgres takes clients", async || {
            // The first line tells whether it is this server that says so, and not the one that crashed.
            let lines = std::fs::read_to_string(&note).unwrap_or_default();
            let mut lines = lines.lines();
            lines.next() == Some(&pid) && lines.nth(6).is_some_and(|line| line.starts_with("ready"))
        })
        .await;
    }

    fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            send_signal(&server, Signal::Quit);
            let _ = server.wait();
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder of the user who runs Postgres.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for Postgres");
    if let Some(user) = user() {
        let id = |flag: &str| {
            let told = Command::new("id").args([flag, user.as_str()]).output();
            let told = String::from_utf8(told.expect("id").stdout).expect("a number");
            told.trim().parse::<u32>().expect("a number")
        };
        chown(folder.path(), Some(id("-u")), Some(id("-g"))).expect("a folder handed over");
    }
    folder
}

/// Postgres refuses root: then somebody else runs it.
fn user() -> Option<String> {
    let own = std::fs::metadata("/proc/self").expect("this process").uid();
    (own == 0).then(|| required("RAIL_TEST_POSTGRES_USER"))
}

/// One of Postgres' programs, or another, as the user who runs Postgres; ended by the kernel with these tests.
fn command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user() {
        command.args([&format!("--reuid={user}"), "--regid", &user]);
        command.arg("--clear-groups");
    }
    command.args(["--pdeathsig", "QUIT"]);
    let own = variable("RAIL_TEST_POSTGRES_BIN").map(|folder| Path::new(&folder).join(program));
    match own.filter(|path| path.exists()) {
        Some(path) => command.arg(path),
        None => command.arg(program),
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}
