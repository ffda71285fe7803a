//! A Redis of one test's own, on a free loopback port, that may be killed, frozen and started again.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use url::Url;

use crate::environment::variable;
use crate::ports::free_port;

const START_WITHIN: Duration = Duration::from_secs(15);

/// A server that keeps nothing on disk and ends with this value: of the program that `./dev test` found, or of
/// `redis-server` from the PATH.
#[derive(Debug)]
pub struct PrivateRedis {
    port: u16,
    more: Vec<String>,
    server: Option<Child>,
}

impl PrivateRedis {
    /// A running server.
    pub fn start() -> Result<Self> {
        let mut redis = Self::away()?;
        redis.restart()?;
        Ok(redis)
    }

    /// A running server that does not know a command, as older ones do not.
    pub fn without(command: &str) -> Result<Self> {
        let mut redis = Self::away()?;
        redis.more = ["--rename-command", command, ""]
            .map(str::to_owned)
            .to_vec();
        redis.restart()?;
        Ok(redis)
    }

    /// A port where a server will be after [`restart`](Self::restart).
    pub fn away() -> Result<Self> {
        Ok(Self {
            port: free_port(),
            more: Vec::new(),
            server: None,
        })
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// Starts an empty server on the same port and waits until it answers.
    #[allow(
        clippy::disallowed_methods,
        reason = "a test's own thread, waiting for a condition"
    )]
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let program = variable("RAIL_TEST_REDIS_BIN");
        let server = Command::new(program.as_deref().unwrap_or("redis-server"))
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(&self.more)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server could not be started")?;
        self.server = Some(server);
        let start = Instant::now();
        while self.command(&[b"PING"]).is_err() {
            if start.elapsed() > START_WITHIN {
                bail!("redis-server does not answer on port {}", self.port);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Lets the server hold still, its connections open, or go on.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let server = self.server.as_ref().context("no server runs")?;
        let signal = match signal {
            Signal::Freeze => "-STOP",
            Signal::Thaw => "-CONT",
        };
        let sent = Command::new("kill")
            .args([signal, &server.id().to_string()])
            .status()?;
        if !sent.success() {
            bail!("the server could not be signalled");
        }
        Ok(())
    }

    /// Sends one command over a connection of its own and returns the first line of the answer.
    pub fn command(&self, words: &[&[u8]]) -> Result<String> {
        self.connect()?.command(words)
    }

    /// A connection that stays open as long as the value lives.
    pub fn connect(&self) -> Result<Connection> {
        Connection::to(TcpStream::connect(("127.0.0.1", self.port))?)
    }
}

/// Empties a database of a server that is not one of ours.
pub fn empty(server: &str, number: u32) -> Result<()> {
    let url = Url::parse(server)?;
    let address = url.socket_addrs(|| None)?;
    let mut connection = Connection::to(TcpStream::connect(&address[..])?)?;
    if let Some(password) = url.password() {
        connection.command(&[b"AUTH", password.as_bytes()])?;
    }
    connection.command(&[b"SELECT", number.to_string().as_bytes()])?;
    connection.command(&[b"FLUSHDB"])?;
    Ok(())
}

/// One plain connection, for what the product's own client has no business to send.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn to(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(START_WITHIN))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends one command and returns the first line of the answer.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<String> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).into_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.is_empty() || line.starts_with('-') {
            bail!("redis-server answered {line:?}");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// What [`PrivateRedis::signal`] can send.
#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// SIGSTOP: connections stay open and nothing answers.
    Freeze,
    /// SIGCONT.
    Thaw,
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, "a private redis-server could not be ended");
        }
    }
}
