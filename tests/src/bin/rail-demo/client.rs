//! A small client of the rail's api: envelopes opened, problems turned into one clear line.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const BASE_PATH: &str = "/api/v1/integrations";

pub struct Client {
    http: reqwest::Client,
    base_url: String,
    key: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
    page: Option<Page>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: String,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    pointer: String,
    detail: Option<String>,
}

struct Answer {
    status: StatusCode,
    /// The last part of the Location header: the id of what was made, or of what is in the way.
    located_id: Option<String>,
    body: String,
}

impl Client {
    pub fn new(base_url: &str, key: &str) -> anyhow::Result<Self> {
        // The api may be on loopback while the shell names a proxy for the outside.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        })
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until the api says that it, its database and its queue are ready.
    pub async fn wait_until_ready(&self, limit: Duration) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.base_url);
        let begun = Instant::now();
        loop {
            let state = match self.http.get(&url).send().await {
                Ok(answer) if answer.status() == StatusCode::OK => return Ok(()),
                Ok(answer) => format!("it answers {}", answer.status()),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            };
            ensure!(
                begun.elapsed() < limit,
                "the api at {url} is not ready after {} s: {state}",
                limit.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.send(Method::GET, path, None).await?;
        Ok(open::<T>(&answer, path)?.data)
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        Ok(open::<T>(&answer, path)?.data)
    }

    /// All items of a list, page after page.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let page_path = format!("{path}?limit=200{after}");
            let answer = self.send(Method::GET, &page_path, None).await?;
            let envelope = open::<Vec<T>>(&answer, path)?;
            items.extend(envelope.data);
            match envelope.page.and_then(|page| page.next_cursor) {
                Some(cursor) => after = format!("&cursor={cursor}"),
                None => return Ok(items),
            }
        }
    }

    /// Starts a job and answers its id, or the id of the one that is in the way (409).
    pub async fn post_or_attach(
        &self,
        path: &str,
        body: &Value,
        id_field: &str,
    ) -> anyhow::Result<String> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        if answer.status == StatusCode::CONFLICT
            && let Some(id) = &answer.located_id
        {
            return Ok(id.clone());
        }
        let accepted = open::<Value>(&answer, path)?.data;
        let id = accepted.get(id_field).and_then(Value::as_str);
        Ok(id
            .with_context(|| format!("POST {path} answered without {id_field}"))?
            .to_owned())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{BASE_PATH}{path}", self.base_url);
        let mut request = self
            .http
            .request(method.clone(), url)
            .bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no answer to {method} {path}"))?;
        let located_id = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|path| path.rsplit('/').next())
            .map(str::to_owned);
        Ok(Answer {
            status: answer.status(),
            located_id,
            body: answer
                .text()
                .await
                .with_context(|| format!("the answer to {method} {path} broke off"))?,
        })
    }
}

fn open<T: DeserializeOwned>(answer: &Answer, path: &str) -> anyhow::Result<Envelope<T>> {
    let status = answer.status;
    if status.is_success() {
        return serde_json::from_str(&answer.body).with_context(|| {
            format!(
                "{path} answered {status} with an unexpected body: {}",
                answer.body
            )
        });
    }
    let Ok(problem) = serde_json::from_str::<Problem>(&answer.body) else {
        bail!("{path} answered {status}: {}", answer.body);
    };
    let words = problem.detail.or(problem.title).unwrap_or_default();
    let faults: String = problem
        .errors
        .iter()
        .map(|fault| {
            let detail = fault.detail.as_deref().unwrap_or("wrong");
            format!("; {}: {detail}", fault.pointer)
        })
        .collect();
    bail!("{path} answered {status} {}: {words}{faults}", problem.code)
}
