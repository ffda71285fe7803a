use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::canned::{Canned, Reply};
use super::{Guard, Http, HttpError, Limits, Method, Request};

/// 200,000 times the digit zero, compressed.
const GZIP: &str = "H4sIAAAAAAACA+3BMQEAAADCoErrn84M/kABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAK8BlH0jNkANAwA=";

#[tokio::test]
async fn an_answer_of_any_status_is_handed_over_whole() {
    let server = Canned::start(|asked| {
        assert_eq!(asked.header("authorization"), Some("Bearer sk_test_1"));
        assert_eq!(asked.query("types[]"), ["a b", "c&d"]);
        assert_eq!(asked.query("own"), ["1"]);
        assert!(
            asked
                .header("user-agent")
                .unwrap()
                .starts_with("integrations-rail/")
        );
        Reply::status(418, "{}").with("X-Told", "yes")
    })
    .await;
    let request = Request::new(Method::Post, format!("{}/v1?own=1", server.url))
        .secret_header("Authorization", "Bearer sk_test_1".into())
        .query("types[]", "a b")
        .secret_query("types[]", "c&d".into())
        .body("a body");
    let answer = server.http().send(request).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (418, &b"{}"[..]));
    assert_eq!(answer.header("x-told"), Some("yes"));
    assert!(!answer.is_success());
}

#[tokio::test]
async fn a_redirect_is_an_answer_not_a_way() {
    let server = Canned::start(|_| Reply::status(302, "").with("Location", "/elsewhere")).await;
    let answer = server.http().send(Request::get(&server.url)).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn addresses_inside_are_refused_by_number_and_by_name_unless_the_operator_named_them() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let port = server.url.rsplit(':').next().unwrap();
    let http = Http::new(Guard::public(), Limits::default()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let refused = http
            .send(Request::get(format!("http://{host}:{port}/")))
            .await;
        assert!(
            matches!(refused, Err(HttpError::Forbidden)),
            "{host}: {refused:?}"
        );
    }
    assert_eq!(server.asked().len(), 0);
    let by_name = format!("http://localhost:{port}");
    let trusting = Http::new(Guard::public().trusting(&by_name), Limits::default()).unwrap();
    assert!(trusting.send(Request::get(&by_name)).await.is_ok());
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_not_read_to_its_end_even_when_it_is_small_on_the_wire() {
    let limits = Limits {
        max_body_bytes: 100_000,
        ..Limits::default()
    };
    let server = Canned::start(|asked| match asked.path() {
        "/plain" => Reply::json("0".repeat(100_001)),
        "/fits" => Reply::json("0".repeat(100_000)),
        _ => Reply::Whole(
            200,
            vec![("Content-Encoding", "gzip".to_owned())],
            STANDARD.decode(GZIP).unwrap(),
        ),
    })
    .await;
    let get = async |limits, path: &str| {
        let request = Request::get(format!("{}{path}", server.url));
        server.http_within(limits).send(request).await
    };
    assert_eq!(get(limits, "/fits").await.unwrap().body.len(), 100_000);
    for path in ["/plain", "/compressed"] {
        let refused = get(limits, path).await;
        assert!(
            matches!(refused, Err(HttpError::TooLarge { max_bytes: 100_000 })),
            "{path}"
        );
    }
    let whole = get(Limits::default(), "/compressed").await.unwrap();
    assert_eq!(whole.body, "0".repeat(200_000));
}

#[tokio::test]
async fn a_large_answer_waits_until_an_earlier_one_is_let_go_to_its_last_part() {
    let limits = Limits {
        large_body_bytes: 1_000,
        large_bodies: 1,
        ..Limits::default()
    };
    let server = Canned::start(|asked| match asked.path() {
        "/small" => Reply::json("0".repeat(1_000)),
        _ => Reply::json("0".repeat(1_001)),
    })
    .await;
    let http = server.http_within(limits);
    let get = |path: &str| http.send(Request::get(format!("{}{path}", server.url)));
    let part = get("/large").await.unwrap().body.slice(..10);
    assert_eq!(get("/small").await.unwrap().body.len(), 1_000);

    let mut second = std::pin::pin!(get("/large"));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "there is room for one");
    drop(part);
    assert_eq!(second.await.unwrap().body.len(), 1_001);
}

