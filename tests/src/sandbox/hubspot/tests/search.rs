use super::*;

fn filtered(property: &str, operator: &str, value: &str) -> Value {
    let filter = json!({ "propertyName": property, "operator": operator, "value": value });
    json!({ "limit": 200, "filterGroups": [{ "filters": [filter] }] })
}

fn found(hubspot: &HubSpot, object: &str, sent: &Value) -> Vec<String> {
    ids(&searched(hubspot, object, sent).unwrap())
}

#[test]
fn filters_compare_by_what_a_property_is() {
    let hubspot = portal(60);
    let all = hubspot.holds("contacts");
    let greater = found(&hubspot, "contacts", &filtered("hs_object_id", "GT", "999"));
    let expected: Vec<&String> = all
        .iter()
        .map(|(id, _)| id)
        .filter(|id| id.len() > 3)
        .collect();
    assert_eq!(greater.iter().collect::<Vec<_>>(), expected);
    let owned = found(
        &hubspot,
        "contacts",
        &json!({
            "limit": 200,
            "filterGroups": [{ "filters": [{ "propertyName": "hubspot_owner_id", "operator": "HAS_PROPERTY" }] }],
        }),
    );
    let count = all
        .iter()
        .filter(|(_, record)| record["properties"]["hubspot_owner_id"].is_string())
        .count();
    assert!(owned.len() == count && count < 60, "{count}");
    let email = all
        .iter()
        .find_map(|(_, record)| record["properties"]["email"].as_str())
        .unwrap();
    assert_eq!(
        found(
            &hubspot,
            "contacts",
            &filtered("email", "EQ", &email.to_uppercase())
        )
        .len(),
        1
    );
}

#[test]
fn one_group_must_hold_and_in_it_every_filter() {
    let hubspot = portal(20);
    let all = hubspot.ids("deals");
    let sent = json!({ "limit": 200, "filterGroups": [
        { "filters": [
            { "propertyName": "hs_object_id", "operator": "IN", "values": [all[0], all[1], all[2]] },
            { "propertyName": "hs_object_id", "operator": "NEQ", "value": all[1] },
        ]},
        { "filters": [{ "propertyName": "hs_object_id", "operator": "BETWEEN", "value": all[7], "highValue": all[8] }] },
    ]});
    assert_eq!(
        found(&hubspot, "deals", &sent),
        [0, 2, 7, 8].map(|place: usize| all[place].clone())
    );
}

#[test]
fn changes_are_found_by_milliseconds_with_contacts_calling_the_property_otherwise() {
    let hubspot = portal(12);
    let since = (SPRING * 1_000).to_string();
    for (entity, property) in [
        ("contacts", "lastmodifieddate"),
        ("companies", "hs_lastmodifieddate"),
    ] {
        let id = hubspot.ids(entity)[3].clone();
        update(&hubspot, entity, &id, &json!({ "phone": "1" }));
        let changed = found(&hubspot, entity, &filtered(property, "GTE", &since));
        assert_eq!(changed, [id.as_str()]);
    }
    let wrong = searched(
        &hubspot,
        "contacts",
        &filtered("hs_lastmodifieddate", "GTE", &since),
    );
    assert_eq!(wrong.unwrap_err(), "VALIDATION_ERROR");
}

#[test]
fn a_search_is_sorted_by_one_property_and_paged_by_position() {
    let hubspot = portal(25);
    let sent = |after: usize| {
        json!({
            "limit": 10, "after": after.to_string(),
            "sorts": [{ "propertyName": "hs_object_id", "direction": "DESCENDING" }],
        })
    };
    let first = searched(&hubspot, "contacts", &sent(0)).unwrap();
    assert_eq!(first["total"], 25);
    assert_eq!(
        first["paging"],
        json!({ "next": { "after": "10" } }),
        "without a link"
    );
    let last = searched(&hubspot, "contacts", &sent(20)).unwrap();
    assert_eq!(last["paging"], Value::Null);
    let mut backwards = hubspot.ids("contacts");
    backwards.reverse();
    assert_eq!(ids(&first), backwards[..10]);
    assert_eq!(ids(&last), backwards[20..]);
    let by_name = found(
        &hubspot,
        "contacts",
        &json!({ "sorts": ["createdate"], "properties": ["email"] }),
    );
    assert_eq!(by_name, hubspot.ids("contacts")[..10]);
    let two = json!({ "sorts": ["createdate", "email"] });
    assert_eq!(
        searched(&hubspot, "contacts", &two).unwrap_err(),
        "VALIDATION_ERROR"
    );
}

#[test]
fn no_search_leads_further_than_ten_thousand_records() {
    let hubspot = portal(10_050);
    let sent = |after: u64| json!({ "limit": 100, "after": after });
    let last = searched(&hubspot, "contacts", &sent(9_900)).unwrap();
    assert_eq!(last["total"], 10_050);
    assert_eq!(last["paging"]["next"]["after"], "10000");
    assert_eq!(
        searched(&hubspot, "contacts", &sent(10_000)).unwrap_err(),
        "VALIDATION_ERROR"
    );
    let rest = filtered("hs_object_id", "GT", &ids(&last)[99]);
    assert_eq!(searched(&hubspot, "contacts", &rest).unwrap()["total"], 50);
}

#[test]
fn the_index_is_behind_and_never_knows_of_the_archive() {
    let hubspot = portal(6);
    let all = hubspot.ids("companies");
    hubspot.delay_search(30);
    hubspot.clock().advance(60);
    update(
        &hubspot,
        "companies",
        &all[0],
        &json!({ "name": "Changed" }),
    );
    delete(&hubspot, "companies", &all[1]);
    let create = Mutation::Create {
        entity: "companies".to_owned(),
        count: 1,
    };
    hubspot.mutate(create).unwrap();
    let sent = json!({ "limit": 200 });
    assert_eq!(found(&hubspot, "companies", &sent), all, "as it was before");
    let changed = found(&hubspot, "companies", &filtered("name", "EQ", "Changed"));
    assert!(changed.is_empty());
    hubspot.clock().advance(30);
    let now = found(&hubspot, "companies", &sent);
    assert_eq!(now, hubspot.ids("companies"));
    let changed = found(&hubspot, "companies", &filtered("name", "EQ", "Changed"));
    assert_eq!(changed, [all[0].as_str()]);
}

#[test]
fn what_a_search_cannot_mean_is_refused() {
    let hubspot = portal(1);
    for (sent, category) in [
        (json!({ "limit": 201 }), "VALIDATION_ERROR"),
        (json!({ "query": "x" }), "NOT_IN_THE_SANDBOX"),
        (filtered("nonsense", "EQ", "x"), "VALIDATION_ERROR"),
        (filtered("email", "LIKE", "x"), "VALIDATION_ERROR"),
        (
            json!({ "filterGroups": [{ "filters": [{ "propertyName": "email", "operator": "EQ" }] }] }),
            "VALIDATION_ERROR",
        ),
        (filtered("createdate", "GT", "soon"), "VALIDATION_ERROR"),
        (
            filtered("email", "CONTAINS_TOKEN", "x"),
            "NOT_IN_THE_SANDBOX",
        ),
    ] {
        assert_eq!(
            searched(&hubspot, "contacts", &sent).unwrap_err(),
            category,
            "{sent}"
        );
    }
}
