//! Plaid's own library reads the fake Plaid.

use rail_tests::sandbox::plaid::{CLIENT_ID, Plaid, SECRET};
use rail_tests::sandbox::vendors::Start;
use serde_json::json;

use crate::scripts;

/// 2026-03-01.
const SPRING: i64 = 1_772_323_200;

#[test]
fn plaids_own_library_reads_the_sandbox_with_its_strict_types() {
    let sandbox = Start::new(41, 230).at(SPRING).serve(Plaid::new);
    let plaid = sandbox.vendor();
    let body = r#"{"webhook_type": "TRANSACTIONS"}"#;
    let told = json!({
        "baseUrl": sandbox.base_url(),
        "clientId": CLIENT_ID,
        "secret": SECRET,
        "accessToken": plaid.access_token(),
        "transactions": plaid.transactions(),
        "webhook": { "token": plaid.sign(body.as_bytes()), "body": body },
    });
    scripts::run("plaid_client.py", &told);
}
