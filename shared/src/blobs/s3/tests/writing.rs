//! What is sent: each byte once, signed, and visible at the end only.

use sha2::{Digest, Sha256};

use super::*;
use crate::blobs::Existing;

/// No two parts of it are alike.
fn content(length: usize) -> Vec<u8> {
    let bytes = (0..length).map(|at| u8::try_from((at / 5 + at / MIB) % 251));
    bytes.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_small_file_is_one_request_and_a_large_one_parts_that_are_put_together() {
    let server = Canned::start(well).await;
    let place = destination(&server);
    let large = content(16 * MIB + 1);
    write(&place, b"").await.unwrap();
    write(&place, &large[..8 * MIB]).await.unwrap();
    write(&place, &large).await.unwrap();

    let asked = server.asked();
    let is = steps(&server);
    assert_eq!(is[..2], [Step::Whole; 2]);
    assert_eq!(is[2], Step::Begin);
    assert_eq!(
        is[3..],
        [Step::Part, Step::Part, Step::Part, Step::Complete]
    );
    let bodies: Vec<&[u8]> = asked.iter().map(|it| it.body.as_slice()).collect();
    assert!(bodies[0].is_empty() && bodies[1] == &large[..8 * MIB]);
    assert!(bodies[3..6].concat() == large, "each byte, in order");
    let lengths: Vec<usize> = bodies[3..6].iter().map(|body| body.len()).collect();
    assert_eq!(lengths, [8 * MIB, 8 * MIB, 1]);

    let numbers = asked[3..6].iter().flat_map(|it| it.query("partNumber"));
    assert_eq!(numbers.collect::<Vec<_>>(), ["1", "2", "3"]);
    for it in &asked[3..] {
        assert_eq!(it.query("uploadId"), [UPLOAD]);
    }
    let list = String::from_utf8(asked[6].body.clone()).unwrap();
    let part = |n: u8| {
        format!("<Part><PartNumber>{n}</PartNumber><ETag>&quot;&lt;{n}&gt;&quot;</ETag></Part>")
    };
    let parts: String = (1..4).map(part).collect();
    assert_eq!(
        list,
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
    );
}

#[tokio::test]
async fn every_request_is_signed_with_the_digest_of_what_it_brings() {
    let server = Canned::start(well).await;
    let place = destination(&server);
    write(&place, b"x").await.unwrap();
    write(&place, &content(LARGE)).await.unwrap();
    place.check().await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 7);
    for it in &asked {
        assert!(
            it.path().starts_with("/exports-bucket/contracts/"),
            "{}",
            it.path()
        );
        let digest = format!("{:x}", Sha256::digest(&it.body));
        assert_eq!(it.header("x-amz-content-sha256"), Some(digest.as_str()));
        assert_eq!(it.header("x-amz-security-token"), Some("also-secret"));
        let signed = it.header("authorization").unwrap();
        assert!(
            signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"),
            "{signed}"
        );
        assert!(signed.contains("/eu-central-1/s3/aws4_request"), "{signed}");
        if it.header("if-none-match").is_some() {
            assert!(signed.contains("if-none-match"), "{signed}");
        }
    }
    assert_eq!(asked[0].path(), "/exports-bucket/contracts/a%20b.csv");
    for at in [0, 1] {
        assert_eq!(
            asked[at].header("content-type"),
            Some("text/csv; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn what_makes_a_file_visible_and_nothing_else_is_on_a_condition() {
    let server = Canned::start(well).await;
    let strict = destination(&server);
    write(&strict, b"x").await.unwrap();
    write(&strict, &content(LARGE)).await.unwrap();
    for it in server.asked() {
        let expected = matches!(step(&it), Step::Whole | Step::Complete).then_some("*");
        assert_eq!(it.header("if-none-match"), expected, "{:?}", step(&it));
    }

    let server = Canned::start(well).await;
    let replacing = destination(&server).with_existing(Existing::Replace);
    write(&replacing, b"x").await.unwrap();
    write(&replacing, &content(LARGE)).await.unwrap();
    let asked = server.asked();
    assert!(asked.iter().all(|it| it.header("if-none-match").is_none()));
}

#[tokio::test]
async fn a_store_that_knows_no_conditions_is_looked_into_and_then_written_to_plainly() {
    let store = async |there: u16| {
        Canned::start(
            move |asked| match (step(asked), asked.header("if-none-match")) {
                (Step::Look, _) => Reply::status(there, ""),
                (_, Some(_)) => error(501, "NotImplemented"),
                (_, None) => well(asked),
            },
        )
        .await
    };
    let server = store(200).await;
    for length in [1, LARGE] {
        let refused = write(&destination(&server), &content(length)).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, false)
        );
    }
    let server = store(404).await;
    let place = destination(&server);
    write(&place, b"x").await.unwrap();
    write(&place, &content(LARGE)).await.unwrap();
    let asked = server.asked();
    for it in [Step::Whole, Step::Complete] {
        let of_it = asked.iter().filter(|asked| step(asked) == it);
        let conditions: Vec<_> = of_it.map(|asked| asked.header("if-none-match")).collect();
        assert_eq!(conditions, [Some("*"), None], "{it:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_nothing_stays() {
    for (at, length) in [(Step::Whole, 1), (Step::Complete, LARGE)] {
        let server = store_where(at, error(412, "PreconditionFailed")).await;
        let refused = write(&destination(&server), &content(length))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, false)
        );
        let named = "s3://exports-bucket/contracts/a b.csv";
        assert!(refused.message.contains(named), "{refused}");
        let asked = steps(&server);
        assert_eq!(asked.iter().filter(|it| **it == at).count(), 1, "{asked:?}");
        assert_eq!(asked.contains(&Step::Withdraw), at == Step::Complete);
    }
}

#[tokio::test]
async fn a_part_that_is_refused_takes_the_upload_with_it() {
    let server = store_where(Step::Part, error(403, "AccessDenied")).await;
    let refused = write(&destination(&server), &content(2 * LARGE))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.retryable),
        (FailureKind::PermissionDenied, false)
    );
    withdrawn(&server).await;
    assert!(!steps(&server).contains(&Step::Complete));
}

