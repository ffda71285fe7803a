//! Intuit's own library, python-quickbooks and Intuit's schemas read the fake QuickBooks.

use rail_tests::sandbox::quickbooks::{Change, Entity, QuickBooks};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Mutation, Sandbox, Vendor as _};
use serde_json::{Map, Value, json};

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;

fn told(sandbox: &Sandbox<QuickBooks>) -> Value {
    let books = sandbox.vendor();
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| (entity.object().to_owned(), json!(books.ids(entity.name()))))
        .collect();
    json!({ "baseUrl": sandbox.base_url(), "credentials": books.credentials(), "ids": ids })
}

#[test]
fn intuits_libraries_read_the_sandbox_without_a_complaint() {
    let sandbox = Start::new(21, 60).at(SPRING).serve(QuickBooks::new);
    let books = sandbox.vendor();
    let invoice = books.ids("invoices")[9].clone();
    let deletions = [("invoices", invoice.clone()), ("customers", "3".to_owned())];
    for (entity, id) in deletions {
        let entity = entity.to_owned();
        books.mutate(Mutation::Delete { entity, id }).unwrap();
    }
    let body = books.webhook_notifications(&[Change {
        entity: "invoices",
        id: &invoice,
        operation: "Delete",
    }]);
    let mut told = told(&sandbox);
    told["deletedInvoice"] = invoice.into();
    told["changedSince"] = "2026-02-27T00:00:00-08:00".into();
    told["webhook"] = json!({
        "key": books.verifier_token(), "signature": books.webhook_signature(body.as_bytes()), "body": body,
    });
    scripts::run("quickbooks_client.py", &told);
}

#[test]
fn every_record_is_valid_by_intuits_schemas() {
    let Some(schemas) = scripts::schemas("quickbooks/xsd") else {
        return;
    };
    let sandbox = Start::new(22, 120).at(SPRING).serve(QuickBooks::new);
    let mut told = told(&sandbox);
    told["schemas"] = schemas.into();
    scripts::run("quickbooks_schema.py", &told);
}
