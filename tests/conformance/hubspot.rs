//! HubSpot's own library reads the fake HubSpot.

use rail_tests::sandbox::hubspot::{Change, Entity, HubSpot};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Mutation, Vendor as _};
use serde_json::{Map, Value, json};

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;

#[test]
fn hubspots_own_library_reads_the_sandbox_without_a_complaint() {
    let sandbox = Start::new(33, 120).at(SPRING).serve(HubSpot::new);
    let hubspot = sandbox.vendor();
    let archived = hubspot.ids("deals")[4].clone();
    let deletion = Mutation::Delete {
        entity: "deals".to_owned(),
        id: archived.clone(),
    };
    let change = Mutation::Update {
        entity: "contacts".to_owned(),
        id: hubspot.ids("contacts")[9].clone(),
        patch: json!({ "properties": { "email": "changed@example.com" } }),
    };
    for mutation in [deletion, change] {
        hubspot.mutate(mutation).unwrap();
    }
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| (entity.name().to_owned(), json!(hubspot.ids(entity.name()))))
        .collect();
    let url = "https://rail.example.com/webhooks/hubspot?tenant=1";
    let deleted = Change {
        subscription: "deal.deletion",
        id: &archived,
        property: None,
    };
    let webhook = hubspot.webhook(url, &[deleted]);
    let told = json!({
        "baseUrl": sandbox.base_url(), "credentials": hubspot.credentials(), "app": hubspot.app_credentials(),
        "ids": ids, "archivedDeal": archived, "changedSince": SPRING - 60,
        "webhook": {
            "url": url, "body": webhook.body, "signature": webhook.signature, "timestamp": webhook.timestamp,
        },
    });
    scripts::run("hubspot_client.py", &told);
}