#[tokio::test]
async fn a_large_answer_for_which_there_is_no_room_for_too_long_is_no_fault_of_the_other_side() {
    let server = Canned::start(|asked| match asked.path() {
        // Announces more than it sends.
        "/half" => Reply::Bytes(
            [
                &b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"[..],
                &[b'0'; 1_001],
            ]
            .concat(),
        ),
        _ => Reply::json("0".repeat(1_001)),
    })
    .await;
    let limits = Limits {
        large_body_bytes: 1_000,
        large_bodies: 1,
        room_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let http = server.http_within(limits);
    let get = |path: &str| http.send(Request::get(format!("{}{path}", server.url)));
    let first = get("/large").await.unwrap().body;

    assert!(matches!(get("/large").await, Err(HttpError::Crowded)));

    drop(first);
    assert_eq!(get("/large").await.unwrap().body.len(), 1_001);
    assert!(
        matches!(get("/half").await, Err(HttpError::Body(_))),
        "one that did not wait broke off by itself"
    );
}

#[tokio::test]
async fn a_large_answer_that_breaks_off_after_it_was_kept_waiting_counts_as_kept_waiting() {
    let server = Canned::start(|asked| match asked.path() {
        "/half" => Reply::Bytes(
            [
                &b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"[..],
                &[b'0'; 1_001],
            ]
            .concat(),
        ),
        _ => Reply::json("0".repeat(1_001)),
    })
    .await;
    let limits = Limits {
        large_body_bytes: 1_000,
        large_bodies: 1,
        ..Limits::default()
    };
    let http = server.http_within(limits);
    let get = |path: &str| http.send(Request::get(format!("{}{path}", server.url)));
    let first = get("/large").await.unwrap().body;
    let make_room = async {
        while http.kept_waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
    };
    let (second, ()) = tokio::join!(get("/half"), make_room);

    assert!(matches!(second, Err(HttpError::Crowded)));
}

#[tokio::test]
async fn each_way_of_not_answering_has_its_own_error_and_none_shows_the_url() {
    let server = Canned::start(|asked| match asked.path() {
        "/silence" => Reply::Silence,
        "/closed" => Reply::Bytes(Vec::new()),
        "/half" => Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345".to_vec()),
        _ => Reply::Bytes(b"nonsense\r\n\r\n".to_vec()),
    })
    .await;
    let impatient = Limits {
        idle_read: Duration::from_millis(100),
        ..Limits::default()
    };
    let get_within = async |limits, url: String| {
        let request = Request::get(url).secret_query("api_key", "sk_hidden".into());
        let error = server.http_within(limits).send(request).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("sk_hidden") && !shown.contains("api_key"),
            "{shown}"
        );
        error
    };
    let get = |url| get_within(Limits::default(), url);
    let at = |path: &str| format!("{}{path}", server.url);
    let silent = get_within(impatient, at("/silence")).await;
    assert!(matches!(silent, HttpError::Timeout(_)));
    assert!(matches!(get(at("/closed")).await, HttpError::Reset(_)));
    assert!(matches!(get(at("/half")).await, HttpError::Body(_)));
    assert!(matches!(get(at("/nonsense")).await, HttpError::Reset(_)));
    assert!(matches!(get("no url".into()).await, HttpError::Url(_)));
    assert!(matches!(
        get("file:///etc/passwd".into()).await,
        HttpError::Url(_)
    ));
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let http = Http::new(Guard::public().trusting(&nobody), Limits::default()).unwrap();
    let error = http.send(Request::get(nobody)).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)));
}

#[tokio::test]
async fn a_request_may_have_a_limit_of_its_own() {
    let server = Canned::start(|_| Reply::Silence).await;
    let http = server.http_within(Limits::default());
    let request = Request::get(&server.url).within(Duration::from_millis(100));
    let begun = std::time::Instant::now();
    let error = http.send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout(_)));
    assert!(begun.elapsed() < Limits::default().idle_read);
}

#[tokio::test]
async fn a_secret_that_cannot_be_a_header_is_refused_without_being_shown() {
    let server = Canned::start(|_| Reply::json("{}")).await;
    let request = Request::get(&server.url).secret_header("Authorization", "sk_hidden\n".into());
    let error = server.http().send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::Url(_)));
    assert!(!format!("{error:?}").contains("sk_hidden"));
}
