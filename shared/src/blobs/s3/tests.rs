#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

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
        assert_eq!(S3Place::new(&change).unwrap().bucket.url(), url);
    }
}

#[test]
fn the_caller_is_told_bucket_and_key() {
    let place = S3Place::new(&settings()).unwrap();
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
        let failure = S3Place::new(&refused).unwrap_err();
        assert_eq!(failure.origin, Origin::Configuration, "{refused:?}");
        assert!(!failure.retryable);
    }
}

#[test]
fn neither_settings_nor_place_print_their_keys() {
    let printed = format!("{:?} {:?}", settings(), S3Place::new(&settings()).unwrap());
    assert!(printed.contains("exports-bucket"));
    assert!(!printed.contains("very-secret"));
    assert!(!printed.contains("also-secret"));
}