#[tokio::test]
async fn a_file_that_is_given_up_is_withdrawn_also_where_nobody_waits_for_it() {
    let server = Canned::start(well).await;
    let mut upload = destination(&server).begin("a b.csv").await.unwrap();
    upload.write(content(LARGE).into()).await.unwrap();
    drop(upload);
    withdrawn(&server).await;

    // Over already: somebody else was there first.
    let server = store_where(Step::Withdraw, error(404, "NoSuchUpload")).await;
    destination(&server).check().await.unwrap();
    let server = store_where(Step::Withdraw, error(404, "NoSuchBucket")).await;
    destination(&server).check().await.unwrap_err();
}

#[tokio::test]
async fn a_bucket_that_demands_an_md5_is_given_one_from_its_first_refusal_on() {
    let locked = |asked: &Asked| {
        let is_file = matches!(step(asked), Step::Part | Step::Whole);
        if is_file && asked.header("content-md5").is_none() {
            let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock parameters";
            return Reply::status(
                400,
                format!("<Error><Code>InvalidRequest</Code><Message>{message}</Message></Error>"),
            );
        }
        well(asked)
    };
    let server = Canned::start(locked).await;
    let place = destination(&server);
    write(&place, &content(LARGE)).await.unwrap();
    write(&place, b"abc").await.unwrap();
    let asked = server.asked();
    let given = asked.iter().map(|it| (step(it), it.header("content-md5")));
    let [_, refused, first, second, completed, whole] = given.collect::<Vec<_>>()[..] else {
        panic!("{:?}", steps(&server));
    };
    assert_eq!(refused, (Step::Part, None));
    assert!(first.1.is_some() && second.1.is_some() && first.1 != second.1);
    assert_eq!(completed, (Step::Complete, None));
    // RFC 1321 has it in hexadecimal.
    assert_eq!(whole, (Step::Whole, Some("kAFQmDzST7DWlj99KOF/cg==")));
    assert!(
        asked[2]
            .header("authorization")
            .unwrap()
            .contains("content-md5")
    );

    // Another refusal of that code is one.
    let server = store_where(Step::Whole, error(400, "InvalidRequest")).await;
    write(&destination(&server), b"abc").await.unwrap_err();
    assert_eq!(steps(&server), [Step::Whole]);
}

#[tokio::test]
async fn what_is_sealed_waits_at_the_store_and_is_put_together_at_the_end() {
    let server = Canned::start(well).await;
    let place = destination(&server);
    for (length, sent) in [
        (LARGE, &[Step::Begin, Step::Part, Step::Part][..]),
        (MIB, &[Step::Begin, Step::Part]),
        (0, &[]),
        (1_000, &[]),
    ] {
        let content = content(length);
        let before = steps(&server).len();
        let mut upload = place.begin("a b.csv").await.unwrap();
        upload.write(content.clone().into()).await.unwrap();
        upload.seal().await.unwrap();
        assert_eq!(steps(&server)[before..], *sent, "{length}");
        let parts = server.asked()[before..]
            .iter()
            .flat_map(|it| it.body.clone())
            .collect::<Vec<_>>();
        let is_sent = !sent.is_empty();
        assert!(!is_sent || parts == content, "each byte of {length}");

        upload.finish().await.unwrap();
        let last = if is_sent { Step::Complete } else { Step::Whole };
        assert_eq!(steps(&server)[before + sent.len()..], [last], "{length}");
    }
}

#[tokio::test]
async fn a_part_that_did_not_arrive_as_it_was_sent_is_sent_again() {
    for refusal in [error(400, "RequestTimeout"), error(504, ""), error(408, "")] {
        let refused = std::sync::atomic::AtomicBool::new(false);
        let server = Canned::start(move |asked: &Asked| {
            if step(asked) == Step::Part && !refused.swap(true, std::sync::atomic::Ordering::SeqCst)
            {
                return refusal.clone();
            }
            well(asked)
        })
        .await;
        write(&destination(&server), &content(LARGE)).await.unwrap();
        let is = steps(&server);
        assert_eq!(is.iter().filter(|step| **step == Step::Part).count(), 3);
        assert!(!is.contains(&Step::Withdraw));
    }
}
