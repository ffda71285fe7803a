//! What an org says about its objects.

use serde_json::{Value, json};

use super::entity::Entity;
use super::fields::Field;

/// The keys that only the full description of an object has.
const FULL_ONLY: [&str; 17] = [
    "actionOverrides",
    "childRelationships",
    "compactLayoutable",
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "fields",
    "implementedBy",
    "implementsInterfaces",
    "listviewable",
    "lookupLayoutable",
    "namedLayoutInfos",
    "networkScopeFieldName",
    "recordTypeInfos",
    "searchLayoutable",
    "sobjectDescribeOption",
    "supportedScopes",
];

/// The full description of an object.
pub(super) fn object(entity: Entity, fields: &[Field], version: &str) -> Value {
    let mut object = parsed(include_str!("templates/describe_object.json"));
    let name = entity.object();
    let base = format!("/services/data/{version}/sobjects/{name}");
    object["name"] = name.into();
    object["label"] = name.trim_end_matches("__c").into();
    object["labelPlural"] = entity.plural().into();
    object["keyPrefix"] = entity.prefix().into();
    object["custom"] = entity.is_custom().into();
    object["fields"] = fields.iter().map(|it| field(it, fields)).collect();
    object["urls"] = json!({
        "compactLayouts": format!("{base}/describe/compactLayouts"),
        "describe": format!("{base}/describe"),
        "layouts": format!("{base}/describe/layouts"),
        "rowTemplate": format!("{base}/{{ID}}"),
        "sobject": base,
    });
    object
}

/// What the list of all objects says about one.
pub(super) fn summary(entity: Entity, version: &str) -> Value {
    let mut object = object(entity, &[], version);
    if let Some(keys) = object.as_object_mut() {
        keys.retain(|key, _| !FULL_ONLY.contains(&key.as_str()));
    }
    object
}

fn field(field: &Field, all: &[Field]) -> Value {
    let mut told = parsed(include_str!("templates/describe_field.json"));
    let name = field.name();
    let soap = match field.kind.as_str() {
        "id" | "reference" => "tns:ID",
        "boolean" => "xsd:boolean",
        "int" => "xsd:int",
        "date" => "xsd:date",
        "datetime" => "xsd:dateTime",
        "address" => "urn:address",
        _ if field.is_double() => "xsd:double",
        _ => "xsd:string",
    };
    let bytes = if field.is_text() {
        field.length() * 3
    } else {
        field.length()
    };
    let label = name.trim_end_matches("__c").replace('_', " ");
    let refers = field.refers_to();
    let by = name.strip_suffix("Id").or_else(|| name.strip_suffix("__c"));
    let choices = field.column.choices().map(|choice| {
        json!({ "active": true, "defaultValue": false, "label": choice, "validFor": null, "value": choice })
    });
    let facts = json!({
        "name": name, "label": label, "type": field.kind, "soapType": soap, "length": field.length(),
        "byteLength": bytes, "precision": field.precision(), "scale": field.scale(), "nillable": !field.required,
        "custom": field.is_custom(), "filterable": field.is_filterable(), "sortable": field.is_sortable(),
        "groupable": field.is_sortable() && !field.is_double(), "aggregatable": field.is_sortable(),
        "idLookup": field.kind == "id", "nameField": name == "Name", "referenceTo": Value::from_iter(refers),
        "relationshipName": refers.and(by.map(|by| if field.is_custom() { format!("{by}__r") } else { by.to_owned() })),
        "compoundFieldName": part_of(name, all), "picklistValues": choices.collect::<Value>(),
    });
    if let (Some(told), Value::Object(facts)) = (told.as_object_mut(), facts) {
        told.extend(facts);
    }
    told
}

/// The address that a field is a part of.
fn part_of<'f>(name: &str, all: &'f [Field]) -> Option<&'f str> {
    let parts = ["Street", "City", "State", "PostalCode", "Country"];
    let whose = parts.iter().find_map(|part| name.strip_suffix(part))?;
    let mut addresses = all.iter().filter(|field| field.is_compound());
    let address = addresses.find(|field| field.name().strip_suffix("Address") == Some(whose))?;
    Some(address.name())
}

fn parsed(template: &str) -> Value {
    serde_json::from_str(template).unwrap_or_default()
}
