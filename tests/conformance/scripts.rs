//! Runs the vendors' own Python libraries, where `./dev test conformance` has installed them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rail_tests::environment;
use serde_json::Value;

/// Runs a script beside this file, with what it is told on its standard input; a failed check of it fails the test.
/// Answers whether it ran: without a Python it is skipped, with a line that says so.
pub fn run(script: &str, told: &Value) -> bool {
    let Some(python) = environment::variable("RAIL_TEST_PYTHON") else {
        println!(
            "skipped: RAIL_TEST_PYTHON does not name a Python that has tests/conformance/requirements.txt installed"
        );
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conformance")
        .join(script);
    let mut child = Command::new(python)
        .args(["-B", "-W", "error::DeprecationWarning:__main__"])
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("RAIL_TEST_PYTHON names a program");
    let told = told.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(told.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{complained}");
    println!("{said}");
    true
}

/// The folder with a vendor's own schemas beside the project; `None`, with a line that says so, when it is not there.
pub fn schemas(vendor: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/specs")
        .join(vendor);
    if path.is_dir() {
        return Some(path.display().to_string());
    }
    println!(
        "skipped: the vendor's schemas are not at {}",
        path.display()
    );
    None
}
