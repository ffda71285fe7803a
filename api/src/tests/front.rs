//! What holds whatever is asked: problems, keys, limits, and the answers that need no database.

use super::*;

#[tokio::test]
async fn what_is_nowhere_is_a_problem() {
    let caller = Caller::of(api());
    for path in [
        "/nowhere",
        "/api/v1/integrations/nowhere",
        "/api/v1/integrations/connections/nope",
    ] {
        caller
            .call(Method::GET, path, &[], ())
            .await
            .problem(404, "not-found");
    }
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let caller = Caller::of(api());
    let refused = caller
        .call(Method::PUT, &format!("{BASE}/connections"), &[], ())
        .await;
    refused.problem(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD, POST");
}

#[tokio::test]
async fn without_a_key_nothing_is_done() {
    let request = Request::builder()
        .uri_str(format!("{BASE}/connectors"))
        .finish();
    let refused = answer(crate::app(api()), request).await;
    refused.problem(401, "unauthorized");
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say() {
    let caller = |scopes: &[Scope]| Caller {
        api: api(),
        scopes: scopes.to_vec(),
    };
    let connectors = format!("{BASE}/connectors");
    let read = caller(&[Scope::Read]);
    assert_eq!(
        read.call(Method::GET, &connectors, &[], ())
            .await
            .response
            .status(),
        StatusCode::OK
    );
    read.post("/exports", &json!({}))
        .await
        .problem(403, "insufficient-scope");
    let write = caller(&[Scope::Write]);
    write
        .call(Method::GET, &connectors, &[], ())
        .await
        .problem(403, "insufficient-scope");
    write
        .post("/exports", &json!({}))
        .await
        .problem(422, "missing");
    write
        .post("/api-keys", &json!({}))
        .await
        .problem(403, "insufficient-scope");
    caller(&[Scope::Admin])
        .post("/api-keys", &json!({}))
        .await
        .problem(422, "missing");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_where() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    let json = [("content-type", "application/json")];
    let refused = caller
        .call(Method::POST, &exports, &json, "{\n  \"name\": }")
        .await;
    refused.problem(400, "malformed-json");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("line 2, column 11"),
        "{}",
        refused.body
    );
    caller
        .call(Method::POST, &exports, &json, ())
        .await
        .problem(400, "malformed-json");
    caller
        .call(Method::POST, &exports, &json, vec![b'{', 0xff])
        .await
        .problem(400, "malformed-json");
    let deep = "[".repeat(100_000);
    caller
        .call(Method::POST, &exports, &json, deep)
        .await
        .problem(400, "malformed-json");
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    for headers in [&[][..], &[("content-type", "text/plain")]] {
        let refused = caller.call(Method::POST, &exports, headers, "{}").await;
        refused.problem(415, "unsupported-media-type");
    }
    let spelled = [("content-type", "Application/JSON; charset=utf-8")];
    caller
        .call(Method::POST, &exports, &spelled, "{}")
        .await
        .problem(422, "missing");
}

#[tokio::test]
async fn a_large_body_is_refused_announced_or_not() {
    let caller = Caller::of(api());
    let exports = format!("{BASE}/exports");
    let announced = [
        ("content-type", "application/json"),
        ("content-length", "99999999"),
    ];
    caller
        .call(Method::POST, &exports, &announced, "{}")
        .await
        .problem(413, "too-large");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let json = [("content-type", "application/json")];
    caller
        .call(Method::POST, &exports, &json, large)
        .await
        .problem(413, "too-large");
}

#[tokio::test]
async fn a_body_full_of_faults_gets_a_bounded_answer() {
    let caller = Caller::of(api());
    let many = vec![json!(1); 100_000];
    let refused = caller.post("/exports", &json!({"entities": many})).await;
    refused.problem(422, "invalid-input");
    assert!(refused.body["errors"].as_array().unwrap().len() <= 100);
}

#[tokio::test]
async fn parameters_are_judged_by_name() {
    let caller = Caller::of(api());
    for (query, name, code) in [
        ("limit=0", "limit", "bad-parameter"),
        ("limit=201", "limit", "bad-parameter"),
        ("limit=ten", "limit", "bad-parameter"),
        ("cursor=!", "cursor", "bad-cursor"),
        ("cursor=c3luY18x", "cursor", "bad-cursor"),
        ("status=active", "status", "bad-parameter"),
        ("connectorId=%00", "connectorId", "bad-parameter"),
    ] {
        let refused = caller
            .call(Method::GET, &format!("{BASE}/connections?{query}"), &[], ())
            .await;
        refused.problem(422, code);
        assert_eq!(refused.faults(), [(name, code)], "{query}");
    }
}

#[tokio::test]
async fn an_entity_that_no_database_can_compare_is_told_by_its_name() {
    let caller = Caller::of(api());
    let connection = ConnectionId::new();
    for (method, path) in [
        (Method::GET, format!("connections/{connection}/errors")),
        (
            Method::GET,
            format!(
                "connections/{connection}/sync/{}/errors",
                SyncId::from(JobId::new())
            ),
        ),
        (
            Method::POST,
            format!("connections/{connection}/errors/retry"),
        ),
    ] {
        let path = format!("{BASE}/{path}?entity=a%00b");
        let refused = caller.call(method, &path, &[], ()).await;
        refused.problem(422, "bad-parameter");
        assert_eq!(refused.faults(), [("entity", "bad-parameter")], "{path}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_told_as_such() {
    let caller = Caller::of(api());
    let refused = caller
        .call(Method::GET, &format!("{BASE}/connections"), &[], ())
        .await;
    refused.problem(503, "database-unavailable");
    assert_eq!(refused.header("retry-after"), "2");
    let unready = caller.call(Method::GET, "/readyz", &[], ()).await;
    unready.problem(503, "database-unavailable");
    let alive = caller.call(Method::GET, "/healthz", &[], ()).await;
    assert_eq!(alive.response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_keeps_its_sane_name() {
    let caller = Caller::of(api());
    let named = |name: &'static str| {
        let caller = &caller;
        async move {
            let headers = [("x-request-id", name)];
            let answer = caller.call(Method::GET, "/nowhere", &headers, ()).await;
            answer.problem(404, "not-found");
            answer.header("x-request-id").to_owned()
        }
    };
    assert_eq!(named("mine-1.a_b").await, "mine-1.a_b");
    for strange in [
        "",
        "two words",
        "a\"b",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    ] {
        assert!(named(strange).await.starts_with("req_"), "{strange}");
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_tells_nothing() {
    let front = || Front::new(Paths::of(&json!({})));
    let panics = make(|_| async {
        if true {
            panic!("secret")
        }
    })
    .with(front());
    let broken = answer(panics, Request::default()).await;
    broken.problem(500, "internal-error");
    assert!(!broken.body.to_string().contains("secret"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_problem() {
    let front = Front::new(Paths::of(&json!({}))).within(Duration::from_millis(10));
    let hangs = make(|_| std::future::pending::<poem::Result<()>>()).with(front);
    let late = answer(hangs, Request::default()).await;
    late.problem(503, "timed-out");
    assert_eq!(late.header("retry-after"), "2");
}

#[tokio::test]
async fn the_catalogue_lists_eleven_connectors_in_the_ordered_shape() {
    let caller = Caller::of(api());
    let listed = caller
        .call(Method::GET, &format!("{BASE}/connectors"), &[], ())
        .await;
    let connectors = listed.body["data"].as_array().unwrap();
    assert_eq!(connectors.len(), 11);
    assert_eq!(listed.body["page"], json!({"nextCursor": null}));
    let stripe = &connectors[0];
    assert_eq!(stripe["connectorId"], "stripe");
    assert_eq!(stripe["category"], "PAYMENTS");
    assert_eq!(stripe["status"], "AVAILABLE");
    assert_eq!(
        stripe["features"],
        json!(["payments", "subscriptions", "invoices"])
    );
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let caller = Caller::of(api());
    let document = caller.call(Method::GET, "/openapi.json", &[], ()).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    let page = caller.call(Method::GET, "/docs", &[], ()).await;
    assert_eq!(page.response.status(), StatusCode::OK);
    caller
        .call(Method::POST, "/docs", &[], ())
        .await
        .problem(405, "method-not-allowed");
}
