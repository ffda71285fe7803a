//! One running program.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::wait_until;

/// What a process can be sent, beside SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Stop,
    /// SIGSTOP: its connections stay open and nothing happens.
    Freeze,
    /// SIGCONT.
    Thaw,
    /// SIGQUIT: of Postgres, an immediate shutdown, which is a crash.
    Quit,
}

/// Sends a signal to a child that has not been waited for, so that its id is still its own.
///
/// # Panics
/// When it cannot be sent.
pub fn send_signal(child: &Child, signal: Signal) {
    let name = match signal {
        Signal::Stop => "-TERM",
        Signal::Freeze => "-STOP",
        Signal::Thaw => "-CONT",
        Signal::Quit => "-QUIT",
    };
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(sent.success(), "{signal:?} could not be sent");
}

/// What a program is started with.
#[derive(Debug)]
pub struct Start<'a> {
    /// What to call it; its log is named after it.
    pub name: &'a str,
    /// The program, one of this workspace's.
    pub binary: &'a str,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Its whole environment.
    pub variables: &'a [(String, String)],
    /// Where its log goes.
    pub logs: &'a Path,
}

/// A program of this workspace that runs. It is killed when this is dropped, and by the kernel when the tests end
/// without having done so.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it. To be called on a thread that stays: the kernel ends the program with the thread that started it.
    ///
    /// # Panics
    /// When the program is not there: `./dev test` builds it.
    #[must_use]
    pub fn start(start: &Start<'_>) -> Self {
        let binary = beside_the_tests(start.binary);
        let log = start.logs.join(format!("{}.log", start.name));
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&binary)
            .args(start.arguments)
            .env_clear()
            .envs(start.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(appended(&log))
            .stderr(appended(&log))
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        Self {
            name: start.name.to_owned(),
            child,
            log,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL, frozen or not.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it runs no more.
    pub fn signal(&self, signal: Signal) {
        send_signal(&self.child, signal);
    }

    /// Whether it ended, and how.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a status")
    }

    /// Waits until it ended by itself.
    ///
    /// # Panics
    /// When it still runs after `within`.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let mut status = None;
        wait_until(within, &what, async || {
            status = self.status();
            status.is_some()
        })
        .await;
        status.expect("waited for")
    }

    /// The most memory it ever had.
    ///
    /// # Panics
    /// When it runs no more.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("a running process");
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| {
                rest.trim()
                    .trim_end_matches("kB")
                    .trim()
                    .parse::<u64>()
                    .ok()
            });
        kilobytes.expect("its peak") * 1024
    }

    /// What it and its namesakes before it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// cargo puts test programs one folder below the programs they test.
fn beside_the_tests(binary: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test program's own path");
    let folder = own.ancestors().nth(2).expect("target/debug");
    folder.join(binary)
}

fn appended(log: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", log.display()))
}
