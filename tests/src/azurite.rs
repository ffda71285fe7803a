//! A real Azure Blob Storage server for tests: Azurite, which checks signatures.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::environment;
use crate::ports::free_port;

/// Names the folder in which npm has installed `azurite`; `./dev test` sets it.
const FOLDER: &str = "RAIL_TEST_NODE";

/// Runs the server until its input ends, so that it never outlives the tests.
const SERVER: &str = r#"
process.stdin.resume().on("end", () => process.exit(0));
process.argv.splice(1, 0, "azurite-blob");
require(process.env.AZURITE_MAIN);
"#;

/// A running server, alone for its test. Dropping it ends it.
pub struct Azurite {
    process: Child,
    endpoint: String,
    account_key: String,
}

impl Azurite {
    /// Its only account.
    pub const ACCOUNT: &str = "railaccount";

    /// Starts a server. `None`, with a line that says so, where the environment names no Azurite.
    ///
    /// # Errors
    /// When the server does not start.
    pub fn start() -> Result<Option<Self>> {
        let Some(folder) = environment::variable(FOLDER) else {
            println!(
                "skipped: {FOLDER} is not set, so there is no Azure Blob Storage to test against"
            );
            return Ok(None);
        };
        let main = Path::new(&folder).join("node_modules/azurite/dist/src/blob/main.js");
        let account_key = STANDARD.encode([7_u8; 64]);
        let port = free_port();
        let mut process = Command::new("node")
            .args(["-e", SERVER, "--", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string(), "--inMemoryPersistence"])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"])
            .env("AZURITE_MAIN", main)
            .env(
                "AZURITE_ACCOUNTS",
                format!("{}:{account_key}", Self::ACCOUNT),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node does not start")?;
        let output = process.stdout.take().context("Azurite has no output")?;
        let server = Self {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
            account_key,
        };
        let mut lines = BufReader::new(output).lines();
        let listens = lines.find(|line| {
            line.as_ref()
                .map_or(true, |line| line.contains("successfully listen"))
        });
        ensure!(
            matches!(listens, Some(Ok(_))),
            "Azurite ended before it listened"
        );
        // Whatever else it says is thrown away, not held up.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Some(server))
    }

    /// Where it listens, without the account.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The account's key.
    #[must_use]
    pub fn account_key(&self) -> &str {
        &self.account_key
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
