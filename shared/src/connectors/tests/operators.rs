//! Files that operators write: their faults by line, their folder, and the format's schema.

use std::path::Path;

use super::*;
use crate::connectors::catalogue::FILES;
use crate::connectors::folder::Folder;
use crate::connectors::published;

const ACME: &str = r#"id = "acme"
name = "Acme"
category = "PAYMENTS"
status = "AVAILABLE"
features = ["orders"]
base_url = "https://api.acme.example"
auth = { kind = "bearer", credential = "token" }

[credentials.token]
title = "Access token"

[test]
path = "/v2/me"

[lists]
records = "/orders"
id = "/order_id"
paging = { kind = "none" }
lookback_minutes = 10

[[entities]]
name = "orders"
path = "/v2/orders"
changes = { by = "whole_list", because = "it is a test" }
"#;

/// The faults of a text, as `line: what`.
fn faults(text: &str) -> Vec<String> {
    let refused = Connector::check(text).unwrap_err();
    let faults = refused.faults.into_iter();
    faults
        .map(|fault| format!("{}: {}", fault.line.unwrap_or(0), fault.what))
        .collect()
}

fn changed(from: &str, to: &str) -> String {
    assert!(ACME.contains(from), "{from}");
    ACME.replace(from, to)
}

#[test]
fn a_good_file_is_understood() {
    let acme = Connector::check(ACME).unwrap();
    assert_eq!(
        acme.summary(),
        [
            "orders: /v2/orders; pages: one; changes: the whole list each time; not by date; never one by one"
        ]
    );
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_its_line() {
    let text = changed(r#"credential = "token""#, r#"credential = "tokn""#)
        .replace("/v2/me", "/v2/{tenant}/me")
        + r#"
[[entities]]
name = "invoices"

[[entities]]
name = "refunds"
path = "/v2/{kind}/refunds"
paging = { kind = "page", parameter = "page" }
changes = { by = "updated" }

[[entities]]
name = "orders"
path = "/v2/orders"
under = { entity = "shops" }
changes = { by = "whole_list", because = "" }
"#;
    assert_eq!(
        faults(&text),
        [
            "7: auth names tokn, which is no credential",
            "13: {tenant} is neither a credential nor a setting",
            "27: entity invoices lacks changes",
            "27: entity invoices lacks path",
            "30: entity refunds lacks page_size, without which its last page cannot be told",
            "30: entity refunds lacks since, by which what changed is listed",
            "31: {kind} is neither a credential, a setting, one of the entity's values nor a word of the engine",
            "36: entity orders is listed under shops, which is no entity",
            "36: entity orders lacks the reason why its changes are found so",
            "36: there are two entities named orders",
        ]
    );
}

#[test]
fn what_is_no_toml_of_the_format_is_told_with_its_line() {
    for (from, to, line, told) in [
        ("[test]", "[test", 12, "`]`"),
        (
            "path = \"/v2/me\"",
            "pth = \"/v2/me\"",
            13,
            "unknown field `pth`",
        ),
        (
            "lookback_minutes = 10",
            "lookback_minutes = \"10\"",
            19,
            "invalid type",
        ),
        (
            "kind = \"none\"",
            "kind = \"pages\"",
            18,
            "unknown variant `pages`",
        ),
        (
            "id = \"/order_id\"",
            "id = 7",
            17,
            "a JSON pointer or {parent}, or several",
        ),
    ] {
        let faults = faults(&changed(from, to));
        assert!(faults[0].starts_with(&format!("{line}: ")), "{faults:?}");
        assert!(faults[0].contains(told), "{faults:?}");
    }
}

#[test]
fn a_value_that_one_entity_lacks_is_told_at_that_entity() {
    let text = changed("records = \"/orders\"", "records = \"/{object}\"")
        + r#"
[[entities]]
name = "refunds"
path = "/v2/refunds"
values = { object = "refunds" }
changes = { by = "whole_list", because = "it is a test" }
"#;
    assert_eq!(
        faults(&text),
        ["22: entity orders lacks object in its values, which [lists] names in line 16"]
    );
    // Who says it itself needs no value.
    let own = text.replace(
        "path = \"/v2/orders\"",
        "path = \"/v2/orders\"\nrecords = \"/orders\"",
    );
    assert!(Connector::check(&own).is_ok());
}

#[test]
fn a_list_is_read_by_a_job_only_where_its_rows_can_be_understood() {
    let text = ACME.to_owned()
        + r#"
[bulk]
by = "salesforce_query_jobs"
path = "jobs"
query = "SELECT {fields} FROM {table}"
total = "/total"
above = 10
rows = 0
"#;
    assert_eq!(
        faults(&text),
        [
            "22: entity orders lacks item and the kind of fields, without which the rows of [bulk] cannot be read",
            "26: [bulk] needs a path below the base URL, and takes one row at least at once",
            "29: {table} is neither a credential, a setting, one of the entity's values nor a word of the engine",
        ]
    );
}

#[test]
fn what_comes_with_a_token_stands_for_itself_but_not_before_there_is_one() {
    let text = changed(
        r#"auth = { kind = "bearer", credential = "token" }"#,
        r#"auth = { kind = "oauth2" }
headers = { site = "{site}" }
[oauth]
grant = "authorization_code"
authorize_url = "https://login.acme.example/authorize"
token_url = "https://login.acme.example/token"
client_id = "token"
callback_facts = ["company"]
token_facts = { instance = "/instance" }
facts_call = { url = "https://api.acme.example/sites", facts = { site = "/0/id" } }"#,
    )
    .replace("/v2/me", "/v2/{company}/me")
    .replace("/v2/orders", "/v2/{company}/orders")
    .replace("https://api.acme.example\"\n", "{instance}\"\n");
    assert!(Connector::check(&text).is_ok());
    let early = text.replace("acme.example/token", "acme.example/{company}/token");
    assert_eq!(
        faults(&early),
        ["12: {company} is neither a credential nor a setting"]
    );
}

#[test]
fn an_id_is_a_word_and_never_that_of_a_built_in_connector() {
    for (id, told) in [("Acme-2", "lower-case"), ("stripe", "built in")] {
        let faults = faults(&changed("id = \"acme\"", &format!("id = \"{id}\"")));
        assert!(
            faults[0].starts_with("1: ") && faults[0].contains(told),
            "{faults:?}"
        );
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// The titles of a folder's connectors.
fn names(folder: &Folder) -> Vec<String> {
    let connectors = folder.connectors();
    connectors
        .map(|connector| connector.name().to_owned())
        .collect()
}

#[test]
fn a_folder_takes_up_good_files_and_keeps_what_a_bad_one_said_before() {
    let at = tempfile::tempdir().unwrap();
    let mut folder = Folder::new(at.path(), BTreeMap::new());
    write(at.path(), "acme.toml", ACME);
    write(at.path(), ".hidden.toml", "no");
    write(at.path(), "notes.txt", "no");
    assert_eq!(folder.look().len(), 0);
    assert_eq!(names(&folder), ["Acme"]);

    write(at.path(), "acme.toml", &changed("\"Acme\"", "\"Acme Two\""));
    write(at.path(), "other.toml", &changed("\"acme\"", "\"other\""));
    assert_eq!(folder.look().len(), 0);
    assert_eq!(names(&folder), ["Acme Two", "Acme"]);

    write(at.path(), "acme.toml", "id = ");
    write(
        at.path(),
        "twin.toml",
        &changed("\"acme\"", "\"other\"").replace("\"Acme\"", "\"Twin\""),
    );
    let errors: Vec<String> = folder.look().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("acme.toml:1: "), "{errors:?}");
    assert!(errors[1].contains("other is also the id in"), "{errors:?}");
    assert_eq!(names(&folder), ["Acme Two", "Acme"]);
    let generation = folder.generation();
    assert_eq!((folder.look().len(), folder.generation()), (0, generation));

    std::fs::remove_file(at.path().join("acme.toml")).unwrap();
    assert_eq!(folder.look().len(), 0);
    assert_eq!(names(&folder), ["Acme"]);
    assert!(folder.generation() > generation);

    at.close().unwrap();
    assert_eq!(
        (folder.look().len(), folder.look().len()),
        (1, 0),
        "told once"
    );
    assert_eq!(names(&folder), ["Acme"]);
}

#[test]
fn a_catalogue_refuses_a_folder_with_a_bad_file_and_knows_the_base_urls_of_good_ones() {
    let at = tempfile::tempdir().unwrap();
    write(at.path(), "acme.toml", ACME);
    let urls = BTreeMap::from([("acme".to_owned(), "http://127.0.0.1:9".to_owned())]);
    assert!(Catalogue::embedded(&urls).is_err());
    let catalogue = Catalogue::read_once(&urls, Some(at.path())).unwrap();
    assert_eq!(catalogue.connectors().len(), FILES.len() + 1);
    assert!(catalogue.knows_entity("orders"));

    write(at.path(), "bad.toml", &changed("/v2/me", "/v2/{nobody}"));
    write(at.path(), "worse.toml", "[");
    let refused = Catalogue::read_once(&urls, Some(at.path()))
        .unwrap_err()
        .to_string();
    for told in [
        "RAIL_CONNECTORS_DIR",
        "bad.toml:13: {nobody} is",
        "worse.toml:1: ",
    ] {
        assert!(refused.contains(told), "{refused}");
    }
    let nowhere = at.path().join("nowhere");
    assert!(Catalogue::read_once(&BTreeMap::new(), Some(&nowhere)).is_err());
}

#[test]
fn the_published_schema_is_the_one_of_the_code() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../openapi/connector.schema.json"
    );
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == published::schema_text(),
        "openapi/connector.schema.json is not what the code says; run ./dev openapi and look at what changed"
    );
}

#[test]
fn every_file_is_valid_by_the_published_schema_and_what_the_reader_refuses_is_not() {
    let validator = jsonschema::validator_for(&published::schema()).unwrap();
    let texts = FILES.iter().map(|(id, text)| (*id, (*text).to_owned()));
    for (id, text) in texts.chain([("acme", ACME.to_owned())]) {
        let value: Value = toml::from_str(&text).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path().as_str()))
            .collect();
        assert_eq!(faults, [""; 0], "{id}");
    }
    for (from, to) in [
        ("path = \"/v2/me\"", "pth = \"/v2/me\""),
        ("lookback_minutes = 10", "lookback_minutes = \"10\""),
        ("kind = \"none\"", "kind = \"pages\""),
        ("id = \"/order_id\"", "id = \"order_id\""),
        ("\"PAYMENTS\"", "\"PAYMENT\""),
        ("because =", "since ="),
    ] {
        let value: Value = toml::from_str(&changed(from, to)).unwrap();
        assert!(!validator.is_valid(&value), "{to}");
    }
}
