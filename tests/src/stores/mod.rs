//! Object stores for tests, alike whichever protocol they speak, filled by the vendors' own libraries.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::azurite::Azurite;
use crate::environment;
use crate::moto::Moto;

/// Writes and lists as it is told, a line of JSON each time: boto3 for S3, azure-storage-blob for Azure.
const WRITER: &str = include_str!("writer.py");
/// The bucket, or container.
const BUCKET: &str = "rail-objects";

/// A store with an empty bucket.
pub struct ObjectStore {
    server: Server,
    credentials: Map<String, Value>,
    writer: Writer,
}

enum Server {
    S3(Moto),
    Azure(Azurite),
}

/// An object as the vendor's library lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: String,
    /// Its version, without quotes.
    pub etag: String,
    /// In bytes.
    pub size: u64,
}

impl ObjectStore {
    /// All kinds that can be had on this machine.
    ///
    /// # Panics
    /// When one does not start.
    pub async fn all() -> Vec<Self> {
        let stores = [Self::s3().await, Self::azure()];
        stores.into_iter().flatten().collect()
    }

    /// S3 with its check of signatures and rights; `None` where it cannot be had.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn s3() -> Option<Self> {
        let moto = Moto::start().expect("moto starts")?;
        moto.bucket(BUCKET).await.expect("a bucket");
        let writer = moto.user("writer", &["s3:*"]).await.expect("a user");
        let reader = moto.user("reader", &["s3:ListBucket", "s3:GetObject"]);
        let reader = reader.await.expect("a user");
        moto.enforce().await.expect("rights count");
        let told = json!({
            "kind": "s3", "endpoint": moto.endpoint(), "bucket": BUCKET,
            "id": writer.access_key_id, "secret": writer.secret_access_key,
        });
        let credentials = json!({
            "accessKeyId": reader.access_key_id, "secretAccessKey": reader.secret_access_key,
            "region": "us-east-1", "bucket": BUCKET,
        });
        Some(Self::new(Server::S3(moto), credentials, &told))
    }

    /// Azure Blob Storage; `None` where it cannot be had.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn azure() -> Option<Self> {
        let azurite = Azurite::start().expect("Azurite starts")?;
        let (account, key) = (Azurite::ACCOUNT, azurite.account_key());
        let told = json!({
            "kind": "azure", "endpoint": format!("{}/{account}", azurite.endpoint()), "bucket": BUCKET,
            "id": account, "secret": key,
        });
        let credentials = json!({ "account": account, "accountKey": key, "container": BUCKET });
        Some(Self::new(Server::Azure(azurite), credentials, &told))
    }

    fn new(server: Server, credentials: Value, told: &Value) -> Self {
        let mut writer = Writer::start().expect("the writer starts");
        writer.ask(told).expect("the writer is ready");
        let Value::Object(credentials) = credentials else {
            unreachable!("credentials are an object")
        };
        Self {
            server,
            credentials,
            writer,
        }
    }

    /// The connector that reads it.
    #[must_use]
    pub fn connector(&self) -> &'static str {
        match &self.server {
            Server::S3(_) => "s3",
            Server::Azure(_) => "azure_blob",
        }
    }

    /// What the operator sets as the connector's base URL.
    #[must_use]
    pub fn base_url(&self) -> &str {
        match &self.server {
            Server::S3(moto) => moto.endpoint(),
            Server::Azure(azurite) => azurite.endpoint(),
        }
    }

    /// Of somebody who may list and read.
    #[must_use]
    pub fn credentials(&self) -> &Map<String, Value> {
        &self.credentials
    }

    /// One of them, which is a text.
    pub fn credential(&self, name: &str) -> &str {
        let credential = self.credentials.get(name).and_then(Value::as_str);
        credential.unwrap_or_else(|| panic!("a store has no credential {name}"))
    }

    /// The S3 server, if it is one.
    #[must_use]
    pub fn moto(&self) -> Option<&Moto> {
        match &self.server {
            Server::S3(moto) => Some(moto),
            Server::Azure(_) => None,
        }
    }

    /// Writes an object.
    ///
    /// # Panics
    /// When the store refuses.
    pub fn put(&mut self, key: &str, content: impl AsRef<[u8]>) {
        let content = STANDARD.encode(content);
        self.ask(&json!({ "do": "put", "key": key, "content": content }));
    }

    /// What an object holds.
    ///
    /// # Panics
    /// When the store refuses.
    pub fn get(&mut self, key: &str) -> Vec<u8> {
        let content = self.ask(&json!({ "do": "get", "key": key }));
        let content = content.as_str().expect("a text");
        STANDARD.decode(content).expect("Base64")
    }

    /// Writes a Parquet object of these rows, so many in a row group. What JSON does not have is spelled
    /// `{"$decimal": "1.20"}`; likewise `$time`, `$date`, `$nanos` (since 1970), `$uuid` and `$bytes` (Base64).
    ///
    /// # Panics
    /// When the store refuses.
    pub fn put_parquet(&mut self, key: &str, rows: &Value, group: usize) {
        self.ask(&json!({ "do": "parquet", "key": key, "rows": rows, "group": group }));
    }

    /// Deletes an object.
    ///
    /// # Panics
    /// When the store refuses.
    pub fn delete(&mut self, key: &str) {
        self.ask(&json!({ "do": "delete", "key": key }));
    }

    /// What the vendor's own library lists.
    ///
    /// # Panics
    /// When the store refuses.
    pub fn listed(&mut self) -> Vec<Object> {
        let listed = self.ask(&json!({ "do": "list" }));
        let objects = listed.as_array().expect("a list").iter();
        let object = |listed: &Value| Object {
            key: listed["key"].as_str().expect("a key").to_owned(),
            etag: listed["etag"].as_str().expect("an etag").to_owned(),
            size: listed["size"].as_u64().expect("a size"),
        };
        objects.map(object).collect()
    }

    /// A SAS token with these permissions (`rl`), of Azure.
    ///
    /// # Panics
    /// When it is none.
    pub fn sas(&mut self, permissions: &str) -> String {
        let token = self.ask(&json!({ "do": "sas", "permissions": permissions }));
        token.as_str().expect("a token").to_owned()
    }

    fn ask(&mut self, told: &Value) -> Value {
        self.writer.ask(told).expect("the store does as it is told")
    }
}

struct Writer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Writer {
    fn start() -> Result<Self> {
        let python = environment::variable("RAIL_TEST_PYTHON")
            .context("RAIL_TEST_PYTHON is not set: the stores are filled by Python libraries")?;
        let mut process = Command::new(python)
            .args(["-c", WRITER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        Ok(Self {
            process,
            input,
            output,
        })
    }

    fn ask(&mut self, told: &Value) -> Result<Value> {
        writeln!(self.input, "{told}")?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("the writer ended")?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{error}");
        }
        Ok(answer["ok"].clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
