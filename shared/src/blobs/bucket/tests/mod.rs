#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod listings;

use super::*;
use crate::blobs::{Addressing, S3Keys};
use crate::domain::FailureKind;
use crate::http::canned::{Canned, Reply};
use crate::http::{Guard, Limits};

fn s3_settings(endpoint: Option<&str>) -> S3Settings {
    S3Settings {
        bucket: "things".to_owned(),
        prefix: String::new(),
        region: "eu-central-1".to_owned(),
        endpoint: endpoint.map(|url| url.parse().unwrap()),
        addressing: match endpoint {
            Some(_) => Addressing::Path,
            None => Addressing::VirtualHosted,
        },
        keys: S3Keys {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "very-secret".into(),
            session_token: Some("also-secret".into()),
        },
    }
}

fn azure_settings(key: AzureKey, endpoint: Option<&str>) -> AzureSettings {
    AzureSettings {
        account: "railaccount".to_owned(),
        container: "things".to_owned(),
        key,
        endpoint: endpoint.map(|url| url.parse().unwrap()),
    }
}

fn account_key() -> AzureKey {
    AzureKey::Account("dmVyeS1zZWNyZXQ=".to_owned().into())
}

fn both(server: &Canned) -> [Bucket; 2] {
    let s3 = Bucket::s3(s3_settings(Some(&server.url)), server.http());
    let azure = Bucket::azure(
        azure_settings(account_key(), Some(&server.url)),
        server.http(),
    );
    [s3.unwrap(), azure.unwrap()]
}

#[tokio::test]
async fn a_bucket_is_asked_at_its_own_address_and_with_a_signature_of_the_moment() {
    let server = Canned::start(|asked| {
        if asked.url.query().is_some() {
            return Reply::status(200, "<x/>");
        }
        Reply::Whole(206, Vec::new(), b"cd".to_vec())
            .with("Content-Range", "bytes 2-3/9")
            .with("ETag", "\"1\"")
            .with("Content-Encoding", "gzip")
    })
    .await;
    for bucket in both(&server) {
        assert!(bucket.list("in put/", Some("é")).await.is_err());
        let piece = bucket
            .read("a b/é+.csv", 2..4, Some("\"1\""))
            .await
            .unwrap();
        // Packed or not, the bytes are as they are kept.
        assert_eq!(
            (&piece.bytes[..], piece.size, piece.etag.as_str()),
            (&b"cd"[..], 9, "\"1\"")
        );
    }
    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path()).collect();
    assert_eq!(
        paths,
        [
            "/things/",
            "/things/a%20b/%C3%A9%2B.csv",
            "/railaccount/things",
            "/railaccount/things/a%20b/%C3%A9%2B.csv"
        ]
    );
    assert_eq!(asked[0].query("start-after"), ["é"]);
    assert_eq!(asked[2].query("marker"), ["é"]);
    for request in &asked {
        let signed = request.header("authorization").unwrap();
        assert!(
            signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
                || signed.starts_with("SharedKey railaccount:")
        );
        assert_eq!(
            request.header("accept-encoding"),
            request.url.query().map(|_| "gzip")
        );
    }
    assert_eq!(asked[1].header("if-match"), Some("\"1\""));
    assert_eq!(asked[1].header("x-amz-security-token"), Some("also-secret"));
}

#[tokio::test]
async fn a_sas_token_opens_a_container_and_is_never_shown() {
    let server =
        Canned::start(|_| Reply::status(403, "").with("x-ms-error-code", "AuthenticationFailed"))
            .await;
    let token = AzureKey::Sas("?sv=2023-11-03&sp=rl&sig=a%2Bb%3D".to_owned().into());
    let bucket = Bucket::azure(azure_settings(token, Some(&server.url)), server.http()).unwrap();
    let refused = bucket.list("", None).await.unwrap_err();
    let shown = format!("{refused:?} {bucket:?}");
    assert!(
        !shown.contains("a+b=") && !shown.contains("a%2Bb"),
        "{shown}"
    );
    let asked = server.asked();
    assert_eq!(asked[0].query("sig"), ["a+b="]);
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn an_endpoint_inside_a_network_is_not_reached() {
    let server = Canned::start(|_| Reply::status(200, "")).await;
    let http = Http::new(Guard::public(), Limits::default()).unwrap();
    let port = server.url.rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}");
        let s3 = Bucket::s3(s3_settings(Some(&url)), http.clone()).unwrap();
        let azure = Bucket::azure(azure_settings(account_key(), Some(&url)), http.clone()).unwrap();
        for bucket in [s3, azure] {
            let refused = bucket.list("", None).await.unwrap_err();
            assert!(
                matches!(refused, NotRead::Unanswered(HttpError::Forbidden)),
                "{refused:?}"
            );
        }
    }
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let http = Http::new(Guard::public(), Limits::default()).unwrap();
    let refused =
        |settings: AzureSettings| Bucket::azure(settings, http.clone()).unwrap_err().message;
    let good = azure_settings(account_key(), None);
    assert!(
        refused(AzureSettings {
            account: "A".to_owned(),
            ..good.clone()
        })
        .contains("account")
    );
    assert!(
        refused(AzureSettings {
            container: "a/b".to_owned(),
            ..good.clone()
        })
        .contains("container")
    );
    let key = AzureKey::Account("no base 64".to_owned().into());
    assert!(
        refused(AzureSettings {
            key,
            ..good.clone()
        })
        .contains("Base64")
    );
    let key = AzureKey::Sas("https://x.blob.core.windows.net".to_owned().into());
    assert!(
        refused(AzureSettings {
            key,
            ..good.clone()
        })
        .contains("sig")
    );
    let endpoint = Some("http://user@host/".parse().unwrap());
    assert!(refused(AzureSettings { endpoint, ..good }).contains("endpoint"));
    let s3 = S3Settings {
        bucket: "no/bucket".to_owned(),
        ..s3_settings(None)
    };
    assert!(
        Bucket::s3(s3, http.clone())
            .unwrap_err()
            .message
            .contains("bucket")
    );
}
