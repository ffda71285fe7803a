//! A request in the making: values in their slots, placeholders still in braces.

use serde_json::Value;

use super::file::{Slot, TestCall, Verb};
use super::rules::ListRules;

/// A request in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub verb: Verb,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
    /// The media type that is wanted, where it is another than JSON.
    pub accept: Option<&'static str>,
    conditions: Vec<String>,
    /// What the engine's own placeholders stand for.
    words: Vec<(&'static str, String)>,
}

impl Draft {
    /// A `GET` of a path.
    pub(super) fn get(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }

    /// The call that proves credentials.
    pub(super) fn of_test(call: &TestCall) -> Self {
        Self {
            verb: call.method,
            body: call.body.clone(),
            ..Self::get(&call.path)
        }
    }

    /// The request for a list, apart from what limits and pages it.
    pub(super) fn of(list: &ListRules) -> Self {
        Self {
            verb: list.verb,
            query: list.query.clone(),
            body: list.body.clone(),
            conditions: list.conditions.clone(),
            ..Self::get(&list.path)
        }
    }

    /// Adds a query parameter.
    pub(super) fn query(&mut self, name: &str, value: impl Into<String>) {
        self.query.push((name.to_owned(), value.into()));
    }

    /// Puts a value where it goes.
    pub(super) fn put(&mut self, slot: &Slot, value: String) {
        match slot {
            Slot::Query(name) => self.query.push((name.clone(), value)),
            Slot::Header(name) => self.headers.push((name.clone(), value)),
            Slot::Where(condition) => self.conditions.push(condition.replace("{}", &value)),
            Slot::Body { at, value: form } => {
                let value = match form {
                    Some(form) => with(form, &value),
                    None => Value::String(value),
                };
                insert(self.body.get_or_insert(Value::Null), at.steps(), value);
            }
        }
    }

    /// Puts a number where it goes.
    pub(super) fn put_number(&mut self, slot: &Slot, number: u64) {
        match slot {
            Slot::Body { at, value: None } => {
                let body = self.body.get_or_insert(Value::Null);
                insert(body, at.steps(), number.into());
            }
            slot => self.put(slot, number.to_string()),
        }
    }

    /// What a placeholder of the engine's stands for.
    pub(super) fn word(&mut self, name: &'static str, value: impl Into<String>) {
        self.words.push((name, value.into()));
    }

    /// Names the fields that are wanted: joined where a text says `{fields}`, one by one where an array holds nothing else.
    pub(super) fn fields(&mut self, names: &[String], join: &str) {
        if let Some(body) = &mut self.body {
            spread(body, names);
        }
        self.word("fields", names.join(join));
    }

    /// Whether any text holds this placeholder.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let braced = format!("{{{name}}}");
        self.path.contains(&braced)
            || self.query.iter().any(|(_, value)| value.contains(&braced))
            || self
                .body
                .as_ref()
                .is_some_and(|body| any_text(body, &braced))
    }

    /// The engine's own words, the conditions among them.
    pub(super) fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = self.words.clone();
        let conditions = self.conditions.join(" AND ");
        words.push(match conditions.is_empty() {
            true => ("where", conditions),
            false => ("where", format!(" WHERE {conditions}")),
        });
        words
    }
}

/// A value whose texts have `{}` replaced.
fn with(form: &Value, value: &str) -> Value {
    map_texts(form, &mut |text| text.replace("{}", value))
}

/// The value with every text changed.
pub(super) fn map_texts(value: &Value, change: &mut impl FnMut(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map_texts(item, change)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, item)| (name.clone(), map_texts(item, change)))
                .collect()
        }
        other => other.clone(),
    }
}

fn any_text(value: &Value, piece: &str) -> bool {
    match value {
        Value::String(text) => text.contains(piece),
        Value::Array(items) => items.iter().any(|item| any_text(item, piece)),
        Value::Object(members) => members.values().any(|item| any_text(item, piece)),
        _ => false,
    }
}

