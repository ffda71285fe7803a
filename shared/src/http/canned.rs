//! For tests: a server on loopback that says what it is told to say.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::{Guard, Http, Limits};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: String,
    pub url: Url,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How many requests came before this one, on any connection.
    pub before: usize,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// The values of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Vec<String> {
        self.url
            .query_pairs()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// The fields of the form that it brought, in their order.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(found).map(|(_, v)| v.as_str())
    }
}

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// No word, but the connection stays.
    Silence,
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "scripts read better without borrowing"
)]
impl Reply {
    pub(crate) fn json(body: impl ToString) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl ToString) -> Self {
        Self::Whole(
            status,
            vec![("Content-Type", "application/json".to_owned())],
            body.to_string().into_bytes(),
        )
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Self::Whole(_, headers, _) = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server; it ends when it is dropped.
pub(crate) struct Canned {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Canned {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, base, log): (Arc<Script>, _, _) =
            (Arc::new(script), url.clone(), Arc::clone(&asked));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, base, log) = (Arc::clone(&script), base.clone(), Arc::clone(&log));
                connections.spawn(async move {
                    let _ = converse(stream, &base, &*script, &log).await;
                });
            }
        });
        Self {
            url,
            asked,
            accepting,
        }
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A client that may reach this server.
    pub(crate) fn http(&self) -> Http {
        self.http_within(Limits::default())
    }

    pub(crate) fn http_within(&self, limits: Limits) -> Http {
        Http::new(Guard::public().trusting(&self.url), limits).unwrap()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn converse(
    stream: TcpStream,
    base: &str,
    script: &Script,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let mut words = lines[0].split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut asked = Asked {
            method: method.to_owned(),
            url: Url::parse(&format!("{base}{target}")).unwrap(),
            headers,
            body: Vec::new(),
            before: 0,
        };
        let length = asked
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        asked.body = vec![0; length];
        stream.read_exact(&mut asked.body).await?;
        {
            let mut log = log.lock().unwrap();
            asked.before = log.len();
            log.push(asked.clone());
        }
        match script(&asked) {
            Reply::Whole(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} Canned\r\n");
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                head += &format!("Content-Length: {}\r\n\r\n", body.len());
                // In one piece: two would wait for each other's acknowledgement.
                let whole = [head.as_bytes(), &body].concat();
                stream.write_all(&whole).await?;
                stream.flush().await?;
            }
            Reply::Bytes(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}
