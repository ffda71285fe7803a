#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::symlink;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::*;
use crate::blobs::{Destination, Place, Unfinished};

fn place(root: &TempDir, path: &str) -> Destination {
    Place::Local(LocalPlace::new(root.path().to_owned(), path).unwrap()).into()
}

/// Everything below the root, hidden files too.
fn listing(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(listing(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "/contracts/");
    let mut upload = place.begin("2025/a.csv").await.unwrap();
    upload.write(Bytes::from_static(b"id\r\n")).await.unwrap();
    upload.write(Bytes::new()).await.unwrap();
    let before = listing(root.path());
    assert_eq!(before.len(), 1);
    assert!(
        before[0].starts_with('.') && before[0].ends_with(".part"),
        "{before:?}"
    );

    upload.write(Bytes::from_static(b"1\r\n")).await.unwrap();
    let written = upload.finish().await.unwrap();
    assert_eq!(written.bytes, 7);
    assert_eq!(
        written.sha256,
        "aaf52dc16349094c5563f8959ff0a9814354e804ff5c4e09457ae70040bc037c"
    );
    assert_eq!(listing(root.path()), ["a.csv"]);

    let (bytes, mut reader) = place.open("2025/a.csv").await.unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!((bytes, text.as_str()), (7, "id\r\n1\r\n"));
    assert_eq!(
        place.locate("2025/a.csv"),
        root.path()
            .join("contracts/2025/a.csv")
            .display()
            .to_string()
    );
}

#[tokio::test]
async fn what_is_dropped_or_aborted_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "");
    let mut dropped = place.begin("a.csv").await.unwrap();
    dropped.write(Bytes::from_static(b"x")).await.unwrap();
    drop(dropped);
    assert_eq!(listing(root.path()), [""; 0]);
    let mut aborted = place.begin("a.csv").await.unwrap();
    aborted.write(Bytes::from_static(b"x")).await.unwrap();
    aborted.abort().await;
    assert_eq!(listing(root.path()), [""; 0]);
}

#[tokio::test]
async fn an_interrupted_write_can_never_be_finished() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "");
    // A write that was faster than its first poll was not interrupted: begin again.
    let mut upload = loop {
        let mut upload = place.begin("a.csv").await.unwrap();
        let polled = futures::poll!(Box::pin(upload.write(Bytes::from(vec![0; 8 << 20]))));
        if polled.is_pending() {
            break upload;
        }
    };
    assert!(upload.write(Bytes::from_static(b"more")).await.is_err());
    assert!(upload.finish().await.unwrap_err().retryable);
    assert_eq!(listing(root.path()), [""; 0]);
}

#[tokio::test]
async fn an_existing_file_is_never_replaced() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "");
    let first = place.begin("a.csv").await.unwrap();
    let second = place.begin("a.csv").await.unwrap();
    first.finish().await.unwrap();
    let refused = second.finish().await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::Refused, false)
    );
    assert_eq!(
        place.begin("a.csv").await.unwrap_err().kind,
        FailureKind::Refused
    );
    assert_eq!(listing(root.path()), ["a.csv"]);

    symlink("/nowhere", root.path().join("b.csv")).unwrap();
    assert_eq!(
        place.begin("b.csv").await.unwrap_err().kind,
        FailureKind::Refused
    );
}

#[tokio::test]
async fn a_file_is_replaced_at_once_and_only_where_that_is_asked_for() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "").with_existing(Existing::Replace);
    let outside = root.path().join("outside");
    fs::write(&outside, "kept").unwrap();
    fs::write(root.path().join("a.csv"), "old").unwrap();
    symlink(&outside, root.path().join("b.csv")).unwrap();
    for name in ["a.csv", "b.csv", "c.csv"] {
        let before = fs::read(root.path().join(name)).ok();
        let mut upload = place.begin(name).await.unwrap();
        upload.write(Bytes::from_static(b"new")).await.unwrap();
        assert_eq!(fs::read(root.path().join(name)).ok(), before, "{name}");
        upload.finish().await.unwrap();
        assert_eq!(fs::read(root.path().join(name)).unwrap(), b"new");
    }
    assert_eq!(
        fs::read(outside).unwrap(),
        b"kept",
        "a link is replaced, not what it leads to"
    );

    fs::create_dir(root.path().join("folder")).unwrap();
    let refused = place.begin("folder").await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::Misconfigured, false)
    );
    assert_eq!(listing(root.path()).len(), 4);
}

