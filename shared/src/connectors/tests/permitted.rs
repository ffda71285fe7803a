//! Entities that a file permits without naming them.

use super::described::told;
use super::*;
use crate::connectors::Coverage;
use crate::domain::{DateRange, FailureKind};

const DATA: &str = "/services/data/v66.0";
const ALL: [&str; 4] = ["Id", "IsDeleted", "CreatedDate", "SystemModstamp"];

fn catalogued() -> Connector {
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    catalogue.get("salesforce").unwrap()
}

/// Salesforce as the catalogue has it, at a canned server that describes an object by these fields.
async fn salesforce(called: &'static str, fields: &'static [&'static str]) -> (Canned, Source) {
    let server = Canned::start(move |asked| match asked.path().strip_prefix(DATA) {
        Some(path) if path.ends_with("/describe") => {
            let fields: Vec<Value> = fields.iter().map(|name| json!({ "name": name })).collect();
            Reply::json(json!({ "name": called, "fields": fields }))
        }
        Some("/query") => Reply::json(json!({ "done": true, "records": [{ "Id": "a1" }] })),
        Some("/queryAll") => {
            let gone = json!({ "Id": "a2", "IsDeleted": true });
            Reply::json(json!({ "done": true, "records": [{ "Id": "a1" }, gone] }))
        }
        Some(path) if path.ends_with("/a1") => Reply::json(json!({ "Id": "a1" })),
        _ => panic!("{} was asked for", asked.path()),
    })
    .await;
    let overrides = BTreeMap::from([("salesforce".to_owned(), server.url.clone())]);
    let credentials = json!({
        "clientId": "app", "clientSecret": "secret", "instanceUrl": server.url, "accessToken": KEY,
    });
    let connector = Catalogue::embedded(&overrides).unwrap().get("salesforce");
    let source = connector
        .unwrap()
        .open(&server.http(), session(&credentials));
    (server, source)
}

fn queries(server: &Canned) -> Vec<String> {
    let asked = server.asked();
    asked.iter().flat_map(|asked| asked.query("q")).collect()
}

fn in_january() -> Ask {
    let range = DateRange {
        from: "2026-01-01".parse().unwrap(),
        to: "2026-01-31".parse().unwrap(),
    };
    Ask {
        window: Some(range.window()),
        ..ask(SyncMode::Full)
    }
}

#[test]
fn an_object_of_salesforce_is_one_by_the_form_of_its_name_and_nothing_else_is() {
    let salesforce = catalogued();
    for name in [
        "accounts",
        "Task",
        "User",
        "Invoice__c",
        "invoice__c",
        "ns__Thing__c",
        "Rate__mdt",
        "A1_b__History",
    ] {
        assert!(salesforce.has_entity(name), "{name}");
        assert!(salesforce.lists_by_date(name), "{name}");
    }
    for name in [
        "",
        "unicorns",
        "Account WHERE Id != null",
        "Account,Contact",
        "Task\n",
        "Task--",
        "Task'",
        "Task/describe",
        "Task%20",
        "Invoice__c)",
        "__c",
        "_Invoice__c",
        "1Invoice__c",
        "Größe__c",
        "{accessToken}",
        "../Task",
        "Task\0",
        &format!("{}__c", "A".repeat(80)),
    ] {
        assert!(!salesforce.has_entity(name), "{name:?}");
    }
    let others = salesforce.other_entities().unwrap();
    assert!(others.pattern.starts_with("^(?:") && others.pattern.ends_with(")$"));
    assert!(others.expects.contains("Invoice__c"));
    assert!(salesforce.lacks("unicorns").contains(others.expects));
    let listed: Vec<&str> = salesforce.entities().collect();
    assert_eq!(listed.len(), 6, "what is not named is the six: {listed:?}");
}

#[test]
fn what_is_listed_is_not_read_a_second_time_under_its_other_name() {
    let salesforce = catalogued();
    for name in ["Account", "account", "ACCOUNT", "Opportunity"] {
        assert!(!salesforce.has_entity(name), "{name}");
    }
    assert_eq!(
        salesforce.lacks("Account"),
        "Salesforce has this as accounts."
    );
    let stripe = Catalogue::embedded(&BTreeMap::new()).unwrap().get("stripe");
    let stripe = stripe.unwrap();
    assert_eq!(stripe.other_entities(), None);
    assert!(!stripe.has_entity("Invoice__c"));
}

#[tokio::test]
async fn an_object_that_is_named_is_read_as_the_listed_ones_are() {
    let (server, source) = salesforce("Invoice__c", &ALL).await;
    let all = "SELECT Id,IsDeleted,CreatedDate,SystemModstamp FROM Invoice__c";

    let asked = ask(SyncMode::Full);
    let pages = walk(&source, "Invoice__c", &asked).await.unwrap();
    assert_eq!(told(&pages), ["a1", "-a2"]);
    assert!(matches!(pages[0].coverage, Coverage::Everything { .. }));
    let asked = since(TimeDelta::days(1));
    let pages = walk(&source, "Invoice__c", &asked).await.unwrap();
    assert_eq!(told(&pages), ["a1", "-a2"]);
    walk(&source, "Invoice__c", &in_january()).await.unwrap();
    walk(&source, "Invoice__c", &ask(SyncMode::Snapshot))
        .await
        .unwrap();
    assert!(source.reads_one("Invoice__c"));
    source.read_one("Invoice__c", "a1").await.unwrap();

    let changed = (now() - TimeDelta::days(1)).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(
        queries(&server),
        [
            format!("{all} ORDER BY Id"),
            format!("{all} WHERE SystemModstamp >= {changed} ORDER BY Id"),
            format!(
                "{all} WHERE CreatedDate >= 2026-01-01T00:00:00Z AND CreatedDate < 2026-02-01T00:00:00Z ORDER BY Id"
            ),
            format!("{all} ORDER BY Id"),
        ]
    );
    let asked = server.asked();
    let one = format!("{DATA}/sobjects/Invoice__c/a1");
    assert_eq!(asked.last().unwrap().path(), one);
    let described = asked
        .iter()
        .filter(|asked| asked.path().ends_with("describe"));
    assert_eq!(described.count(), 1);
}

#[tokio::test]
async fn of_an_object_that_does_not_tell_what_changed_or_was_deleted_everything_is_read() {
    const NO_BIN: [&str; 3] = ["Id", "CreatedDate", "SystemModstamp"];
    const NO_STAMP: [&str; 3] = ["Id", "IsDeleted", "CreatedDate"];
    for fields in [&NO_BIN, &NO_STAMP] {
        let (server, source) = salesforce("Rate__mdt", fields).await;
        let asked = since(TimeDelta::days(1));
        let pages = walk(&source, "Rate__mdt", &asked).await.unwrap();
        assert_eq!(told(&pages), ["a1", "-a2"]);
        let coverage = &pages.last().unwrap().coverage;
        assert!(
            matches!(coverage, Coverage::Everything { .. }),
            "{fields:?}"
        );
        assert_eq!(
            left(&asked, &pages),
            read_up_to(now() - TimeDelta::minutes(15))
        );
        let names = fields.join(",");
        let whole = format!("SELECT {names} FROM Rate__mdt ORDER BY Id");
        assert_eq!(queries(&server), [whole]);
    }
}

#[tokio::test]
async fn a_range_is_refused_for_an_object_without_that_time() {
    let (server, source) = salesforce("Rate__mdt", &["Id", "SystemModstamp"]).await;
    let refused = walk(&source, "Rate__mdt", &in_january()).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::Misconfigured, false)
    );
    assert_eq!(
        refused.message,
        "Salesforce cannot list Rate__mdt by date, as it has no CreatedDate; leave dateRange out."
    );
    assert_eq!(queries(&server), [""; 0]);
}

