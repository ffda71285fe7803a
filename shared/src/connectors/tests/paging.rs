use super::*;
use crate::connectors::Page;
use crate::domain::FailureKind;

/// The lists of an invented vendor with this paging.
pub(super) fn lists(paging: &str) -> String {
    format!(
        r#"
        auth = {{ kind = "bearer", credential = "key" }}
        [lists]
        records = "/result/things"
        id = "/id"
        paging = {paging}
        page_size = {{ parameter = "size", size = 2 }}
        lookback_minutes = 0
        "#
    )
}

fn things(ids: &[u32]) -> Value {
    ids.iter().map(|id| json!({ "id": id })).collect()
}

async fn read(
    paging: &str,
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Result<Vec<Page>, Failure>, Vec<Asked>) {
    let server = Canned::start(script).await;
    let source = invented(&server, &lists(paging));
    let pages = walk(&source, "things", &ask(SyncMode::Full)).await;
    (pages, server.asked())
}

#[tokio::test]
async fn a_list_of_one_page_is_asked_for_once() {
    let (pages, asked) = read(r#"{ kind = "none" }"#, |_| {
        Reply::json(json!({ "result": { "things": things(&[1, 2]) } }))
    })
    .await;
    assert_eq!(ids(&pages.unwrap()), ["1", "2"]);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path(), "/base/things");
    assert_eq!(asked[0].query("size"), ["2"]);
}

