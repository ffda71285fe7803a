//! What is signed for S3, signed again by the signer that Amazon's own libraries use.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rail_shared::blobs::{Addressing, Destination, Existing, Place, S3Keys, S3Place, S3Settings};
use rail_shared::http::{Guard, Http, Limits};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::scripts;

const ID: &str = "AKIAEXAMPLE";
const SECRET: &str = "a/secret+with=signs";
const TOKEN: &str = "a/session+token==";
const REGION: &str = "eu-central-1";
/// Names that are easily escaped too little, too much or twice.
const KEYS: &[&str] = &[
    "plain.csv",
    "run 1/été 東京.csv",
    "a+b=c&d.csv",
    "100%20.csv",
    "q?x#y;z:@,$.csv",
    "(a)'*~!_-[b]{c}|^`\"<>.csv",
];

/// A store that takes whatever comes, and the requests that came.
async fn store() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let came = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            let service = service_fn(move |request| answer(request, Arc::clone(&log)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (endpoint, came)
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let host = head.headers["host"].to_str().unwrap();
    log.lock().unwrap().push(json!({
        "method": head.method.as_str(),
        "url": format!("http://{host}{}", head.uri),
        "headers": headers.collect::<std::collections::BTreeMap<_, _>>(),
        "digest": format!("{:x}", Sha256::digest(&body)),
    }));
    let said = match (head.method, head.uri.query()) {
        (Method::POST, Some("uploads")) => {
            "<InitiateMultipartUploadResult><UploadId>2~a+b/c=</UploadId></InitiateMultipartUploadResult>"
        }
        (Method::POST, _) => "<CompleteMultipartUploadResult/>",
        _ => "",
    };
    let answer = Response::builder().header("etag", "\"etag\"");
    Ok(answer.body(Full::from(said)).unwrap())
}

fn destination(endpoint: Option<&str>, token: Option<&str>, prefix: &str) -> Destination {
    let endpoint = endpoint.map(str::to_owned);
    let http = Http::new(Guard::public_and(&endpoint), Limits::default()).unwrap();
    let url = endpoint.map(|url| url.parse().unwrap());
    let settings = S3Settings {
        bucket: "exports-bucket".to_owned(),
        prefix: prefix.to_owned(),
        region: REGION.to_owned(),
        addressing: Addressing::at(url.as_ref()),
        endpoint: url,
        keys: S3Keys {
            access_key_id: ID.to_owned(),
            secret_access_key: SECRET.into(),
            session_token: token.map(Into::into),
        },
    };
    Place::S3(Box::new(S3Place::new(settings, http).unwrap())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_requests_are_signed_as_amazons_own_libraries_sign_them() {
    let (endpoint, came) = store().await;
    let (mut links, mut requests) = (Vec::new(), Vec::new());
    for token in [None, Some(TOKEN)] {
        for place in [
            destination(None, token, ""),
            destination(Some(&endpoint), token, "out and/über"),
        ] {
            for key in KEYS {
                let link = place.link(key, Duration::from_secs(900)).await.unwrap();
                links.push(json!({"url": link, "token": token}));
            }
        }
        let place = destination(Some(&endpoint), token, "out and/über");
        for key in KEYS {
            let mut whole = place.begin(key).await.unwrap();
            whole.write(Bytes::from_static(b"a,b\r\n")).await.unwrap();
            whole.finish().await.unwrap();
        }
        let replacing = place.with_existing(Existing::Replace);
        let mut parts = replacing.begin(KEYS[1]).await.unwrap();
        parts.write(vec![7; 9 << 20].into()).await.unwrap();
        parts.finish().await.unwrap();
        replacing.check().await.unwrap();
        for mut request in std::mem::take(&mut *came.lock().unwrap()) {
            request["token"] = json!(token);
            requests.push(request);
        }
    }
    // Whole ones, begin, two parts, complete, begin, withdraw; with and without a token.
    assert_eq!(requests.len(), 2 * (KEYS.len() + 6));
    let told = json!({
        "id": ID, "secret": SECRET, "region": REGION, "links": links, "requests": requests,
    });
    scripts::run("s3_signed.py", &told);
}
