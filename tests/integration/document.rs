//! The document against the api: what it lists is there, and asks for a key.

use rail_tests::harness::{Caller, Rail, send};
use reqwest::Method;
use serde_json::Value;

/// For everybody.
const PUBLIC: [&str; 4] = ["/docs", "/healthz", "/openapi.json", "/readyz"];

/// Where vendors send webhooks: what counts is their signature.
const WEBHOOKS: &str = "/webhooks/";

/// Where vendors send persons back: what counts is the state.
const CALLBACK: &str = "/api/v1/integrations/oauth/callback";

/// Its operations: method, path with something in the place of each parameter, and what it says of itself.
async fn operations(caller: &Caller) -> Vec<(Method, String, Value)> {
    let document = caller.get("//openapi.json").await.expect(200);
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.push((method, filled(path, operation), operation.clone()));
        }
    }
    operations
}

/// The path with the examples of its parameters.
fn filled(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let places = parameters.filter(|parameter| parameter["in"] == "path");
    let path = places.fold(path.to_owned(), |path, parameter| {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        path.replace(
            &name,
            parameter["schema"]["examples"][0]
                .as_str()
                .unwrap_or("customers"),
        )
    });
    assert!(!path.contains('{'), "{path}");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_answers_without_a_key_that_is_accepted() {
    let rail = Rail::builder().workers(0).start().await;
    let keyless = [
        rail.caller.anonymous(),
        rail.caller.with_key("rail_nobody-was-ever-given-this-key"),
    ];
    let closed: Vec<_> = operations(&rail.caller)
        .await
        .into_iter()
        .filter(|(_, path, _)| {
            !PUBLIC.contains(&path.as_str()) && path != CALLBACK && !path.contains(WEBHOOKS)
        })
        .collect();
    assert!(closed.len() > 20, "{}", closed.len());

    for (method, path, operation) in &closed {
        let id = &operation["operationId"];
        assert!(operation["security"][0].is_object(), "{id} names no key");
        for caller in &keyless {
            // With and without a body: whoever has no key does not learn what is wrong with it.
            let bare = caller.request(method.clone(), &format!("/{path}"));
            let with_body = caller
                .request(method.clone(), &format!("/{path}"))
                .json(&Value::Null);
            for request in [bare, with_body] {
                let answer = send(request).await;
                assert_eq!(answer.status, 401, "{id}: {}", answer.text);
                assert_eq!(answer.problem(401), "unauthorized", "{id}");
                assert!(
                    answer.header("www-authenticate").starts_with("Bearer"),
                    "{id}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_pages_need_no_key() {
    let rail = Rail::builder().workers(0).start().await;

    for path in PUBLIC {
        let answer = rail.caller.anonymous().get(&format!("/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}
