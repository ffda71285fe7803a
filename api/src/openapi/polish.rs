//! Makes the generated document OpenAPI 3.1, whose schemas are JSON Schema: so that the very schemas that are served
//! check the bodies that come in. And says what the generator cannot: bodies have no other fields than these, and an
//! answer has all of its fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Where schemas are in the document.
pub const SCHEMAS: &str = "#/components/schemas/";

/// A schema that leaves fields out where they say nothing.
const SPARSE: &str = "Problem";

/// Makes the document strict.
pub fn polish(document: &mut Value) {
    document["openapi"] = json!("3.1.0");
    let asked: BTreeSet<String> = reachable(document, "requestBody");
    let answered: BTreeSet<String> = reachable(document, "responses");
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            if asked.contains(name) {
                close(schema);
            } else if answered.contains(name) && name != SPARSE {
                fill(schema);
            }
        }
    }
    translate(document);
}

/// The names of the schemas that are the body of some operation.
pub fn body_schemas(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_operation(document, &mut |operation| {
        let content = operation["requestBody"]["content"].as_object();
        for media in content.into_iter().flat_map(Map::values) {
            found.extend(name_of(&media["schema"]));
        }
    });
    found
}

/// The names of the schemas under `member` of any operation, and of those they refer to.
fn reachable(document: &Value, member: &str) -> BTreeSet<String> {
    let mut waiting = Vec::new();
    each_operation(document, &mut |operation| {
        references(&operation[member], &mut waiting);
    });
    let mut found = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if found.insert(name.clone()) {
            references(&document["components"]["schemas"][&name], &mut waiting);
        }
    }
    found
}

fn each_operation(document: &Value, visit: &mut dyn FnMut(&Value)) {
    for path in document["paths"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
    {
        for operation in path.as_object().into_iter().flat_map(Map::values) {
            visit(operation);
        }
    }
}

fn name_of(schema: &Value) -> Option<String> {
    Some(schema["$ref"].as_str()?.strip_prefix(SCHEMAS)?.to_owned())
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            found.extend(name_of(value));
            members
                .values()
                .for_each(|member| references(member, found));
        }
        _ => {}
    }
}

/// No other fields than these.
fn close(schema: &mut Value) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(false);
    }
}

/// All of these fields, null where there is nothing to say.
fn fill(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or(json!([]));
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let always = |name: &str| {
        required
            .as_array()
            .is_some_and(|names| names.iter().any(|known| known == name))
    };
    for (name, property) in properties.iter_mut() {
        if !always(name) {
            property["nullable"] = json!(true);
        }
    }
    let all: Vec<&String> = properties.keys().collect();
    schema["required"] = json!(all);
}

/// From the generator's 3.0 to 3.1.
fn translate(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Object(members) => {
            members.values_mut().for_each(translate);
            if let Some(example) = members.remove("example") {
                members.insert("examples".to_owned(), json!([example]));
            }
            lift_reference(members);
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                allow_null(members);
            }
            for (bound, limit) in [
                ("exclusiveMinimum", "minimum"),
                ("exclusiveMaximum", "maximum"),
            ] {
                match members.get(bound) {
                    Some(Value::Bool(true)) => {
                        if let Some(number) = members.remove(limit) {
                            members.insert(bound.to_owned(), number);
                        }
                    }
                    Some(Value::Bool(false)) => {
                        members.remove(bound);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// `{allOf: [{$ref}, {description}], description}` becomes `{$ref, description}`.
fn lift_reference(members: &mut Map<String, Value>) {
    let reference = match members
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([first, _]) if first.get("$ref").is_some() => first["$ref"].clone(),
        _ => return,
    };
    members.remove("allOf");
    members.insert("$ref".to_owned(), reference);
}

fn allow_null(members: &mut Map<String, Value>) {
    if let Some(reference) = members.remove("$ref") {
        members.insert(
            "anyOf".to_owned(),
            json!([{ "$ref": reference }, { "type": "null" }]),
        );
        return;
    }
    if let Some(choices) = members.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.push(json!({ "type": "null" }));
        return;
    }
    if let Some(Value::String(one)) = members.get("type").cloned() {
        members.insert("type".to_owned(), json!([one, "null"]));
    }
    if let Some(words) = members.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}
