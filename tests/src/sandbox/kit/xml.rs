//! XML, which some vendors answer with unless JSON is asked for: here so that a reader that forgets to ask notices.

use std::fmt::Write as _;

use serde_json::Value;

use super::exact_text;

/// How a vendor's JSON and XML differ.
pub struct Style {
    /// Fields that XML has as attributes.
    pub attributes: &'static [&'static str],
    /// What an item of the list with this name is called; the list's own name where items stand without one.
    pub item: fn(&str) -> Option<String>,
}

impl Style {
    /// The document: one element with this name and these declarations, and the body inside.
    pub fn write(&self, root: &str, declarations: &str, body: &Value) -> String {
        let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} {declarations}");
        self.content(body, &mut out);
        let _ = write!(out, "</{root}>");
        out
    }

    /// Attributes, the end of the opening tag, and what is inside.
    fn content(&self, value: &Value, out: &mut String) {
        let Value::Object(fields) = value else {
            out.push('>');
            escape(&text(value), out);
            return;
        };
        // A reference has its name as an attribute and its id as text.
        let reference = fields.get("value");
        for (key, value) in fields {
            let named = reference.is_some() && key == "name";
            if (named || self.is_attribute(key)) && !value.is_null() {
                let _ = write!(out, " {key}=\"");
                escape(&text(value), out);
                out.push('"');
            }
        }
        out.push('>');
        if let Some(reference) = reference {
            return escape(&text(reference), out);
        }
        for (key, value) in fields.iter().filter(|(key, _)| !self.is_attribute(key)) {
            self.element(key, value, out);
        }
    }

    fn element(&self, name: &str, value: &Value, out: &mut String) {
        match (value, (self.item)(name)) {
            (Value::Null, _) => {}
            (Value::Array(items), None) => {
                items.iter().for_each(|item| self.element(name, item, out));
            }
            (Value::Array(items), Some(item_name)) => {
                let _ = write!(out, "<{name}>");
                items
                    .iter()
                    .for_each(|item| self.element(&item_name, item, out));
                let _ = write!(out, "</{name}>");
            }
            (value, _) => {
                let _ = write!(out, "<{name}");
                self.content(value, out);
                let _ = write!(out, "</{name}>");
            }
        }
    }

    fn is_attribute(&self, key: &str) -> bool {
        self.attributes.contains(&key)
    }
}

fn text(value: &Value) -> String {
    match (exact_text(value), value.as_str()) {
        (Some(digits), _) => digits.to_owned(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => value.to_string(),
    }
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kit::money;
    use serde_json::json;

    #[test]
    fn objects_become_elements_marks_become_attributes_and_lists_wrap_or_repeat() {
        let body = json!({ "Bill": [{ "Id": "1", "domain": "Q", "Total": money(1_250),
            "Ref": { "value": "7", "name": "A & B" } }] });
        let repeating = Style {
            attributes: &["domain"],
            item: |_| None,
        };
        let inside = r#"<Bill domain="Q"><Id>1</Id><Ref name="A &amp; B">7</Ref><Total>12.50</Total></Bill>"#;
        let text = repeating.write("R", "xmlns=\"x\"", &body);
        assert!(
            text.ends_with(&format!("<R xmlns=\"x\">{inside}</R>")),
            "{text}"
        );
        let wrapping = Style {
            attributes: &[],
            item: |list| list.strip_suffix('s').map(str::to_owned),
        };
        let text = wrapping.write(
            "R",
            "v=\"1\"",
            &json!({ "Bills": [{ "n": 1 }, { "n": null }] }),
        );
        assert!(
            text.ends_with("<Bills><Bill><n>1</n></Bill><Bill></Bill></Bills></R>"),
            "{text}"
        );
    }
}
