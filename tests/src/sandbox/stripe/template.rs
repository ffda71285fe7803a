//! Records as JSON templates with holes, so that a shape can be read as Stripe's documentation shows it and a record
//! costs little more than copying its bytes.

use std::fmt::Write as _;

/// A JSON text being written.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    /// Starts with room for one record.
    pub(super) fn new() -> Self {
        Self(String::with_capacity(2_048))
    }

    /// Appends JSON text as it is.
    pub(super) fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Appends `null`.
    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    /// Appends `true` or `false`.
    pub(super) fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// Appends a whole number.
    pub(super) fn integer(&mut self, value: i64) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
    }

    /// Appends a string, quoted and escaped.
    pub(super) fn string(&mut self, value: &str) {
        if value
            .bytes()
            .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
        {
            self.0.push('"');
            self.0.push_str(value);
            self.0.push('"');
        } else {
            self.raw(&serde_json::Value::from(value).to_string());
        }
    }

    /// Appends a string or `null`.
    pub(super) fn optional_string(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.string(value),
            None => self.null(),
        }
    }

    /// Appends a whole number or `null`.
    pub(super) fn optional_integer(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.integer(value),
            None => self.null(),
        }
    }

    /// The text written so far.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// What knows the values for the holes of one template.
pub(super) trait Fill {
    /// Writes the value of the hole.
    ///
    /// # Panics
    /// When the template has a hole this record knows nothing of: a fault of the sandbox that its tests find.
    fn fill(&self, hole: &str, out: &mut Json);
}

/// A parsed template: every JSON string of the form `"$name"` is a hole.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Hole(String),
}

impl Template {
    /// Parses a template, dropping the white space that is there for its readers.
    pub(super) fn parse(source: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        // Quotes alternate between outside and inside of strings; templates have no escaped quotes.
        for (position, piece) in source.split('"').enumerate() {
            if position % 2 == 0 {
                text.extend(piece.chars().filter(|letter| !letter.is_whitespace()));
            } else if let Some(hole) = piece.strip_prefix('$') {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Hole(hole.to_owned()));
            } else {
                text.push('"');
                text.push_str(piece);
                text.push('"');
            }
        }
        parts.push(Part::Text(text));
        Self { parts }
    }

    /// Writes the template with its holes filled.
    pub(super) fn render(&self, values: &impl Fill, out: &mut Json) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.raw(text),
                Part::Hole(hole) => values.fill(hole, out),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Greeting;

    impl Fill for Greeting {
        fn fill(&self, hole: &str, out: &mut Json) {
            match hole {
                "name" => out.string("a \"b\"\n"),
                _ => out.integer(-3),
            }
        }
    }

    #[test]
    fn holes_are_filled_and_layout_is_dropped() {
        let template = Template::parse(
            "{\n  \"text\": \"keep  this\",\n  \"name\": \"$name\", \"n\": [\"$n\", 1 ]}\n",
        );
        let mut out = Json::new();
        template.render(&Greeting, &mut out);
        assert_eq!(
            out.into_text(),
            r#"{"text":"keep  this","name":"a \"b\"\n","n":[-3,1]}"#
        );
    }
}
