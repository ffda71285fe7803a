use serde_json::Value;
pub fn add(_document: &mut Value) {}
