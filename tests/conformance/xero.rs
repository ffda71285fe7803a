//! Xero's own library and Xero's own description read the fake Xero.

use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::xero::{Change, Entity, Xero};
use rail_tests::sandbox::{Mutation, Sandbox, Vendor as _};
use serde_json::{Map, Value, json};

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;

fn told(sandbox: &Sandbox<Xero>) -> Value {
    let xero = sandbox.vendor();
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| (entity.list().to_owned(), json!(xero.ids(entity.name()))))
        .collect();
    json!({ "baseUrl": sandbox.base_url(), "credentials": xero.credentials(), "ids": ids })
}

#[test]
fn xeros_own_library_reads_the_sandbox_without_a_complaint() {
    let sandbox = Start::new(23, 60).at(SPRING).serve(Xero::new);
    let xero = sandbox.vendor();
    let contact = xero.ids("contacts")[5].clone();
    let archived = Mutation::Delete {
        entity: "contacts".to_owned(),
        id: contact.clone(),
    };
    xero.mutate(archived).unwrap();
    let mut told = told(&sandbox);
    told["archivedContact"] = contact.into();
    told["changedSince"] = (SPRING - 60).into();
    if scripts::run("xero_client.py", &told) {
        let asked = sandbox.requests().to("/api.xro/2.0/Contacts");
        let since: Vec<_> = asked
            .iter()
            .filter_map(|request| request.header("if-modified-since"))
            .collect();
        assert!(!since.is_empty(), "the library asks for changes by header");
    }
}

#[test]
fn every_answer_is_valid_by_xeros_own_description() {
    let Some(schemas) = scripts::schemas("xero") else {
        return;
    };
    let sandbox = Start::new(24, 120).at(SPRING).serve(Xero::new);
    let xero = sandbox.vendor();
    let change = Change {
        entity: "invoices",
        id: &xero.ids("invoices")[0],
        event: "UPDATE",
    };
    let mut told = told(&sandbox);
    told["schemas"] = schemas.into();
    told["webhook"] = xero.webhook(1, &[change]).body.into();
    scripts::run("xero_schema.py", &told);
}