#[tokio::test]
async fn pages_by_number_end_at_the_count_of_pages_or_at_one_that_is_not_full() {
    let by_number = |asked: &Asked| match asked.query("page")[0].as_str() {
        "1" => things(&[1, 2]),
        "2" => things(&[3, 4]),
        _ => things(&[]),
    };
    let (pages, asked) = read(r#"{ kind = "page", parameter = "page" }"#, move |asked| {
        Reply::json(json!({ "result": { "things": by_number(asked) } }))
    })
    .await;
    assert_eq!(ids(&pages.unwrap()), ["1", "2", "3", "4"]);
    assert_eq!(asked.len(), 3);

    let told = r#"{ kind = "page", parameter = "page", total_pages = "/pages" }"#;
    let (pages, asked) = read(told, move |asked| {
        Reply::json(json!({ "result": { "things": by_number(asked) }, "pages": "2" }))
    })
    .await;
    assert_eq!(ids(&pages.unwrap()), ["1", "2", "3", "4"]);
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn pages_by_offset_count_what_came_before() {
    let paging = r#"{ kind = "offset", parameter = "start", first = 1, total = "/total" }"#;
    let (pages, asked) = read(paging, |asked| {
        let found = match asked.query("start")[0].as_str() {
            "1" => things(&[1, 2]),
            "3" => things(&[3]),
            other => panic!("{other}"),
        };
        Reply::json(json!({ "result": { "things": found }, "total": 3 }))
    })
    .await;
    assert_eq!(ids(&pages.unwrap()), ["1", "2", "3"]);
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_token_leads_on_until_it_is_absent_null_or_empty() {
    for end in [json!({}), json!({ "next": null }), json!({ "next": "" })] {
        let (pages, asked) = read(
            r#"{ kind = "token", parameter = "after", next = "/next" }"#,
            move |asked| {
                let mut answer = end.clone();
                let first = asked.query("after").is_empty();
                answer["result"] = json!({ "things": things(if first { &[1] } else { &[2] }) });
                if first {
                    answer["next"] = json!("t/1&");
                }
                Reply::json(answer)
            },
        )
        .await;
        assert_eq!(ids(&pages.unwrap()), ["1", "2"]);
        assert_eq!(asked[1].query("after"), ["t/1&"]);
    }
}

#[tokio::test]
async fn a_page_that_is_not_full_ends_no_list_that_tells_of_a_next_one() {
    let paging = r#"{ kind = "after_last_id", parameter = "after", next = "/paging/next" }"#;
    let (pages, asked) = read(paging, |asked| {
        let answer = match asked.query("after").pop().as_deref() {
            None => json!({ "result": { "things": things(&[1]) }, "paging": { "next": "x" } }),
            Some(_) => json!({ "result": { "things": things(&[2, 3]) } }),
        };
        Reply::json(answer)
    })
    .await;
    assert_eq!(ids(&pages.unwrap()), ["1", "2", "3"]);
    assert_eq!(asked[1].query("after"), ["1"]);
}

#[tokio::test]
async fn next_urls_in_the_body_and_in_the_link_header_are_followed_on_the_own_host() {
    for paging in [
        r#"{ kind = "next_url", next = "/next" }"#,
        r#"{ kind = "link_header" }"#,
    ] {
        let (pages, asked) = read(paging, |asked| {
            if asked.before > 0 {
                return Reply::json(json!({ "result": { "things": things(&[2]) } }));
            }
            let next = "/base/things?at=2&size=2";
            let body = json!({ "result": { "things": things(&[1]) }, "next": next });
            Reply::json(body).with("Link", format!("<{next}>; rel=\"next\""))
        })
        .await;
        assert_eq!(ids(&pages.unwrap()), ["1", "2"], "{paging}");
        assert_eq!(asked[1].query("at"), ["2"]);
        assert_eq!(asked[1].query("size"), ["2"]);
        assert_eq!(
            asked[1].header("authorization"),
            Some("Bearer sk_test_hidden")
        );
    }
}

#[tokio::test]
async fn a_next_url_on_another_host_is_not_followed() {
    let (pages, asked) = read(r#"{ kind = "next_url", next = "/next" }"#, |_| {
        Reply::json(json!({ "result": { "things": [] }, "next": "https://evil.example/x" }))
    })
    .await;
    let failure = pages.unwrap_err();
    assert_eq!(failure.kind, FailureKind::MalformedAnswer);
    assert!(!failure.retryable && failure.message.contains("another host"));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_walk_that_leads_back_to_the_same_page_is_ended() {
    let same = |_: &Asked| {
        let answer = json!({
            "result": { "things": things(&[1, 2]) }, "more": true, "next": "again", "total": 9,
        });
        Reply::json(answer).with("Link", "<?at=1>; rel=next")
    };
    for paging in [
        r#"{ kind = "after_last_id", parameter = "after", more = "/more" }"#,
        r#"{ kind = "after_last_id", parameter = "after", next = "/next" }"#,
        r#"{ kind = "token", parameter = "after", next = "/next" }"#,
        r#"{ kind = "page", parameter = "page" }"#,
        r#"{ kind = "offset", parameter = "start", total = "/total" }"#,
        r#"{ kind = "next_url", next = "/next" }"#,
        r#"{ kind = "link_header" }"#,
    ] {
        let (pages, asked) = read(paging, same).await;
        let failure = pages.unwrap_err();
        assert_eq!(failure.kind, FailureKind::MalformedAnswer, "{paging}");
        assert!(!failure.retryable, "{paging}");
        assert_eq!(asked.len(), 2, "{paging}");
    }
}

#[tokio::test]
async fn empty_pages_that_point_to_themselves_are_a_walk_without_end_too() {
    for paging in [
        r#"{ kind = "token", parameter = "after", next = "/next" }"#,
        r#"{ kind = "next_url", next = "/next" }"#,
        r#"{ kind = "link_header" }"#,
    ] {
        let (pages, asked) = read(paging, |_| {
            let answer = json!({ "result": { "things": [] }, "next": "again" });
            Reply::json(answer).with("Link", "<?at=1>; rel=next")
        })
        .await;
        let failure = pages.unwrap_err();
        assert!(
            failure.message.contains("back to the same page"),
            "{paging}"
        );
        assert_eq!(asked.len(), 2, "{paging}");
    }
}

#[tokio::test]
async fn each_way_of_proving_who_asks_sends_the_credential_where_it_belongs() {
    for (auth, header, expected) in [
        (
            r#"{ kind = "bearer", credential = "key" }"#,
            "authorization",
            "Bearer sk_test_hidden",
        ),
        (
            r#"{ kind = "header", name = "X-Key", prefix = "Token ", credential = "key" }"#,
            "x-key",
            "Token sk_test_hidden",
        ),
        (
            r#"{ kind = "basic", username = "key" }"#,
            "authorization",
            "Basic c2tfdGVzdF9oaWRkZW46",
        ),
    ] {
        let server = Canned::start(|_| Reply::json("{}")).await;
        let rest = lists(r#"{ kind = "none" }"#);
        let rest = rest.replace(r#"{ kind = "bearer", credential = "key" }"#, auth);
        invented(&server, &rest).test().await.unwrap();
        assert_eq!(server.asked()[0].header(header), Some(expected));
    }
    let server = Canned::start(|_| Reply::json("{}")).await;
    let rest = lists(r#"{ kind = "none" }"#);
    let query = r#"{ kind = "query", name = "api_key", credential = "key" }"#;
    let rest = rest.replace(r#"{ kind = "bearer", credential = "key" }"#, query);
    invented(&server, &rest).test().await.unwrap();
    assert_eq!(server.asked()[0].query("api_key"), [KEY]);
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end_the_walk() {
    let circle = |empty: bool| {
        move |asked: &Asked| {
            let (found, next) = match asked.query("token").first().map(String::as_str) {
                Some("b") => (things(&[3, 4]), "c"),
                Some("c") => (things(&[5, 6]), "a"),
                _ => (things(&[1, 2]), "b"),
            };
            let found = if empty { things(&[]) } else { found };
            Reply::json(json!({ "result": { "things": found }, "next": next }))
        }
    };
    let paging = r#"{ kind = "token", parameter = "token", next = "/next" }"#;
    for empty in [false, true] {
        let (pages, asked) = read(paging, circle(empty)).await;
        let failure = pages.unwrap_err();
        assert!(failure.message.contains("in a circle"), "{failure}");
        assert!(!failure.retryable);
        assert!(asked.len() < 20, "{}", asked.len());
    }
}
