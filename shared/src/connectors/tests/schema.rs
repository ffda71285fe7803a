use super::*;
use crate::domain::{ConnectorStatus, Fault};

fn faults(credentials: &Value) -> Vec<Fault> {
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    let connector = catalogue.get("stripe").unwrap();
    let faults = connector.check_credentials(credentials, "/credentials");
    let mut faults: Vec<Fault> = faults.into_iter().collect();
    faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    faults
}

#[test]
fn credentials_in_the_ordered_form_are_accepted() {
    for credentials in [
        json!({ "apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": "${IOF_CONNECTOR_WEBHOOK_SECRET}" }),
        json!({ "apiKey": "sk_test_51HideMe" }),
        json!({ "apiKey": "rk_live_51HideMe", "webhookSecret": "whsec_HideMe" }),
    ] {
        assert_eq!(faults(&credentials), [], "{credentials}");
    }
}

#[test]
fn every_fault_is_told_at_once_at_its_place_and_no_value_is_repeated() {
    let found =
        faults(&json!({ "apiKey": "pk_live_HideMe", "webhookSecret": 5, "a/b~": "HideMe" }));
    let told: Vec<_> = found.iter().map(|f| (f.pointer.as_str(), f.code)).collect();
    assert_eq!(
        told,
        [
            ("/credentials/apiKey", "invalid-format"),
            ("/credentials/a~1b~0", "unknown-field"),
            ("/credentials/webhookSecret", "wrong-type"),
        ]
    );
    assert!(found[0].detail.contains("sk_…"), "{}", found[0].detail);
    assert!(!format!("{found:?}").contains("HideMe"));
}

#[test]
fn what_is_missing_or_of_another_form_is_told() {
    let one = |credentials: Value| {
        let found = faults(&credentials);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].pointer.clone(), found[0].code)
    };
    assert_eq!(one(json!({})), ("/credentials/apiKey".into(), "missing"));
    assert_eq!(one(json!("text")), ("/credentials".into(), "wrong-type"));
    assert_eq!(one(json!(null)), ("/credentials".into(), "wrong-type"));
    for half in [
        "${}",
        "${A} ",
        "x${A}",
        "$A",
        "sk_",
        " sk_test_1",
        "sk_test_1\n",
    ] {
        let place = ("/credentials/apiKey".into(), "invalid-format");
        assert_eq!(one(json!({ "apiKey": half })), place, "{half}");
    }
    let empty = json!({ "apiKey": "sk_test_1", "webhookSecret": "" });
    assert_eq!(
        one(empty),
        ("/credentials/webhookSecret".into(), "too-short")
    );
    let endless = json!({ "apiKey": "sk_test_1", "webhookSecret": "x".repeat(20_000) });
    assert_eq!(
        one(endless),
        ("/credentials/webhookSecret".into(), "too-long")
    );
}

#[test]
fn secrets_are_marked_in_the_schema_and_nothing_else_is_allowed() {
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    let stripe = catalogue.get("stripe").unwrap();
    let schema = stripe.credentials_schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], json!(["apiKey"]));
    for secret in ["apiKey", "webhookSecret"] {
        assert_eq!(schema["properties"][secret]["writeOnly"], true);
        assert_eq!(schema["properties"][secret]["format"], "password");
    }
    let paypal = catalogue.get("paypal").unwrap();
    let open = &paypal.credentials_schema()["properties"]["clientId"];
    assert_eq!(open["writeOnly"], Value::Null);
}

#[test]
fn a_closed_set_takes_its_members_and_references_only() {
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    let paypal = catalogue.get("paypal").unwrap();
    let check = |environment: &str| {
        let credentials =
            json!({ "clientId": "a", "clientSecret": "b", "environment": environment });
        paypal.check_credentials(&credentials, "").is_empty()
    };
    assert!(check("sandbox") && check("${IOF_CONNECTOR_ENVIRONMENT}"));
    assert!(!check("sandboxes") && !check("moon"));
}

/// Parses Stripe's own file after a change.
fn changed(from: &str, to: &str) -> Result<Connector, String> {
    let text = include_str!("../catalog/stripe.toml");
    assert!(text.contains(from), "{from}");
    Connector::parse(&text.replace(from, to), None).map_err(|error| {
        use std::error::Error;
        format!(
            "{error} {}",
            error.source().map(ToString::to_string).unwrap_or_default()
        )
    })
}

#[test]
fn a_file_that_cannot_work_is_refused_by_name() {
    for (from, to, told) in [
        ("parallel = 4", "parallel = 0", "must be from 1 to 16"),
        ("parallel = 4", "parallel = 17", "must be from 1 to 16"),
        (
            "lookback_minutes = 10",
            "lookback_minutes = 10\ncolour = 1",
            "unknown field `colour`",
        ),
        (
            r#"order = "newest_first""#,
            r#"order = "sideways""#,
            "unknown variant `sideways`",
        ),
        (
            r#"records = "/data""#,
            r#"records = "data""#,
            "begins with a slash",
        ),
        (
            "more = \"/has_more\" }\npage_size",
            "more = 1 }\npage_size",
            "invalid type",
        ),
        (
            r#"auth = { kind = "bearer", credential = "apiKey" }"#,
            "",
            "lacks auth",
        ),
        (
            r#"credential = "apiKey" }"#,
            r#"credential = "apiKee" }"#,
            "apiKee",
        ),
        (r#"path = "/v1/refunds""#, "", "entity refunds lacks path"),
        (r#"name = "refunds""#, r#"name = "charges""#, "two entities"),
        (
            "https://api.stripe.com\"",
            "ftp://api.stripe.com\"",
            "base_url must be",
        ),
        (r#"because = "They"#, "because = \"\" # ", "the reason"),
        (
            "window = {",
            "# window = {",
            "balance_transactions lacks lists.window",
        ),
    ] {
        let refused = changed(from, to).unwrap_err();
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn a_connector_without_reading_rules_can_be_listed_but_not_be_available() {
    let connector = Connector::parse(LISTED, None).unwrap();
    assert_eq!(connector.status(), ConnectorStatus::Disabled);
    for status in ["AVAILABLE", "BETA"] {
        let claimed = LISTED.replace("DISABLED", status);
        let refused = Connector::parse(&claimed, None).unwrap_err().to_string();
        assert!(refused.contains("lacks auth"), "{refused}");
    }
}

#[test]
fn a_base_url_of_the_operators_must_be_one_and_belong_to_a_connector() {
    for (id, url) in [
        ("stripe", "localhost:1"),
        ("stripe", "http://x.example/?a=b"),
        ("strype", "http://x.example"),
    ] {
        let overrides = BTreeMap::from([(id.to_owned(), url.to_owned())]);
        let refused = Catalogue::embedded(&overrides).unwrap_err().to_string();
        assert!(refused.contains(id), "{refused}");
    }
}
