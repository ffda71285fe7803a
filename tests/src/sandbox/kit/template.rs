//! Records as JSON templates with holes, so that a vendor's shape can be read as its documentation shows it.

use serde_json::{Map, Value};

/// A parsed template: every string of the form `"$name"` is a hole.
#[derive(Debug, Clone)]
pub struct Template(Value);

impl Template {
    /// Parses a template.
    ///
    /// # Panics
    /// When it is no JSON: a fault of the sandbox that any test finds.
    pub fn parse(source: &str) -> Self {
        match serde_json::from_str(source) {
            Ok(shape) => Self(shape),
            Err(error) => panic!("a template is no JSON: {error}"),
        }
    }

    /// The template with its holes filled. A hole filled with `None` is left out with its key.
    pub fn fill(&self, fill: &dyn Fn(&str) -> Option<Value>) -> Value {
        filled(&self.0, fill).unwrap_or_default()
    }
}

fn filled(shape: &Value, fill: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    match shape {
        Value::String(text) => match text.strip_prefix('$') {
            Some(hole) => fill(hole),
            None => Some(shape.clone()),
        },
        Value::Array(items) => Some(items.iter().filter_map(|item| filled(item, fill)).collect()),
        Value::Object(fields) => {
            let fields: Map<String, Value> = fields
                .iter()
                .filter_map(|(key, shape)| Some((key.clone(), filled(shape, fill)?)))
                .collect();
            Some(Value::Object(fields))
        }
        scalar => Some(scalar.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn holes_are_filled_at_any_depth_and_empty_ones_take_their_key_along() {
        let template = Template::parse(
            r#"{"id": "$id", "none": "$none", "list": [{"n": "$n"}, "$none"], "kept": null}"#,
        );
        let record = template.fill(&|hole| match hole {
            "id" => Some("7".into()),
            "n" => Some(3.into()),
            _ => None,
        });
        assert_eq!(record, json!({"id": "7", "list": [{"n": 3}], "kept": null}));
    }
}
