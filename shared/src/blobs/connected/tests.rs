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

#[test]
fn an_s3_connection_to_an_endpoint_of_its_own_is_refused_unless_the_operator_names_one() {
    let mut credentials = s3();
    credentials["endpoint"] = json!("http://10.0.0.1");
    let to = json!({"type": "S3", "path": "x"});
    let refused = open(&outputs(&[]), &to, &credentials).unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::Misconfigured, false)
    );
    assert!(refused.message.contains("endpoint"), "{refused}");

    let named = outputs(&[("RAIL_CONNECTOR_S3_BASE_URL", "http://127.0.0.1:7")]);
    let place = open(&named, &to, &credentials).unwrap();
    assert!(
        format!("{place:?}").contains("http://127.0.0.1:7/their-bucket"),
        "{place:?}"
    );
}

#[tokio::test]
async fn an_azure_connection_to_an_endpoint_inside_a_network_is_refused_when_it_is_reached() {
    let mut credentials = azure();
    credentials["endpoint"] = json!("http://127.0.0.1:9");
    let place = open(&outputs(&[]), &json!({"type": "AZURE_BLOB"}), &credentials).unwrap();
    let refused = place.check().await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::Misconfigured, false)
    );
    assert!(refused.message.contains("private network"), "{refused}");
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
