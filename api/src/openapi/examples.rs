//! Examples of bodies, by operation: the ordered ones as they were ordered.

use serde_json::Value;

const EXAMPLES: &str = include_str!("examples.json");

/// Adds the examples of every operation that has some.
pub fn add(document: &mut Value) {
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    let paths = document["paths"].as_object_mut();
    for operation in paths
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
    {
        for operation in operation.values_mut() {
            let example = &examples[operation["operationId"].as_str().unwrap_or_default()];
            put(
                operation.pointer_mut("/requestBody/content"),
                &example["request"],
            );
            let responses = operation["responses"].as_object_mut();
            for (status, response) in responses.into_iter().flatten() {
                let key = if status.starts_with('2') {
                    "response"
                } else {
                    status
                };
                put(response.get_mut("content"), &example[key]);
            }
        }
    }
    document["components"]["schemas"]["Problem"]["examples"] =
        Value::from(vec![examples["problem"].clone()]);
}

fn put(content: Option<&mut Value>, example: &Value) {
    if example.is_null() {
        return;
    }
    let media = content.and_then(Value::as_object_mut);
    for (name, media) in media.into_iter().flatten() {
        // Where a body may come in several forms, each has an example of its own.
        media["example"] = example.get(name).unwrap_or(example).clone();
    }
}
