//! simple-salesforce and recordings of real orgs, beside the fake Salesforce.

use rail_tests::sandbox::salesforce::{Entity, Salesforce};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Mutation, Sandbox, Vendor as _};
use serde_json::{Map, Value, json};

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;

/// An org in which one account was deleted, and what it says about itself.
fn org(seed: u64) -> (Sandbox<Salesforce>, Value) {
    let sandbox = Start::new(seed, 260).at(SPRING).serve(Salesforce::new);
    let salesforce = sandbox.vendor();
    let (entity, id) = ("accounts".to_owned(), salesforce.ids("accounts")[7].clone());
    let deletion = Mutation::Delete {
        entity,
        id: id.clone(),
    };
    salesforce.mutate(deletion).unwrap();
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| {
            (
                entity.object().to_owned(),
                json!(salesforce.ids(entity.name())),
            )
        })
        .collect();
    let told = json!({
        "baseUrl": sandbox.base_url(), "credentials": salesforce.credentials(), "ids": ids,
        "deletedAccount": id, "now": SPRING,
    });
    (sandbox, told)
}

#[test]
fn simple_salesforce_reads_the_sandbox_without_a_complaint() {
    let (_sandbox, told) = org(31);
    scripts::run("salesforce_client.py", &told);
}

#[test]
fn descriptions_and_answers_have_the_shape_of_recorded_ones() {
    let Some(recordings) = scripts::schemas("salesforce") else {
        return;
    };
    let (_sandbox, mut told) = org(32);
    told["recordings"] = recordings.into();
    scripts::run("salesforce_shapes.py", &told);
}