#[tokio::test]
async fn links_that_lead_out_of_the_root_are_refused() {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.csv"), "x").unwrap();
    let root = TempDir::new().unwrap();
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink(
        outside.path().join("secret.csv"),
        root.path().join("file.csv"),
    )
    .unwrap();
    symlink(outside.path().join("new"), root.path().join("dangling")).unwrap();

    for (path, key) in [("out", "a.csv"), ("", "out/a.csv"), ("", "out/deep/a.csv")] {
        let refused = place(&root, path).begin(key).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::PermissionDenied, "{path} {key}");
    }
    assert!(place(&root, "dangling").begin("a.csv").await.is_err());
    assert!(place(&root, "out").check().await.is_err());
    assert!(place(&root, "out").open("secret.csv").await.is_err());
    assert!(place(&root, "").open("file.csv").await.is_err());
    assert!(place(&root, "").open("out/secret.csv").await.is_err());
    assert_eq!(listing(outside.path()), ["secret.csv"]);

    // One that stays inside is the operator's own affair.
    fs::create_dir(root.path().join("real")).unwrap();
    symlink(root.path().join("real"), root.path().join("alias")).unwrap();
    place(&root, "alias")
        .begin("a.csv")
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    assert!(root.path().join("real/a.csv").is_file());
}

#[tokio::test]
async fn a_path_that_could_lead_out_is_refused_before_anything_is_touched() {
    let root = TempDir::new().unwrap();
    assert!(LocalPlace::new(root.path().to_owned(), "/a/../../b").is_err());
    for key in ["../a.csv", "/etc/passwd", "a//b", ""] {
        assert!(place(&root, "x").begin(key).await.is_err());
        assert!(place(&root, "x").open(key).await.is_err());
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_check_leaves_nothing_behind() {
    let root = TempDir::new().unwrap();
    place(&root, "a/b").check().await.unwrap();
    assert_eq!(listing(root.path()), [""; 0]);
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("file"), "x").unwrap();
    let blocked = place(&root, "file/below").check().await.unwrap_err();
    assert_eq!(blocked.kind, FailureKind::Misconfigured);
    assert!(blocked.message.contains("file/below"));
    let missing = place(&root, "").open("a.csv").await.err().unwrap();
    assert_eq!(
        (missing.kind, missing.retryable),
        (FailureKind::NotFound, false)
    );
}

#[tokio::test]
async fn what_is_left_of_a_file_is_not_taken_for_gone_where_its_folder_is_away() {
    let root = TempDir::new().unwrap();
    let place = place(&root, "");
    let left = Unfinished {
        key: "2025/a.csv".to_owned(),
        token: Hidden::name(),
    };
    let away = place.withdraw(&left).await.unwrap_err();
    assert_eq!(
        (away.kind, away.retryable),
        (FailureKind::Unavailable, true)
    );
    fs::create_dir(root.path().join("2025")).unwrap();
    place.withdraw(&left).await.expect("it is gone");
}

#[test]
fn a_full_disk_may_pass_and_a_forbidden_one_stays() {
    let full = failure(&io::ErrorKind::StorageFull.into(), "/exports/a.csv");
    assert!(full.retryable && full.message.contains("disk is full"));
    for kind in [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
    ] {
        let forbidden = failure(&kind.into(), "/exports/a.csv");
        assert_eq!(
            (forbidden.kind, forbidden.retryable),
            (FailureKind::PermissionDenied, false)
        );
    }
}
