#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod writing;

use super::*;
use crate::blobs::Place;
use crate::http::canned::{Asked, Canned, Reply};
use crate::http::{Guard, Limits};

const MIB: usize = 1 << 20;
/// Of two parts.
const LARGE: usize = 8 * MIB + 1;
/// With what has to be escaped in a URL, and in XML.
const UPLOAD: &str = "up+load/1=&2";

fn settings() -> S3Settings {
    S3Settings {
        bucket: "exports-bucket".to_owned(),
        prefix: "/contracts/".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        addressing: Addressing::VirtualHosted,
        keys: S3Keys {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "very-secret".into(),
            session_token: Some("also-secret".into()),
        },
    }
}

fn place(settings: S3Settings) -> Result<S3Place, Failure> {
    S3Place::new(
        settings,
        Http::new(Guard::public(), Limits::default()).unwrap(),
    )
}

fn destination(server: &Canned) -> Destination {
    let settings = S3Settings {
        endpoint: Some(server.url.parse().unwrap()),
        addressing: Addressing::Path,
        ..settings()
    };
    let place = S3Place::new(settings, server.http()).unwrap();
    let store = place.store.waiting(Waits::NONE);
    Place::S3(Box::new(S3Place { store, ..place })).into()
}

async fn write(place: &Destination, content: &[u8]) -> Result<u64, Failure> {
    let mut upload = place.begin("a b.csv").await?;
    for chunk in content.chunks(700_001) {
        upload.write(chunk.to_vec().into()).await?;
    }
    upload.finish().await.map(|written| written.bytes)
}

/// What is asked of a store that is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Part,
    Complete,
    Withdraw,
    Whole,
    Look,
}

fn step(asked: &Asked) -> Step {
    match (asked.method.as_str(), asked.url.query()) {
        ("POST", Some("uploads")) => Step::Begin,
        ("PUT", Some(_)) => Step::Part,
        ("POST", _) => Step::Complete,
        ("DELETE", _) => Step::Withdraw,
        ("HEAD", _) => Step::Look,
        _ => Step::Whole,
    }
}

fn steps(server: &Canned) -> Vec<Step> {
    server.asked().iter().map(step).collect()
}

/// What a store says when all is well.
fn well(asked: &Asked) -> Reply {
    match step(asked) {
        Step::Begin => {
            let id = UPLOAD.replace('&', "&amp;");
            Reply::status(
                200,
                format!(
                    "<?xml version=\"1.0\"?>\n<InitiateMultipartUploadResult \
                     xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>exports-bucket</Bucket>\
                     <UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ),
            )
        }
        Step::Part => {
            let number = &asked.query("partNumber")[0];
            Reply::status(200, "").with("ETag", format!("\"<{number}>\""))
        }
        // Blanks come while the store is busy.
        Step::Complete => Reply::status(
            200,
            "<?xml version=\"1.0\"?>\n   \n<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>",
        ),
        Step::Withdraw => Reply::status(204, ""),
        Step::Whole => Reply::status(200, ""),
        Step::Look => Reply::status(404, ""),
    }
}

fn error(status: u16, code: &str) -> Reply {
    Reply::status(
        status,
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret</Message></Error>"
        ),
    )
}

/// A store at which one step goes otherwise.
async fn store_where(at: Step, otherwise: Reply) -> Canned {
    Canned::start(move |asked| match step(asked) {
        step if step == at => otherwise.clone(),
        _ => well(asked),
    })
    .await
}

/// Comes once the upload was withdrawn, which may be in the background.
async fn withdrawn(server: &Canned) {
    let is_withdrawn = async {
        while !steps(server).contains(&Step::Withdraw) {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, is_withdrawn).await.unwrap();
    let asked = server.asked();
    let last = asked.iter().find(|it| step(it) == Step::Withdraw).unwrap();
    assert_eq!(last.query("uploadId"), [UPLOAD]);
}

#[test]
fn a_bucket_is_reached_where_its_settings_say() {
    for (change, url) in [
        (
            settings(),
            "https://exports-bucket.s3.eu-central-1.amazonaws.com",
        ),
        (
            S3Settings {
                region: "cn-north-1".into(),
                ..settings()
            },
            "https://exports-bucket.s3.cn-north-1.amazonaws.com.cn",
        ),
        // A region as a host name would send the signed request there.
        (
            S3Settings {
                region: "mars-1".into(),
                ..settings()
            },
            "https://exports-bucket.s3.mars-1.amazonaws.com",
        ),
        (
            S3Settings {
                bucket: "a.b.c".into(),
                ..settings()
            },
            "https://s3.eu-central-1.amazonaws.com/a.b.c",
        ),
        (
            S3Settings {
                endpoint: Some("http://127.0.0.1:9000/".parse().unwrap()),
                addressing: Addressing::Path,
                ..settings()
            },
            "http://127.0.0.1:9000/exports-bucket",
        ),
    ] {
        assert_eq!(place(change).unwrap().store.base(), url);
    }
}

#[test]
fn the_caller_is_told_bucket_and_key() {
    let place = place(settings()).unwrap();
    assert_eq!(
        place.locate("run_1/a.csv"),
        "s3://exports-bucket/contracts/run_1/a.csv"
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let with_endpoint = |url: &str| S3Settings {
        endpoint: Some(url.parse().unwrap()),
        ..settings()
    };
    let keys = S3Keys {
        access_key_id: String::new(),
        ..settings().keys
    };
    for refused in [
        S3Settings {
            bucket: "ab".into(),
            ..settings()
        },
        S3Settings {
            bucket: "Exports".into(),
            ..settings()
        },
        S3Settings {
            bucket: "evil.com/x".into(),
            ..settings()
        },
        S3Settings {
            bucket: "a..b".into(),
            ..settings()
        },
        S3Settings {
            bucket: "-ab".into(),
            ..settings()
        },
        S3Settings {
            region: String::new(),
            ..settings()
        },
        S3Settings {
            region: "evil.com".into(),
            ..settings()
        },
        S3Settings {
            region: "http://127.0.0.1".into(),
            ..settings()
        },
        S3Settings {
            prefix: "../other".into(),
            ..settings()
        },
        S3Settings { keys, ..settings() },
        with_endpoint("ftp://store"),
        with_endpoint("http://user:word@store"),
        with_endpoint("http://store/?x=1"),
        with_endpoint("http://store/#x"),
    ] {
        let shown = format!("{refused:?}");
        let failure = place(refused).unwrap_err();
        assert_eq!(failure.origin, Origin::Configuration, "{shown}");
        assert!(!failure.retryable);
    }
}

#[test]
fn neither_settings_nor_place_print_their_keys() {
    let printed = format!("{:?} {:?}", settings(), place(settings()).unwrap());
    assert!(printed.contains("exports-bucket"));
    assert!(!printed.contains("very-secret"));
    assert!(!printed.contains("also-secret"));
}
