use super::*;

#[test]
fn pages_go_by_id_and_the_last_one_has_no_paging() {
    let hubspot = portal(70);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(
            &hubspot,
            &format!("/crm/v3/objects/contacts?limit=30{after}"),
        )
        .unwrap();
        seen.extend(ids(&page));
        let keys: Vec<&String> = page.as_object().unwrap().keys().collect();
        let Some(next) = page["paging"]["next"]["after"].as_str() else {
            assert_eq!(keys, ["results"]);
            break;
        };
        let link = page["paging"]["next"]["link"].as_str().unwrap();
        assert_eq!(
            link,
            format!("http://127.0.0.1:1/crm/v3/objects/contacts?limit=30&after={next}")
        );
        after = format!("&after={next}");
    }
    assert_eq!(seen, hubspot.ids("contacts"));
    assert!(
        seen[0].len() < seen[69].len(),
        "the numbers grow by a digit"
    );
}

#[test]
fn what_is_deleted_while_somebody_reads_loses_nobody_a_record() {
    let hubspot = portal(30);
    let first = get(&hubspot, "/crm/v3/objects/deals?limit=5").unwrap();
    for id in ids(&first) {
        delete(&hubspot, "deals", &id);
    }
    let after = first["paging"]["next"]["after"].as_str().unwrap();
    let rest = get(
        &hubspot,
        &format!("/crm/v3/objects/0-3?limit=100&after={after}"),
    )
    .unwrap();
    assert_eq!(ids(&rest), hubspot.ids("deals"));
}

#[test]
fn the_properties_asked_for_come_as_texts_or_null_and_unknown_ones_do_not_come() {
    let hubspot = portal(40);
    let page = get(
        &hubspot,
        "/crm/v3/objects/companies?properties=annualrevenue,state,nonsense",
    )
    .unwrap();
    let records = page["results"].as_array().unwrap();
    for record in records {
        let properties = record["properties"].as_object().unwrap();
        let names: Vec<&String> = properties.keys().collect();
        assert_eq!(
            names,
            [
                "annualrevenue",
                "createdate",
                "hs_lastmodifieddate",
                "hs_object_id",
                "state"
            ]
        );
        assert!(
            properties
                .values()
                .all(|value| value.is_string() || value.is_null())
        );
        assert_eq!(properties["hs_lastmodifieddate"], record["updatedAt"]);
    }
    assert!(
        records
            .iter()
            .any(|record| record["properties"]["state"].is_null())
    );
    let plain = get(&hubspot, "/crm/v3/objects/contacts?limit=1").unwrap();
    let names: Vec<&String> = plain["results"][0]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        names,
        [
            "createdate",
            "email",
            "firstname",
            "hs_object_id",
            "lastmodifieddate",
            "lastname"
        ]
    );
}

#[test]
fn archived_records_are_listed_by_themselves() {
    let hubspot = portal(8);
    let id = hubspot.ids("tickets")[0].clone();
    delete(&hubspot, "tickets", &id);
    let gone = get(&hubspot, "/crm/v3/objects/tickets?archived=true").unwrap();
    assert_eq!(ids(&gone), [id.as_str()]);
    assert_eq!(gone["results"][0]["archived"], true);
    assert!(
        gone["results"][0]["archivedAt"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-01T00:00:00")
    );
    assert!(!ids(&get(&hubspot, "/crm/v3/objects/tickets").unwrap()).contains(&id));
    let single = format!("/crm/v3/objects/tickets/{id}");
    assert_eq!(get(&hubspot, &single).unwrap_err(), "OBJECT_NOT_FOUND");
    assert!(get(&hubspot, &format!("{single}?archived=True")).is_ok());
}

#[test]
fn a_change_is_a_text_and_moves_the_time() {
    let hubspot = portal(4);
    let id = hubspot.ids("deals")[0].clone();
    update(&hubspot, "deals", &id, &json!({ "amount": 12.5 }));
    let record = get(
        &hubspot,
        &format!("/crm/v3/objects/deals/{id}?properties=amount"),
    )
    .unwrap();
    assert_eq!(record["properties"]["amount"], "12.5");
    assert!(
        record["updatedAt"]
            .as_str()
            .unwrap()
            .starts_with("2026-03-01T00:00:00")
    );
    let truth = hubspot.holds("deals");
    assert_eq!(truth[0].1["properties"]["amount"], "12.5");
}

#[test]
fn owners_are_listed_in_their_own_way() {
    let hubspot = portal(1);
    let page = get(&hubspot, "/crm/v3/owners/?limit=2").unwrap();
    assert_eq!(ids(&page), hubspot.ids("owners")[..2]);
    assert_eq!(page["results"][0]["type"], "PERSON");
    let after = page["paging"]["next"]["after"].as_str().unwrap();
    let rest = get(
        &hubspot,
        &format!("/crm/v3/owners?after={after}&archived=false"),
    )
    .unwrap();
    assert_eq!(ids(&rest), hubspot.ids("owners")[2..]);
    assert_eq!(rest["paging"], Value::Null);
}

#[test]
fn every_property_of_a_record_is_described() {
    let hubspot = portal(1);
    for entity in Entity::ALL.into_iter().filter(|it| *it != Entity::Owners) {
        let name = entity.name();
        let told = get(&hubspot, &format!("/crm/v3/properties/{name}")).unwrap();
        let told = told["results"].as_array().unwrap();
        let names: Vec<&str> = told.iter().map(|it| it["name"].as_str().unwrap()).collect();
        let (_, record) = &hubspot.holds(name)[0];
        let held: Vec<&String> = record["properties"].as_object().unwrap().keys().collect();
        assert_eq!(held, names);
    }
    let custom = get(&hubspot, "/crm/v3/properties/contacts/favourite_flavour").unwrap();
    assert_eq!(custom["hubspotDefined"], Value::Null);
    assert_eq!(custom["options"][0]["value"], "vanilla");
}

#[test]
fn limits_and_parameters_out_of_range_are_refused() {
    let hubspot = portal(1);
    for (query, category) in [
        ("contacts?limit=101", "VALIDATION_ERROR"),
        ("contacts?limit=0", "VALIDATION_ERROR"),
        ("contacts?after=x", "VALIDATION_ERROR"),
        ("contacts?associations=deals", "NOT_IN_THE_SANDBOX"),
        ("unicorns", "NOT_IN_THE_SANDBOX"),
        ("contacts/1", "OBJECT_NOT_FOUND"),
    ] {
        assert_eq!(
            get(&hubspot, &format!("/crm/v3/objects/{query}")).unwrap_err(),
            category,
            "{query}"
        );
    }
}

#[test]
fn a_fault_spoils_the_page_it_is_for() {
    let hubspot = portal(9);
    let page =
        |fault| body(&hubspot.answer(&request("/crm/v3/objects/contacts?limit=4"), Some(&fault)));
    assert_eq!(
        page(Fault::RecordWithoutId)["results"][2]["id"],
        Value::Null
    );
    page(Fault::InsertWhilePaging { records: 3 });
    assert_eq!(hubspot.ids("contacts").len(), 12);
    let empty = page(Fault::EmptyPageWithMore);
    assert_eq!(empty["results"], json!([]));
    assert!(empty["paging"]["next"]["after"].is_string());
}
