use super::*;

#[test]
fn the_descriptions_name_what_queries_give() {
    let salesforce = org(2);
    let objects = get(&salesforce, "sobjects").unwrap();
    let names: Vec<&str> = objects["sobjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"Account") && names.contains(&"Thing__c"),
        "{names:?}"
    );
    for entity in Entity::ALL {
        let object = entity.object();
        let told = get(&salesforce, &format!("sobjects/{object}/describe")).unwrap();
        let fields = told["fields"].as_array().unwrap();
        let names: Vec<&str> = fields
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        let soql = format!("SELECT {} FROM {object} LIMIT 1", names.join(","));
        let found = ask(&salesforce, "query", &soql).unwrap();
        let record = &found["records"][0];
        for field in fields {
            let value = &record[field["name"].as_str().unwrap()];
            let fits = match field["soapType"].as_str().unwrap() {
                "xsd:boolean" => value.is_boolean(),
                "xsd:int" => value.is_i64(),
                "xsd:double" => value.is_f64(),
                "urn:address" => value.is_object(),
                _ => value.is_string(),
            };
            assert!(
                fits || (value.is_null() && field["nillable"] == true),
                "{object}: {field} {value}"
            );
        }
        assert_eq!(told["custom"], json!(object == "Thing__c"));
    }
}

#[test]
fn an_object_out_of_sight_is_no_type() {
    let salesforce = org(2);
    salesforce.withhold(Entity::Contract);
    assert_eq!(
        ask(&salesforce, "query", "SELECT Id FROM Contract").unwrap_err(),
        "INVALID_TYPE"
    );
    assert_eq!(
        get(&salesforce, "sobjects/Contract/describe").unwrap_err(),
        "NOT_FOUND"
    );
    let objects = get(&salesforce, "sobjects").unwrap();
    assert!(!objects.to_string().contains("\"Contract\""));
}

#[test]
fn single_records_come_by_either_form_of_their_id_until_they_are_deleted() {
    let salesforce = org(2);
    let id = salesforce.ids("leads")[0].clone();
    let record = get(&salesforce, &format!("sobjects/Lead/{}", &id[..15])).unwrap();
    assert_eq!(record["Id"], id.as_str());
    let some = get(
        &salesforce,
        &format!("sobjects/Lead/{id}?fields=Company,Status"),
    )
    .unwrap();
    assert_eq!(some.as_object().unwrap().len(), 3);
    assert_eq!(
        get(&salesforce, &format!("sobjects/Lead/{id}?fields=Foo")).unwrap_err(),
        "INVALID_FIELD"
    );
    delete(&salesforce, "leads", &id);
    assert_eq!(
        get(&salesforce, &format!("sobjects/Lead/{id}")).unwrap_err(),
        "ENTITY_IS_DELETED"
    );
    assert_eq!(
        get(&salesforce, "sobjects/Lead/00Q000000000000").unwrap_err(),
        "NOT_FOUND"
    );
}

#[test]
fn what_was_deleted_lies_in_the_bin_for_fifteen_days_and_only_query_all_looks_there() {
    let salesforce = org(8);
    let id = salesforce.ids("accounts")[2].clone();
    delete(&salesforce, "accounts", &id);
    let soql = "SELECT Id, IsDeleted, SystemModstamp FROM Account WHERE IsDeleted = true";
    assert_eq!(found(&salesforce, soql), [] as [&str; 0]);
    let bin = ask(&salesforce, "queryAll", soql).unwrap();
    assert_eq!(ids(&bin), [id.as_str()]);
    assert_eq!(
        bin["records"][0]["SystemModstamp"],
        "2026-03-01T00:00:00.000+0000"
    );
    let span = "start=2026-02-27T00:00:00%2B00:00&end=2026-03-02T00:00:00%2B00:00";
    let gone = get(&salesforce, &format!("sobjects/Account/deleted/?{span}")).unwrap();
    assert_eq!(
        gone["deletedRecords"],
        json!([{ "id": id, "deletedDate": "2026-03-01T00:00:00.000+0000" }])
    );
    assert_eq!(gone["latestDateCovered"], "2026-03-01T00:00:00.000+0000");
    salesforce.clock().advance(15 * 86_400);
    assert!(ids(&ask(&salesforce, "queryAll", soql).unwrap()).is_empty());
    let gone = get(&salesforce, &format!("sobjects/Account/deleted?{span}")).unwrap();
    assert_eq!(gone["deletedRecords"], json!([]));
    salesforce.clock().advance(15 * 86_400);
    let late = get(&salesforce, &format!("sobjects/Account/deleted?{span}"));
    assert_eq!(late.unwrap_err(), "INVALID_REPLICATION_DATE");
}

#[test]
fn a_change_moves_its_stamp_and_is_told_of() {
    let salesforce = org(8);
    let id = salesforce.ids("cases")[1].clone();
    let update = Mutation::Update {
        entity: "cases".to_owned(),
        id: id.clone(),
        patch: json!({ "Subject": "Changed" }),
    };
    salesforce.mutate(update).unwrap();
    let soql = "SELECT Id FROM Case WHERE SystemModstamp >= 2026-03-01T00:00:00Z";
    assert_eq!(found(&salesforce, soql), [id.as_str()]);
    let span = "start=2026-02-28T00:00:00Z&end=2026-03-02T00:00:00Z";
    let changed = get(&salesforce, &format!("sobjects/Case/updated/?{span}")).unwrap();
    assert_eq!(changed["ids"], json!([id]));
    let truth = salesforce.holds("cases");
    assert!(
        truth
            .iter()
            .any(|(it, body)| *it == id && body["Subject"] == "Changed")
    );
}

#[test]
fn large_amounts_are_written_as_java_writes_doubles() {
    let salesforce = org(120);
    let mut asked = request(&salesforce, "query");
    asked.query = vec![("q".into(), "SELECT Amount FROM Opportunity".into())];
    let answer = salesforce.answer(&asked, None);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let large = text
        .split("\"Amount\":")
        .skip(1)
        .filter_map(|rest| rest.split([',', '}']).next());
    let large: Vec<&str> = large.filter(|digits| digits.contains('E')).collect();
    assert!(!large.is_empty(), "{text}");
    assert!(
        large
            .iter()
            .all(|digits| digits.parse::<f64>().unwrap() >= 1e7)
    );
}
