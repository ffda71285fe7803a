#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use crate::blobs::{Destination, DestinationSettings, Outputs};
use crate::config::{Environment, SharedConfig};
use crate::domain::{ConnectionId, Failure, FailureKind};

fn outputs(variables: &[(&str, &str)]) -> Outputs {
    let nowhere = [
        ("DATABASE_URL", "postgres://rail@127.0.0.1:9/rail"),
        ("REDIS_URL", "redis://127.0.0.1:9/0"),
        ("RAIL_S3_ACCESS_KEY_ID", "AKIAOPERATOR"),
        ("RAIL_S3_SECRET_ACCESS_KEY", "operators-secret"),
        ("RAIL_S3_ENDPOINT", "http://127.0.0.1:9"),
        ("RAIL_AZURE_ACCOUNT", "operator"),
        ("RAIL_AZURE_ACCOUNT_KEY", "AAAA"),
    ];
    let variables = nowhere.iter().chain(variables);
    let env: Environment = variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Outputs::new(&SharedConfig::from_env(&env).unwrap()).unwrap()
}

fn open(
    outputs: &Outputs,
    destination: &Value,
    credentials: &Value,
) -> Result<Destination, Failure> {
    let settings = DestinationSettings::read(destination).unwrap();
    settings.open(outputs, credentials.as_object())
}

fn s3() -> Value {
    json!({"accessKeyId": "AKIATENANT", "secretAccessKey": "tenants-secret", "region": "eu-central-1",
           "bucket": "their-bucket"})
}

fn azure() -> Value {
    json!({"account": "tenant", "accountKey": "AAAA", "container": "theirs"})
}

#[test]
fn bucket_and_container_are_the_connections_own_unless_the_destination_names_others() {
    let outputs = outputs(&[]);
    let id = ConnectionId::new();
    let to = |more: Value| {
        let mut to = json!({"connectionId": id, "path": "x"});
        to.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        to
    };
    for (destination, credentials, location, url) in [
        (
            to(json!({"type": "S3"})),
            s3(),
            "s3://their-bucket/x/a.csv",
            "their-bucket.s3.eu-central-1.amazonaws.com",
        ),
        (
            to(json!({"type": "S3", "bucket": "other", "region": "eu-west-1"})),
            s3(),
            "s3://other/x/a.csv",
            "other.s3.eu-west-1.amazonaws.com",
        ),
        (
            to(json!({"type": "AZURE_BLOB"})),
            azure(),
            "https://tenant.blob.core.windows.net/theirs/x/a.csv",
            "tenant.blob",
        ),
        (
            to(json!({"type": "AZURE_BLOB", "container": "other"})),
            azure(),
            "https://tenant.blob.core.windows.net/other/x/a.csv",
            "tenant.blob",
        ),
    ] {
        let settings = DestinationSettings::read(&destination).unwrap();
        assert_eq!(settings.connection_id(), Some(id));
        let place = settings.open(&outputs, credentials.as_object()).unwrap();
        assert_eq!(place.locate("a.csv"), location);
        let shown = format!("{place:?}");
        assert!(shown.contains(url), "{shown}");
        assert!(
            !shown.contains("operator") && !shown.contains("secret"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_connection_to_an_endpoint_inside_a_network_is_refused_when_it_is_reached() {
    for (kind, credentials) in [("S3", s3()), ("AZURE_BLOB", azure())] {
        let mut credentials = credentials;
        // Where the operator's own store is, which that one may be reached at, and nobody else's.
        credentials["endpoint"] = json!("http://127.0.0.1:9");
        let place = open(&outputs(&[]), &json!({"type": kind}), &credentials).unwrap();
        let refused = place.check().await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Misconfigured, false)
        );
        assert!(refused.message.contains("private network"), "{refused}");
    }
}

#[test]
fn an_s3_connection_may_have_an_endpoint_of_its_own_unless_the_operator_names_one() {
    let mut credentials = s3();
    credentials["endpoint"] = json!("https://store.example");
    let to = json!({"type": "S3", "path": "x"});
    for (variables, url) in [
        (&[][..], "https://store.example/their-bucket"),
        (
            &[("RAIL_CONNECTOR_S3_BASE_URL", "http://127.0.0.1:7")],
            "http://127.0.0.1:7/their-bucket",
        ),
    ] {
        let place = open(&outputs(variables), &to, &credentials).unwrap();
        assert!(format!("{place:?}").contains(url), "{place:?}");
    }
    credentials["endpoint"] = json!("store.example");
    let refused = open(&outputs(&[]), &to, &credentials).unwrap_err();
    assert!(refused.message.contains("endpoint"), "{refused}");
}

#[tokio::test]
async fn the_operators_own_stores_are_reached_wherever_they_are() {
    // Bound and dropped: nobody listens there, which only who knocks can know.
    let [s3, azure] = [(), ()].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [s3, azure] = [s3, azure].map(|it| format!("http://{}", it.local_addr().unwrap()));
    let outputs = outputs(&[
        ("RAIL_S3_ENDPOINT", s3.as_str()),
        ("RAIL_AZURE_ENDPOINT", azure.as_str()),
    ]);
    for to in [
        json!({"type": "S3", "bucket": "exports"}),
        json!({"type": "AZURE_BLOB", "container": "exports"}),
    ] {
        let settings = DestinationSettings::read(&to).unwrap();
        let refused = settings.open(&outputs, None).unwrap().check().await;
        assert_eq!(refused.unwrap_err().kind, FailureKind::Unavailable, "{to}");
    }
}

#[test]
fn what_credentials_lack_is_named() {
    for (kind, credentials, name) in [
        ("S3", s3(), "secretAccessKey"),
        ("S3", s3(), "region"),
        ("S3", s3(), "bucket"),
        ("AZURE_BLOB", azure(), "accountKey"),
        ("AZURE_BLOB", azure(), "account"),
    ] {
        let mut credentials = credentials;
        credentials.as_object_mut().unwrap().remove(name);
        let refused = open(&outputs(&[]), &json!({"type": kind}), &credentials).unwrap_err();
        assert!(refused.message.contains(name), "{refused}");
    }
}
