use std::fs;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::*;
use crate::routes::BASE;

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, operations)| {
            operations
                .as_object()
                .unwrap()
                .values()
                .map(|one| (path.clone(), one))
        })
        .collect()
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.as_object().unwrap().clone();
    whole.insert("components".to_owned(), document["components"].clone());
    jsonschema::validator_for(&Value::Object(whole)).unwrap()
}

fn contents(body: &Value) -> impl Iterator<Item = (&String, &Value)> {
    body["content"].as_object().into_iter().flat_map(Map::iter)
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_generated() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json");
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == document_text(),
        "openapi/openapi.json is not what the code says; run ./dev openapi and look at what changed"
    );
}

#[test]
fn the_eleven_ordered_operations_are_there() {
    let paths = &document()["paths"];
    for (method, path) in [
        ("get", "/connectors"),
        ("post", "/connections"),
        ("get", "/connections"),
        ("get", "/connections/{connectionId}"),
        ("patch", "/connections/{connectionId}"),
        ("post", "/connections/{connectionId}/test"),
        ("post", "/connections/{connectionId}/sync"),
        ("get", "/connections/{connectionId}/sync/{syncId}"),
        ("post", "/exports"),
        ("get", "/exports"),
        ("post", "/exports/{exportId}/run"),
    ] {
        assert!(
            paths[format!("{BASE}{path}")][method].is_object(),
            "{method} {path}"
        );
    }
}

#[test]
fn every_operation_says_what_it_is() {
    let document = document();
    for (path, operation) in operations(&document) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{path} has no operationId"));
        assert!(
            id.chars().all(|c| c.is_ascii_alphanumeric()) && id.starts_with(char::is_lowercase),
            "{id}"
        );
        for member in ["summary", "description"] {
            assert!(
                operation[member]
                    .as_str()
                    .is_some_and(|text| text.len() > 5),
                "{id} has no {member}"
            );
        }
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{id} has one tag"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].is_string(),
                "{id}: {} has no description",
                parameter["name"]
            );
        }
    }
}

#[test]
fn every_operation_names_its_refusals() {
    let document = document();
    for (path, operation) in operations(&document) {
        let id = &operation["operationId"];
        let responses = &operation["responses"];
        // Vendors call the one, with a signature in place of a key, and send what they like; persons come to the other, without
        // a key, and are shown pages.
        if id == "receiveWebhook" || id == "finishAuthorization" {
            continue;
        }
        if path.starts_with(BASE) {
            for status in ["401", "403", "500", "503"] {
                assert!(responses[status].is_object(), "{id} does not name {status}");
            }
            assert!(
                operation["security"].is_array(),
                "{id} names no security scheme"
            );
            assert_eq!(
                responses["404"].is_object(),
                path.contains('{'),
                "{id}: 404"
            );
        }
        if operation["requestBody"].is_object() {
            for status in ["400", "413", "415", "422"] {
                assert!(responses[status].is_object(), "{id} does not name {status}");
            }
        }
        for (status, response) in responses.as_object().unwrap() {
            if !status.starts_with(['2', '3']) {
                assert!(
                    response["content"]["application/problem+json"].is_object(),
                    "{id} {status}"
                );
            }
        }
    }
}

#[test]
fn every_body_has_an_example_that_fits_its_schema() {
    let document = document();
    for (_, operation) in operations(&document) {
        let id = &operation["operationId"];
        let responses = operation["responses"].as_object().unwrap();
        let answers = responses
            .iter()
            .filter(|(status, _)| status.starts_with('2'))
            .map(|(_, answer)| answer);
        for body in answers.chain([&operation["requestBody"]]) {
            for (media_type, media) in contents(body) {
                let example = &media["example"];
                assert!(!example.is_null(), "{id} has no example of {media_type}");
                let validator = validator(&document, &media["schema"]);
                let faults: Vec<String> = validator
                    .iter_errors(example)
                    .map(|e| format!("{}: {e}", e.instance_path()))
                    .collect();
                assert_eq!(faults, Vec::<String>::new(), "{id} {media_type}");
            }
        }
    }
}

#[test]
fn bodies_are_closed_and_answers_are_whole() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["NewSync"]["additionalProperties"], json!(false));
    assert_eq!(
        schemas["DestinationAsked"]["additionalProperties"],
        json!(false)
    );
    let sync = &schemas["Sync"];
    let named = sync["properties"].as_object().unwrap().len();
    assert_eq!(sync["required"].as_array().unwrap().len(), named);
    assert_eq!(
        sync["properties"]["startedAt"]["type"],
        json!(["string", "null"])
    );
    assert_eq!(
        sync["properties"]["error"]["anyOf"][1],
        json!({"type": "null"})
    );
}

#[test]
fn every_schema_is_used_and_no_trace_of_the_older_dialect_is_left() {
    let text = document_text();
    for gone in [
        "\"nullable\"",
        "\"exclusiveMinimum\": false",
        "\"openapi\": \"3.0",
    ] {
        assert!(!text.contains(gone), "{gone}");
    }
    for name in document()["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(
            text.contains(&format!("\"{SCHEMAS}{name}\"")),
            "{name} is not used"
        );
    }
}

#[test]
fn the_page_shows_this_document_and_fetches_nothing() {
    let text = document_text();
    let page = page(&text);
    assert!(page.contains(text.trim_end()));
    for outside in ["<script src", "<link", "@import", "url(http"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_methods_of_a_path_are_known() {
    let paths = Paths::of(&document());
    assert_eq!(
        paths.methods_of("/api/v1/integrations/connections/conn_x"),
        "DELETE, GET, HEAD, PATCH"
    );
    assert_eq!(paths.methods_of("/healthz"), "GET, HEAD");
    assert_eq!(paths.methods_of("/nowhere"), "");
}
