//! Stripe's official Python library reads the sandbox.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rail_tests::sandbox::Sandbox;
use rail_tests::sandbox::stripe::{ACCOUNT_VERSION, DEFAULT_KEY, Entity, Settings};
use serde_json::{Map, Value, json};

#[test]
fn stripes_own_library_lists_pages_and_reads_the_sandbox_without_a_complaint() {
    #[allow(
        clippy::disallowed_methods,
        reason = "how ./dev test says where its Python is"
    )]
    let python = std::env::var_os("RAIL_TEST_PYTHON");
    let Some(python) = python else {
        println!(
            "skipped: RAIL_TEST_PYTHON does not name a Python that has tests/conformance/requirements.txt installed"
        );
        return;
    };
    let settings = Settings::new(20)
        .with_business(230)
        .restricted_key("rk_test_customers", &["customers"]);
    let sandbox = Sandbox::start(settings);
    let stripe = sandbox.stripe();
    let deleted = stripe.ids("customers")[17].clone();
    stripe.delete("customers", &deleted);
    let ids: Map<String, Value> = Entity::ALL
        .iter()
        .map(|entity| (entity.name().to_owned(), json!(stripe.ids(entity.name()))))
        .collect();
    let told = json!({
        "baseUrl": sandbox.base_url(),
        "key": DEFAULT_KEY,
        "restrictedKey": "rk_test_customers",
        "deletedCustomer": deleted,
        "ids": ids,
    });

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/stripe_client.py");
    let mut child = Command::new(python)
        .args(["-B", "-W", "error::DeprecationWarning:__main__"])
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("RAIL_TEST_PYTHON names a program");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(told.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{complained}");
    println!("{said}");

    let asked = sandbox.requests().to("/v1/customers");
    assert!(asked.len() > 10);
    assert!(
        asked
            .iter()
            .all(|request| request.header("stripe-version") == Some(ACCOUNT_VERSION)),
        "the library speaks another version than the sandbox: {:?}",
        asked[0].header("stripe-version")
    );
}
