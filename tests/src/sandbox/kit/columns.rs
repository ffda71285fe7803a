//! Objects as tables of fields, for the vendors that describe theirs: one list gives the description and the records.

use serde_json::Value;

use crate::draw::Draw;

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What it is called.
    pub name: String,
    /// What it is, in the vendor's words: `string(80) required`.
    pub kind: String,
    value: Value,
}

impl Column {
    /// The values it can have, if they are listed; `null` stands for none.
    pub fn choices(&self) -> impl Iterator<Item = &str> {
        let listed = self.value.as_array().into_iter().flatten();
        listed.filter_map(Value::as_str)
    }

    /// A value: one of the choices, what fills the hole (`null` if nothing does), or the same for every record.
    pub fn fill(&self, draw: &mut Draw, fill: &dyn Fn(&str) -> Option<Value>) -> Value {
        match &self.value {
            Value::Array(choices) => {
                let place = draw.below(choices.len() as u64) as usize;
                choices.get(place).cloned().unwrap_or_default()
            }
            Value::String(text) => match text.strip_prefix('$') {
                Some(hole) => fill(hole).unwrap_or_default(),
                None => self.value.clone(),
            },
            other => other.clone(),
        }
    }
}

/// Parses a table: a JSON array of `[name, kind, value]`, where the value is a hole (`"$name"`), a list of choices, or
/// itself.
///
/// # Panics
/// When it is no such table: a fault of the sandbox that any test finds.
pub fn columns(source: &str) -> Vec<Column> {
    let rows: Vec<(String, String, Value)> = match serde_json::from_str(source) {
        Ok(rows) => rows,
        Err(error) => panic!("a table of fields cannot be read: {error}"),
    };
    rows.into_iter()
        .map(|(name, kind, value)| Column { name, kind, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_filled_from_its_hole_its_choices_or_itself() {
        let table = columns(
            r#"[["A", "text", "$a"], ["B", "text", "$none"], ["C", "pick", ["x", null]], ["D", "int", 7]]"#,
        );
        let fill = |hole: &str| (hole == "a").then(|| json!("filled"));
        let mut draw = Draw::new(1, 2, 3);
        let mut value = |place: usize| table[place].fill(&mut draw, &fill);
        assert_eq!(
            (value(0), value(1), value(3)),
            (json!("filled"), Value::Null, json!(7))
        );
        let drawn: Vec<Value> = (0..50).map(|_| value(2)).collect();
        assert!(drawn.contains(&json!("x")) && drawn.contains(&Value::Null));
        assert_eq!(table[2].choices().collect::<Vec<_>>(), ["x"]);
    }
}
