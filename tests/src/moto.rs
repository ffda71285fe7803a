//! A real S3 server for tests: moto's, with its check of signatures and rights switched on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::environment;

/// Names the interpreter of an environment with `moto[server]`; `./dev test` sets it.
const PYTHON: &str = "RAIL_TEST_PYTHON";

/// Takes a free port and says which, and is silent from then on. Ends when its input does, so that it never outlives the tests.
const SERVER: &str = r#"
import os, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
sys.stdin.read()
"#;

/// Who signs is not checked while the place is prepared, only for which service.
const PREPARING: &str = "AWS4-HMAC-SHA256 Credential=prepares/20250101/us-east-1/{service}/aws4_request, \
                         SignedHeaders=host, Signature=none";

/// A running server, alone for its test. Dropping it ends it.
pub struct Moto {
    process: Child,
    endpoint: String,
    http: reqwest::Client,
    /// Held by whoever looks past the checks, so that nobody puts them back meanwhile.
    unchecked: tokio::sync::Mutex<()>,
}

/// An access key of one user.
pub struct MotoKeys {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: String,
}

impl Moto {
    /// Starts a server that lets everybody do everything until [`Moto::enforce`]. `None`, with a line that says so,
    /// where the environment names no Python.
    ///
    /// # Errors
    /// When the server does not start.
    pub fn start() -> Result<Option<Self>> {
        let Some(python) = environment::variable(PYTHON) else {
            println!("skipped: {PYTHON} is not set, so there is no S3 server to test against");
            return Ok(None);
        };
        let mut process = Command::new(&python)
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{python} does not start"))?;
        let output = process.stdout.take().context("moto has no output")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let server = Self {
            process,
            endpoint: format!("http://127.0.0.1:{}", port.trim()),
            http: reqwest::Client::builder().no_proxy().build()?,
            unchecked: tokio::sync::Mutex::default(),
        };
        ensure!(
            !port.is_empty(),
            "moto ended before it listened: is moto[server] installed?"
        );
        Ok(Some(server))
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn bucket(&self, name: &str) -> Result<()> {
        let request = self.http.put(format!("{}/{name}", self.endpoint));
        prepared(request, "s3").await.map(drop)
    }

    /// Makes a user who may do `actions` (`s3:PutObject`) anywhere, with an access key. Before [`Moto::enforce`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn user(&self, name: &str, actions: &[&str]) -> Result<MotoKeys> {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        });
        self.iam(&[("Action", "CreateUser"), ("UserName", name)])
            .await?;
        if !actions.is_empty() {
            let document = policy.to_string();
            self.iam(&[
                ("Action", "PutUserPolicy"),
                ("UserName", name),
                ("PolicyName", "rights"),
                ("PolicyDocument", &document),
            ])
            .await?;
        }
        let key = self
            .iam(&[("Action", "CreateAccessKey"), ("UserName", name)])
            .await?;
        Ok(MotoKeys {
            access_key_id: element(&key, "AccessKeyId")?,
            secret_access_key: element(&key, "SecretAccessKey")?,
        })
    }

    /// From now on signatures and rights count.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enforce(&self) -> Result<()> {
        self.unchecked_requests("0").await
    }

    /// Reads a path (`bucket?uploads`, `bucket/key`) past the checks: its status and body. The checks rest
    /// meanwhile, for everybody.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn look(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let _unchecked = self.unchecked.lock().await;
        self.unchecked_requests("inf").await?;
        let request = self.http.get(format!("{}/{path}", self.endpoint));
        let answer = request
            .header("authorization", signed_for("s3"))
            .send()
            .await?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await?.to_vec();
        self.enforce().await?;
        Ok((status, body))
    }

    async fn unchecked_requests(&self, count: &'static str) -> Result<()> {
        let reset = self
            .http
            .post(format!("{}/moto-api/reset-auth", self.endpoint));
        reset.body(count).send().await?.error_for_status()?;
        Ok(())
    }

    async fn iam(&self, form: &[(&str, &str)]) -> Result<String> {
        prepared(self.http.post(&self.endpoint).form(form), "iam").await
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn prepared(request: reqwest::RequestBuilder, service: &str) -> Result<String> {
    let answer = request
        .header("authorization", signed_for(service))
        .send()
        .await?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status.is_success(), "moto refused with {status}: {body}");
    Ok(body)
}

fn signed_for(service: &str) -> String {
    PREPARING.replace("{service}", service)
}

fn element(xml: &str, name: &str) -> Result<String> {
    let after = xml.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
    let inside = after
        .and_then(|rest| rest.split_once('<'))
        .map(|(text, _)| text);
    inside
        .map(str::to_owned)
        .with_context(|| format!("no {name} in {xml}"))
}