#[tokio::test]
async fn an_object_is_named_as_the_vendor_writes_it_or_it_would_be_stored_twice() {
    let (_server, source) = salesforce("Invoice__c", &ALL).await;
    let refused = walk(&source, "invoice__c", &ask(SyncMode::Full)).await;
    let refused = refused.unwrap_err();
    assert!(!refused.retryable);
    assert_eq!(
        refused.message,
        "Salesforce calls this entity Invoice__c; name it so, and not invoice__c."
    );
}

/// A file that permits what is said here.
fn permitting(any_entity: &str) -> String {
    format!(
        r#"id = "acme"
name = "Acme"
category = "CRM"
status = "AVAILABLE"
features = []
base_url = "https://api.acme.example"
auth = {{ kind = "bearer", credential = "token" }}
any_entity = {any_entity}
[credentials.token]
title = "Access token"
[test]
path = "/me"
[lists]
records = "/rows/{{table}}"
id = "/id"
paging = {{ kind = "none" }}
lookback_minutes = 10
[[entities]]
name = "orders"
path = "/tables/{{table}}"
values = {{ table = "Orders" }}
changes = {{ by = "whole_list", because = "it is a test" }}
"#
    )
}

const GOOD: &str =
    r#"{ pattern = ".*", expects = "the name of a table", value = "table", like = "orders" }"#;

