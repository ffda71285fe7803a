//! The rules of the layout (docs/architecture.md), read off the sources: a line in the wrong place fails here.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends where the project is not as it must be"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The programs and what they share: tests and benches stand outside and may use what they like.
const PRODUCT: &[&str] = &["api", "worker", "shared"];
const FLOOR: &[&str] = &[
    "domain",
    "secrets",
    "config",
    "telemetry",
    "http",
    "blobs",
    "budget",
    "failpoints",
];
const WALLS: &[&str] = &["store", "queue", "connectors", "formats", "events"];

/// One door per library: what is used, and below which folders or files it may be.
const DOORS: &[(&str, &[&str])] = &[
    ("diesel", &["shared/src/store/"]),
    ("diesel_async", &["shared/src/store/"]),
    ("diesel_migrations", &["shared/src/store/"]),
    ("apalis", &["shared/src/queue/", "worker/src/runtime/"]),
    ("apalis_core", &["shared/src/queue/", "worker/src/runtime/"]),
    ("redis", &["shared/src/queue/", "shared/src/budget/"]),
    ("reqwest", &["shared/src/http/"]),
    ("backoff", &["shared/src/http/"]),
    ("s3", &["shared/src/blobs/"]),
    (
        "quick_xml",
        &["shared/src/blobs/", "shared/src/formats/xml/tests/"],
    ),
    ("zstd", &["shared/src/formats/packing"]),
    (
        "parquet",
        &[
            "shared/src/connectors/objects/",
            "shared/src/formats/parquet/",
        ],
    ),
    ("poem", &["api/src/"]),
    ("poem_openapi", &["api/src/"]),
    ("tracing_subscriber", &["shared/src/telemetry/"]),
    ("chacha20poly1305", &["shared/src/secrets/"]),
    ("aws_lc_rs", &["shared/src/secrets/"]),
    ("std::env", &["shared/src/config/"]),
];

/// Words that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "manager", "helper", "helpers", "util", "utils", "service", "handler", "handlers", "data",
    "info", "common", "misc",
];

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources_of(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the project") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder).join("src"), &mut paths);
    assert!(!paths.is_empty(), "no sources below {folder}");
    let relative = |path: &Path| {
        path.strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string()
    };
    paths
        .into_iter()
        .map(|path| Source {
            path: relative(&path),
            text: fs::read_to_string(&path).expect("a readable source"),
        })
        .collect()
}

fn product() -> Vec<Source> {
    PRODUCT
        .iter()
        .flat_map(|folder| sources_of(folder))
        .collect()
}

/// The lines that are code, with their numbers.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.starts_with("//"))
}

/// Whether a line of code names a path that begins with this crate or module.
fn names(line: &str, what: &str) -> bool {
    line.match_indices(what).any(|(at, _)| {
        // A path from the root of all crates is one too.
        let before = &line[..at];
        let root = before.strip_suffix("::");
        let root =
            root.filter(|it| !it.ends_with(|c: char| c.is_alphanumeric() || "_>".contains(c)));
        let before = root.unwrap_or(before).chars().next_back();
        let after = &line[at + what.len()..];
        let starts_a_path = !before
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"' || c == '.');
        starts_a_path
            && (after.starts_with("::") || (line.starts_with("use ") && after.starts_with(';')))
    })
}

#[test]
fn each_library_has_one_door() {
    let mut wrong = Vec::new();
    for source in product() {
        for (library, doors) in DOORS {
            if doors.iter().any(|door| source.path.starts_with(door)) {
                continue;
            }
            let lines = code(&source).filter(|(_, line)| names(line, library));
            wrong
                .extend(lines.map(|(at, line)| format!("{}:{at}: {library}: {line}", source.path)));
        }
    }
    assert!(
        wrong.is_empty(),
        "libraries used past their door:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_door_is_found_when_it_is_walked_past() {
    assert!(names("use redis::aio::MultiplexedConnection;", "redis"));
    assert!(names("let x = std::env::var(\"A\");", "std::env"));
    assert!(names("fn f(r: reqwest::Client)", "reqwest"));
    assert!(names("use ::redis::Client;", "redis"));
    assert!(!names("use crate::redis::X;", "redis"));
    assert!(!names("let x = <A as B>::redis::X;", "redis"));
    assert!(!names("let url = \"redis://x\";", "redis"));
    assert!(!names("mod redis;", "redis"));
}

#[test]
fn walls_do_not_use_each_other_and_the_floor_uses_no_wall() {
    let mut wrong = Vec::new();
    for source in sources_of("shared") {
        let module = source
            .path
            .split('/')
            .nth(2)
            .unwrap_or_default()
            .trim_end_matches(".rs")
            .to_owned();
        let forbidden = WALLS.iter().filter(|wall| **wall != module);
        if !FLOOR.contains(&module.as_str()) && !WALLS.contains(&module.as_str()) {
            assert_eq!(module, "lib", "{}: neither floor nor wall", source.path);
            continue;
        }
        for wall in forbidden {
            let path = format!("crate::{wall}");
            let lines = code(&source).filter(|(_, line)| line.contains(&path));
            wrong.extend(lines.map(|(at, line)| format!("{}:{at}: {line}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn api_and_worker_never_meet_and_nothing_depends_on_the_tests() {
    let manifest = |folder: &str| {
        fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest")
    };
    assert!(!manifest("api").contains("rail-worker"));
    assert!(!manifest("worker").contains("rail-api"));
    assert!(
        !manifest("shared").contains("rail-api") && !manifest("shared").contains("rail-worker")
    );
    for folder in PRODUCT {
        assert!(!manifest(folder).contains("rail-tests"), "{folder}");
    }
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    for source in product().into_iter().chain(sources_of("tests")) {
        let parts = source.path.trim_end_matches(".rs").split('/');
        for part in parts {
            assert!(
                !EMPTY_NAMES.contains(&part),
                "{}: {part} says nothing",
                source.path
            );
        }
    }
}

/// The sources that a text names between backticks, by their paths.
fn sources_named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').filter(|word| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
        word.contains('/') && word.ends_with(".rs") && word.chars().all(is_path)
    })
}

#[test]
fn sources_that_the_guides_name_are_where_they_say() {
    let guides = ["", "docs", "docs/decisions"].map(|folder| root().join(folder));
    let entries = guides
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut seen = 0;
    let mut wrong = Vec::new();
    for guide in paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        for named in sources_named(&fs::read_to_string(&guide).unwrap()) {
            seen += 1;
            if !root().join(named).is_file() {
                wrong.push(format!("{}: {named}", guide.display()));
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_migration_can_be_undone() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("migrations")).expect("migrations/") {
        let folder = entry.expect("an entry").path();
        for file in ["up.sql", "down.sql"] {
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            assert!(
                !text.trim().is_empty(),
                "{} has no {file}",
                folder.display()
            );
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn rows_become_answers_field_by_field() {
    let mut wrong = Vec::new();
    for source in sources_of("api")
        .into_iter()
        .filter(|source| source.path.contains("/schemas/"))
    {
        let lines = code(&source).filter(|(_, line)| {
            let rest = line.trim_end_matches([' ', '}', ')', ',', '=', ';']);
            rest == ".." || rest.ends_with(", ..") || rest.ends_with("{ ..")
        });
        wrong.extend(lines.map(|(at, line)| format!("{}:{at}: {line}", source.path)));
    }
    assert!(
        wrong.is_empty(),
        "a new column must be decided on, so nothing is left out by `..`:\n{}",
        wrong.join("\n")
    );
}
