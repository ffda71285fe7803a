//! A client that costs next to nothing: one connection, one request at a time, prepared bytes out, a status and a body
//! in. The load shares the machine with what it measures.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// The `data` of a body.
    pub fn content(&self) -> anyhow::Result<Value> {
        let mut body: Value = serde_json::from_slice(&self.body)?;
        Ok(body["data"].take())
    }

    /// Refuses every other status.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        let told = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "answered {}: {told}", self.status);
        Ok(self)
    }
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Line {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(4_096),
        })
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let end_of_head = loop {
            self.more().await?;
            if let Some(at) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&self.received[..end_of_head])?.to_ascii_lowercase();
        let status = head.get(9..12).context("a status line")?.parse()?;
        let length: usize = match head.split("content-length:").nth(1) {
            Some(rest) => rest
                .split("\r\n")
                .next()
                .unwrap_or_default()
                .trim()
                .parse()?,
            None => bail!("an answer without a length"),
        };
        while self.received.len() < end_of_head + length {
            self.more().await?;
        }
        let body = self.received[end_of_head..].to_vec();
        Ok(Answer { status, body })
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the connection was closed");
        Ok(())
    }
}