#[tokio::test]
async fn operators_permit_entities_too_but_no_pattern_lets_a_name_out_of_its_place() {
    let connector = Connector::check(&permitting(GOOD)).unwrap();
    assert_eq!(
        connector.summary()[1],
        "any other, by its name (the name of a table): like orders"
    );
    for name in ["Leases", "2-1234", "a_b"] {
        assert!(connector.has_entity(name), "{name}");
    }
    for name in [
        "", "Orders", "a/b", "a b", "a.b", "..", "-a", "a?b", "a{b}", "~1", "é",
    ] {
        assert!(!connector.has_entity(name), "{name}");
    }
    let server = Canned::start(|asked| {
        assert_eq!(asked.path(), "/tables/2-1234");
        Reply::json(json!({ "rows": { "2-1234": [{ "id": "x" }] } }))
    })
    .await;
    let connector = Connector::parse(&permitting(GOOD), Some(&server.url)).unwrap();
    let source = connector.open(&server.http(), session(&json!({ "token": KEY })));
    let pages = walk(&source, "2-1234", &ask(SyncMode::Full)).await.unwrap();
    assert_eq!(told(&pages), ["x"]);
    let unknown = source.plan("a/b", &ask(SyncMode::Full)).unwrap_err();
    assert_eq!(unknown.message, "Acme has no a/b.");
}

#[test]
fn every_fault_of_what_a_file_permits_is_told_with_its_line() {
    for (from, to, told) in [
        (
            ".*",
            "(",
            "8: [any_entity] has a pattern that cannot be read",
        ),
        (
            "\"table\"",
            "\"tabel\"",
            "8: [any_entity] puts the name into tabel, which is not among the values of orders",
        ),
        (
            "\"orders\"",
            "\"order\"",
            "8: [any_entity] is read like order, which is no entity",
        ),
        ("like =", "as =", "8: unknown field `as`"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = permitting(&GOOD.replace(from, to));
        let refused = Connector::check(&text).unwrap_err().faults;
        assert_eq!(refused.len(), 1, "{refused:?}");
        let fault = format!("{}: {}", refused[0].line.unwrap(), refused[0].what);
        assert!(fault.starts_with(told), "{fault}");
    }
    let both = GOOD.replace(".*", "(").replace("\"orders\"", "\"order\"");
    let refused = Connector::check(&permitting(&both)).unwrap_err().faults;
    assert_eq!(refused.len(), 2, "{refused:?}");
}
