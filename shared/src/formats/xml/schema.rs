//! What an XML file looks like, for those who validate.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::names::element_name;
use super::text;

/// The W3C XML Schema 1.0 of files of this entity whose records have no other fields than these. It says which fields
/// there are, in any order; values may be of any kind, for two records of a vendor may differ.
#[must_use]
pub fn schema(entity: &str, names: &[String]) -> String {
    let entity = text::attribute(entity);
    let mut fields = String::new();
    let mut seen = HashSet::new();
    for name in names.iter().filter(|name| seen.insert(name.as_str())) {
        let name = element_name(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            fields,
            r#"            <xs:element name="{name}" type="value" minOccurs="0" nillable="true"/>"#
        );
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="records">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="record" minOccurs="0" maxOccurs="unbounded">
          <xs:complexType>
            <xs:all>
{fields}            </xs:all>
            <xs:attribute name="id" type="xs:string" use="required"/>
          </xs:complexType>
        </xs:element>
      </xs:sequence>
      <xs:attribute name="entity" type="xs:string" use="required" fixed="{entity}"/>
    </xs:complexType>
  </xs:element>
{VALUE}</xs:schema>
"#
    )
}

/// Members of objects may have any name, so no more is asked of them than that they are XML. `lax` would be wrong: a member
/// named `records` is not the document's.
const VALUE: &str = r#"  <xs:complexType name="value" mixed="true">
    <xs:sequence>
      <xs:any minOccurs="0" maxOccurs="unbounded" processContents="skip"/>
    </xs:sequence>
    <xs:attribute name="type">
      <xs:simpleType>
        <xs:restriction base="xs:string">
          <xs:enumeration value="number"/>
          <xs:enumeration value="boolean"/>
          <xs:enumeration value="object"/>
          <xs:enumeration value="array"/>
        </xs:restriction>
      </xs:simpleType>
    </xs:attribute>
  </xs:complexType>
"#;