/// Puts the names in the place of arrays that hold `{fields}` and nothing else.
fn spread(value: &mut Value, names: &[String]) {
    match value {
        Value::Array(items) if items.len() == 1 && items[0] == "{fields}" => {
            *items = names.iter().cloned().map(Value::String).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spread(item, names)),
        Value::Object(members) => members.values_mut().for_each(|item| spread(item, names)),
        _ => {}
    }
}

/// Puts a value at a place, making objects and arrays on the way; `-` appends.
fn insert(into: &mut Value, steps: &[String], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *into = value;
        return;
    };
    let is_place = step == "-" || step.parse::<usize>().is_ok();
    if is_place && (into.is_array() || into.is_null()) {
        if into.is_null() {
            *into = Value::Array(Vec::new());
        }
        if let Value::Array(items) = into {
            let index = step.parse().unwrap_or(items.len()).min(items.len());
            if index == items.len() {
                items.push(Value::Null);
            }
            insert(&mut items[index], rest, value);
        }
        return;
    }
    if !into.is_object() {
        *into = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = into {
        insert(members.entry(step).or_insert(Value::Null), rest, value);
    }
}

/// A text with its placeholders filled; `look` tells what a name stands for.
///
/// # Errors
/// The name of the first that nothing is known of.
pub(super) fn fill(
    text: &str,
    mut look: impl FnMut(&str) -> Option<String>,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let name = from[1..].split('}').next().unwrap_or_default();
        let is_name = !name.is_empty()
            && name.len() + 1 < from.len()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            filled.push('{');
            rest = &from[1..];
            continue;
        }
        filled.push_str(&look(name).ok_or_else(|| name.to_owned())?);
        rest = &from[name.len() + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slot(text: &str) -> Slot {
        serde_json::from_value(json!(text)).unwrap()
    }

    #[test]
    fn a_value_goes_where_its_slot_says() {
        let mut draft = Draft::get("/things");
        draft.put(&slot("page"), "2".to_owned());
        draft.put(&slot("header:If-Modified-Since"), "then".to_owned());
        draft.put(&slot("where:Changed >= '{}'"), "then".to_owned());
        draft.put(&slot("where:Id > '{}'"), "7".to_owned());
        draft.put(&slot("/options/cursor"), "abc".to_owned());
        draft.put_number(&slot("/count"), 500);
        let form =
            json!({ "body": "/groups/0/filters/-", "value": { "name": "id", "value": "{}" } });
        let form: Slot = serde_json::from_value(form).unwrap();
        draft.put(&form, "8".to_owned());
        draft.put(&form, "9".to_owned());
        assert_eq!(draft.query, [("page".to_owned(), "2".to_owned())]);
        assert_eq!(
            draft.headers,
            [("If-Modified-Since".to_owned(), "then".to_owned())]
        );
        let filters = json!([{ "name": "id", "value": "8" }, { "name": "id", "value": "9" }]);
        assert_eq!(
            draft.body.as_ref().unwrap(),
            &json!({ "options": { "cursor": "abc" }, "count": 500, "groups": [{ "filters": filters }] })
        );
        let words = draft.words();
        assert_eq!(
            words,
            [("where", " WHERE Changed >= 'then' AND Id > '7'".to_owned())]
        );
    }

    #[test]
    fn fields_are_named_one_by_one_in_an_array_and_joined_in_a_text() {
        let mut draft = Draft::get("/things");
        draft.body = Some(json!({ "properties": ["{fields}"], "text": "SELECT {fields}" }));
        assert!(draft.mentions("fields"));
        draft.fields(&["a".to_owned(), "b".to_owned()], ", ");
        assert_eq!(
            draft.body.as_ref().unwrap()["properties"],
            json!(["a", "b"])
        );
        assert!(draft.words().contains(&("fields", "a, b".to_owned())));
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let look = |name: &str| (name == "id").then(|| "a b".to_owned());
        assert_eq!(fill("/x/{id}/{}", look).unwrap(), "/x/a b/{}");
        assert_eq!(fill(r#"{"a":1} {"#, look).unwrap(), r#"{"a":1} {"#);
        assert_eq!(fill("{id}{nobody}", look).unwrap_err(), "nobody");
    }
}
