use super::*;
use secrecy::ExposeSecret;

fn env(variables: &[(&str, &str)]) -> Environment {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn every_missing_and_bad_variable_is_named_at_once_without_its_value() {
    let refused = SharedConfig::from_env(&env(&[
        ("DATABASE_URL", "mysql://root:hunter2@x"),
        ("RAIL_DB_CONNECTIONS", "0"),
        ("RAIL_EXPORT_DIR", "exports"),
        ("RAIL_CONNECTORS_DIR", "connectors"),
        ("RAIL_S3_ACCESS_KEY_ID", "AKIA"),
        ("RAIL_AZURE_ACCOUNT_KEY", "hunter2"),
        ("RAIL_AZURE_ENDPOINT", "store"),
        ("RAIL_CONNECTOR_STRIPE_BASE_URL", "ftp://x"),
        ("RAIL_CONNECTOR_STRIPE_RATE", "hunter2"),
        ("RAIL_RATE_PROCESSES", "0"),
    ]))
    .unwrap_err();
    let told = refused.to_string();
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "RAIL_DB_CONNECTIONS",
        "RAIL_EXPORT_DIR",
        "RAIL_CONNECTORS_DIR",
        "RAIL_S3_SECRET_ACCESS_KEY",
        "RAIL_AZURE_ACCOUNT",
        "RAIL_AZURE_ENDPOINT",
        "RAIL_CONNECTOR_STRIPE_BASE_URL",
        "RAIL_CONNECTOR_STRIPE_RATE",
        "RAIL_RATE_PROCESSES",
    ] {
        assert!(
            told.lines()
                .any(|line| line.starts_with(&format!("{name}: "))),
            "{name} in {told}"
        );
    }
    assert_eq!(refused.0.len(), 11);
    assert!(!told.contains("hunter2"));
}

#[test]
fn what_is_not_set_has_its_documented_value() {
    let shared = SharedConfig::from_env(&env(&[
        ("DATABASE_URL", "postgres://rail@127.0.0.1/rail"),
        ("REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("RAIL_EXPORT_DIR", ""),
    ]))
    .unwrap();
    assert_eq!(
        shared.database_url.expose_secret(),
        "postgres://rail@127.0.0.1/rail"
    );
    assert_eq!(
        (shared.db_connections, shared.outputs.export_dir),
        (16, None)
    );
    let api = ApiConfig::from_env(&env(&[])).unwrap();
    assert_eq!(
        (api.bind.to_string().as_str(), api.public_url.as_str()),
        ("127.0.0.1:8080", "http://127.0.0.1:8080")
    );
    let worker = WorkerConfig::from_env(&env(&[("RAIL_WORKER_LEASE", "2m")])).unwrap();
    assert_eq!(
        (worker.syncs, worker.exports, worker.lease.as_secs()),
        (8, 2, 120)
    );
    let kept = |text| {
        let read = WorkerConfig::from_env(&env(&[("RAIL_EXPORT_RUNS_KEPT", text)]));
        read.map(|worker| worker.runs_kept.map(|kept| kept.as_secs() / 86_400))
    };
    assert_eq!(worker.runs_kept, Some(Duration::from_hours(90 * 24)));
    assert_eq!(kept("7d").unwrap(), Some(7));
    assert_eq!(kept("forever").unwrap(), None);
    for bad in ["0d", "10000d", "7", "7h"] {
        assert!(kept(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let sources = [
        include_str!("mod.rs"),
        include_str!("outputs.rs"),
        include_str!("reading.rs"),
    ]
    .concat();
    let quoted = sources.split('"').filter(|text| {
        (text.starts_with("RAIL_") || text.ends_with("_URL"))
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
    });
    for name in
        quoted.filter(|name| !matches!(*name, "RAIL_" | "_URL" | "RAIL_CONNECTOR_" | "_BASE_URL"))
    {
        assert!(VARIABLES.contains(name), "{name}");
    }
}

#[test]
fn without_a_master_key_there_is_no_ring() {
    assert_eq!(
        key_ring(&env(&[])).unwrap_err().0,
        ["RAIL_MASTER_KEYS: it is required and not set"]
    );
    assert!(key_ring(&env(&[("RAIL_MASTER_KEYS", "a:c2hvcnQ=")])).is_err());
}
