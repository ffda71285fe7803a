//! What becomes of an upload when the store does not do as it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// How often a request is made at most.
const TIMES: usize = 7;

#[tokio::test]
async fn what_was_not_done_is_asked_again_for_a_minute_and_nothing_else() {
    let asked = async |at, status| {
        let server = store_where(at, error(status, "")).await;
        let length = if at == Step::Whole { 1 } else { LARGE };
        let place = destination(&server);
        write(&place, &vec![1; length]).await.unwrap_err();
        steps(&server).into_iter().filter(|it| *it == at).count()
    };
    for status in [429, 500, 502, 503] {
        assert_eq!(asked(Step::Whole, status).await, TIMES, "{status}");
    }
    for status in [400, 403, 409, 412, 504] {
        assert_eq!(asked(Step::Whole, status).await, 1, "{status}");
    }
    for at in [Step::Begin, Step::Part, Step::Complete] {
        assert_eq!(asked(at, 503).await, TIMES, "{at:?}");
        assert_eq!(asked(at, 403).await, 1, "{at:?}");
    }
}

#[tokio::test]
async fn what_passes_goes_unnoticed() {
    let server = Canned::start(|asked| match asked.before {
        0 | 1 => error(503, "SlowDown"),
        3 => error(500, "InternalError"),
        _ => well(asked),
    })
    .await;
    let written = write(&destination(&server), &vec![1; LARGE]).await;
    assert_eq!(written.unwrap(), LARGE as u64);
    let asked = server.asked();
    assert!(asked[3].body == asked[4].body && asked[3].body.len() == 8 * MIB);
}

#[tokio::test]
async fn where_the_answer_is_lost_only_what_may_be_done_twice_is_asked_again() {
    let broken = Reply::Bytes(Vec::new());
    for (at, times) in [
        (Step::Begin, 1),
        (Step::Part, TIMES),
        (Step::Complete, 1),
        (Step::Whole, 1),
    ] {
        let server = store_where(at, broken.clone()).await;
        let length = if at == Step::Whole { 1 } else { LARGE };
        let failure = write(&destination(&server), &vec![1; length])
            .await
            .unwrap_err();
        assert_eq!(
            (failure.kind, failure.retryable),
            (FailureKind::Unavailable, true)
        );
        assert!(
            failure.message.contains("127.0.0.1 cannot be reached"),
            "{failure}"
        );
        let asked = steps(&server).into_iter().filter(|it| *it == at).count();
        assert_eq!(asked, times, "{at:?}");
    }
}

#[tokio::test]
async fn success_that_turns_out_to_be_none_is_a_failure() {
    for (code, kind, retryable, times) in [
        ("InternalError", FailureKind::Unavailable, true, TIMES),
        ("SlowDown", FailureKind::RateLimited, true, TIMES),
        ("PreconditionFailed", FailureKind::Refused, false, 1),
        (
            "ConditionalRequestConflict",
            FailureKind::Unavailable,
            true,
            1,
        ),
        ("AccessDenied", FailureKind::PermissionDenied, false, 1),
    ] {
        let server = store_where(Step::Complete, error(200, code)).await;
        let failure = write(&destination(&server), &vec![1; LARGE])
            .await
            .unwrap_err();
        assert_eq!(
            (failure.kind, failure.retryable),
            (kind, retryable),
            "{code}: {failure}"
        );
        let asked = steps(&server);
        let asked = asked.iter().filter(|it| **it == Step::Complete).count();
        assert_eq!(asked, times, "{code}");
        withdrawn(&server).await;
    }
    let server = Canned::start(|asked| match (step(asked), asked.header("if-none-match")) {
        (Step::Complete, Some(_)) => error(200, "NotImplemented"),
        _ => well(asked),
    })
    .await;
    write(&destination(&server), &vec![1; LARGE]).await.unwrap();
}

#[tokio::test]
async fn a_name_that_may_be_taken_by_the_file_itself_is_no_reason_to_give_up() {
    for (at, length) in [(Step::Whole, 1), (Step::Complete, LARGE)] {
        let before = AtomicUsize::new(0);
        let server = Canned::start(move |asked| match step(asked) {
            it if it == at && before.fetch_add(1, Ordering::SeqCst) == 0 => error(503, ""),
            it if it == at => error(412, "PreconditionFailed"),
            _ => well(asked),
        })
        .await;
        let refused = write(&destination(&server), &vec![1; length]).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, true),
            "{at:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_the_protocol_is_told() {
    for (at, answer) in [
        (Step::Begin, "<html>Welcome</html>"),
        (Step::Begin, "<InitiateMultipartUploadResult/>"),
        (Step::Part, ""),
        (Step::Complete, "<html>Welcome</html>"),
        (Step::Complete, ""),
        (Step::Complete, "<CompleteMultipartUploadResult>"),
    ] {
        let server = store_where(at, Reply::status(200, answer)).await;
        let failure = write(&destination(&server), &vec![1; LARGE])
            .await
            .unwrap_err();
        assert_eq!(
            (failure.kind, failure.retryable),
            (FailureKind::MalformedAnswer, true),
            "{at:?} {answer}"
        );
        assert_eq!(failure.origin, Origin::Destination);
        if at != Step::Begin {
            withdrawn(&server).await;
        }
    }
}

#[tokio::test]
async fn a_code_is_told_and_nothing_else_of_an_answer() {
    for (code, says) in [
        ("EntityTooLarge", "EntityTooLarge"),
        ("<script>", "(status 400)"),
        ("a b", "(status 400)"),
        ("", "(status 400)"),
    ] {
        let server = store_where(Step::Whole, error(400, code)).await;
        let failure = write(&destination(&server), b"x").await.unwrap_err();
        assert!(failure.message.contains(says), "{code}: {failure}");
        assert!(!failure.message.contains("secret"), "{failure}");
    }
}

#[tokio::test]
async fn nobody_is_followed_to_another_place() {
    let elsewhere = Canned::start(well).await;
    for status in [301, 302, 307, 308] {
        let moved = error(status, "TemporaryRedirect").with("Location", &elsewhere.url);
        for (at, length) in [(Step::Whole, 1), (Step::Begin, LARGE)] {
            let server = store_where(at, moved.clone()).await;
            let place = destination(&server);
            let failure = write(&place, &vec![1; length]).await.unwrap_err();
            assert!(!failure.retryable, "{failure}");
            assert_eq!(server.asked().len(), 1);
        }
    }
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn a_store_inside_the_network_is_not_written_to() {
    let server = Canned::start(well).await;
    let inside = S3Settings {
        endpoint: Some(server.url.parse().unwrap()),
        addressing: Addressing::Path,
        ..settings()
    };
    let place = Place::S3(Box::new(place(inside).unwrap())).into();
    for failure in [
        Destination::check(&place).await.unwrap_err(),
        write(&place, b"x").await.unwrap_err(),
        write(&place, &vec![1; LARGE]).await.unwrap_err(),
        place.open("a.csv").await.err().unwrap(),
    ] {
        assert_eq!(
            (failure.kind, failure.retryable),
            (FailureKind::Misconfigured, false)
        );
        assert!(failure.message.contains("private network"), "{failure}");
    }
    assert_eq!(server.asked().len(), 0);
}
