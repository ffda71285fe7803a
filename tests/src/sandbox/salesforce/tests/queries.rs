use super::*;

#[test]
fn a_query_gives_the_fields_it_names_and_says_where_each_record_is() {
    let salesforce = org(3);
    let body = ask(&salesforce, "query", "select id, NAME from account").unwrap();
    assert_eq!(
        (&body["totalSize"], &body["done"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(body["nextRecordsUrl"], Value::Null);
    let record = body["records"][0].as_object().unwrap();
    assert_eq!(
        record.keys().collect::<Vec<_>>(),
        ["Id", "Name", "attributes"]
    );
    let id = record["Id"].as_str().unwrap();
    assert_eq!(
        record["attributes"],
        json!({ "type": "Account", "url": format!("/services/data/v59.0/sobjects/Account/{id}") })
    );
}

#[test]
fn pages_follow_each_other_by_relative_urls_and_lose_nothing() {
    let salesforce = org(450);
    let mut asked = request(&salesforce, "query?q=SELECT Id FROM Contact");
    asked.headers.insert(
        "sforce-query-options",
        HeaderValue::from_static("batchSize=200"),
    );
    let mut page = outcome(&salesforce.answer(&asked, None)).unwrap();
    let mut seen = ids(&page);
    assert_eq!(seen.len(), 200);
    while let Some(next) = page["nextRecordsUrl"].as_str() {
        let path = next.strip_prefix("/services/data/v59.0/").unwrap();
        page = get(&salesforce, path).unwrap();
        assert_eq!(page["totalSize"], 450);
        seen.extend(ids(&page));
    }
    assert_eq!(page["done"], true);
    assert_eq!(seen, salesforce.ids("contacts"));
}

#[test]
fn a_cursor_notes_what_was_found_passes_over_deletions_and_can_die() {
    let salesforce = org(10);
    salesforce.shrink_pages(4);
    let first = ask(&salesforce, "query", "SELECT Id FROM Account").unwrap();
    let all = salesforce.ids("accounts");
    delete(&salesforce, "accounts", &all[0]);
    delete(&salesforce, "accounts", &all[5]);
    let create = Mutation::Create {
        entity: "accounts".to_owned(),
        count: 1,
    };
    salesforce.mutate(create).unwrap();
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let next = next
        .strip_prefix("/services/data/v59.0/")
        .unwrap()
        .to_owned();
    let second = get(&salesforce, &next).unwrap();
    assert_eq!(
        ids(&second),
        [&all[4], &all[6], &all[7], &all[8]].map(String::clone)
    );
    assert_eq!(
        ids(&get(&salesforce, &next).unwrap()),
        ids(&second),
        "asked again"
    );
    salesforce.clock().advance(3 * 86_400);
    assert_eq!(
        get(&salesforce, &next).unwrap_err(),
        "INVALID_QUERY_LOCATOR"
    );
    let first = ask(&salesforce, "query", "SELECT Id FROM Account").unwrap();
    salesforce.drop_cursors();
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let next = next.strip_prefix("/services/data/v59.0/").unwrap();
    assert_eq!(get(&salesforce, next).unwrap_err(), "INVALID_QUERY_LOCATOR");
}

#[test]
fn only_query_all_gives_the_activities_that_were_archived_and_calls_none_of_them_deleted() {
    let salesforce = org(200);
    for object in ["Task", "Event"] {
        let all = format!("SELECT Id, IsArchived, IsDeleted FROM {object}");
        let every = ask(&salesforce, "queryAll", &all).unwrap();
        assert_eq!(ids(&every), salesforce.ids(object));
        let rows = every["records"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["IsDeleted"] == false));
        let archived = rows.iter().filter(|row| row["IsArchived"] == true).count();
        assert!(
            archived > 0 && archived < rows.len() / 2,
            "{object}: {archived}"
        );
        assert_eq!(found(&salesforce, &all).len(), rows.len() - archived);
        let only = format!("SELECT Id FROM {object} WHERE IsArchived = true");
        assert!(found(&salesforce, &only).is_empty());
    }
}

#[test]
fn conditions_join_by_and_by_or_and_by_parentheses() {
    let salesforce = org(40);
    let all = salesforce.ids("accounts");
    let (one, two) = (&all[3], &all[4]);
    let among = format!("SELECT Id FROM Account WHERE Id IN ('{one}','{two}')");
    assert_eq!(found(&salesforce, &among), [one.as_str(), two]);
    let short = &one[..15];
    assert_eq!(
        found(
            &salesforce,
            &format!("SELECT Id FROM Account WHERE Id = '{short}'")
        ),
        [one.as_str()]
    );
    let none = format!("{among} AND (Name = null OR IsDeleted = true)");
    assert!(found(&salesforce, &none).is_empty());
    let others = format!("SELECT Id FROM Account WHERE Id NOT IN ('{one}') AND Id != '{two}'");
    assert_eq!(found(&salesforce, &others).len(), 38);
    let mixed = ask(
        &salesforce,
        "query",
        "SELECT Id FROM Account WHERE Id != null AND Name = 'a' OR Name = 'b'",
    );
    assert_eq!(mixed.unwrap_err(), "MALFORMED_QUERY");
    let counted = ask(
        &salesforce,
        "query",
        "SELECT COUNT() FROM Account WHERE Id != null",
    )
    .unwrap();
    assert_eq!(
        (&counted["totalSize"], &counted["records"]),
        (&json!(40), &json!([]))
    );
}

#[test]
fn times_are_bare_texts_are_quoted_and_numbers_are_compared_as_numbers() {
    let salesforce = org(60);
    let all = ask(
        &salesforce,
        "query",
        "SELECT Id, SystemModstamp, AnnualRevenue, Name FROM Account",
    )
    .unwrap();
    let rows = all["records"].as_array().unwrap();
    let since = rows[20]["SystemModstamp"].as_str().unwrap();
    assert!(since.ends_with(".000+0000"), "{since}");
    let later = found(
        &salesforce,
        &format!("SELECT Id FROM Account WHERE SystemModstamp >= {since}"),
    );
    assert_eq!(later.len(), 40);
    let zulu = since.replace(".000+0000", "Z");
    let before = found(
        &salesforce,
        &format!("SELECT Id FROM Account WHERE SystemModstamp < {zulu}"),
    );
    assert_eq!(before.len(), 20);
    let rich = rows
        .iter()
        .filter(|row| row["AnnualRevenue"].as_f64() > Some(5e5))
        .count();
    assert_eq!(
        found(
            &salesforce,
            "SELECT Id FROM Account WHERE AnnualRevenue > 500000"
        )
        .len(),
        rich
    );
    let name = rows[7]["Name"]
        .as_str()
        .unwrap()
        .to_uppercase()
        .replace('\\', "\\\\")
        .replace('\'', "\\'");
    let same = found(
        &salesforce,
        &format!("SELECT Id FROM Account WHERE Name = '{name}'"),
    );
    assert!(same.contains(&rows[7]["Id"].as_str().unwrap().to_owned()));
}

#[test]
fn an_order_puts_nulls_first_unless_told_otherwise() {
    let salesforce = org(50);
    let values = |order: &str| -> Vec<Value> {
        let soql =
            format!("SELECT Id, Industry FROM Account ORDER BY Industry {order}, Id DESC LIMIT 45");
        let found = ask(&salesforce, "query", &soql).unwrap();
        let rows = found["records"].as_array().unwrap().iter();
        rows.map(|row| row["Industry"].clone()).collect()
    };
    let upwards = values("ASC NULLS LAST");
    assert_eq!(upwards.len(), 45);
    assert!(upwards[0].is_string() && upwards[44].is_null());
    let downwards = values("DESC");
    assert!(downwards[0].is_null());
    let texts: Vec<&str> = downwards.iter().filter_map(Value::as_str).collect();
    assert!(texts.is_sorted_by(|one, next| one >= next) && texts.first() > texts.last());
}

#[test]
fn all_fields_come_for_two_hundred_rows_at_most() {
    let salesforce = org(3);
    for (soql, code) in [
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        (
            "SELECT FIELDS(ALL) FROM Account LIMIT 201",
            "MALFORMED_QUERY",
        ),
        ("SELECT FIELDS(CUSTOM) FROM Account", "MALFORMED_QUERY"),
        (
            "SELECT Id, FIELDS(ALL) FROM Account LIMIT 200",
            "INVALID_FIELD",
        ),
    ] {
        assert_eq!(ask(&salesforce, "query", soql).unwrap_err(), code, "{soql}");
    }
    let all = ask(
        &salesforce,
        "query",
        "SELECT FIELDS(ALL) FROM Account LIMIT 200",
    )
    .unwrap();
    let standard = ask(&salesforce, "query", "SELECT FIELDS(STANDARD) FROM Account").unwrap();
    let fields = |found: &Value| found["records"][0].as_object().unwrap().len();
    assert_eq!(fields(&all), fields(&standard) + 2);
    assert!(all["records"][0]["BillingAddress"]["city"].is_string());
}

#[test]
fn what_is_wrong_with_a_query_has_its_code() {
    let salesforce = org(1);
    for (soql, code) in [
        ("SELEC Id FROM Account", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM Account WHERE Name = 'open",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM Account LIMIT ten", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM Account WHERE Name = bare",
            "MALFORMED_QUERY",
        ),
        (
            "SELECT Id FROM Account WHERE SystemModstamp > 2026-05-01T00:00:00.000 0000",
            "MALFORMED_QUERY",
        ),
        ("SELECT Foo FROM Account", "INVALID_FIELD"),
        (
            "SELECT Id FROM Account WHERE SystemModstamp > '2026-05-01T00:00:00Z'",
            "INVALID_FIELD",
        ),
        (
            "SELECT Id FROM Account WHERE Description = 'x'",
            "INVALID_FIELD",
        ),
        (
            "SELECT Id FROM Account ORDER BY Description",
            "INVALID_FIELD",
        ),
        (
            "SELECT Id FROM Account WHERE Id = 'x'",
            "INVALID_QUERY_FILTER_OPERATOR",
        ),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        (
            "SELECT Id FROM Account WHERE CreatedDate = TODAY",
            "NOT_IN_THE_SANDBOX",
        ),
        ("SELECT COUNT(Id) FROM Account", "NOT_IN_THE_SANDBOX"),
        (
            "SELECT Id FROM Account WHERE Name LIKE 'x%'",
            "NOT_IN_THE_SANDBOX",
        ),
        ("SELECT Id FROM Account OFFSET 10", "NOT_IN_THE_SANDBOX"),
        ("SELECT Account.Name FROM Contact", "NOT_IN_THE_SANDBOX"),
    ] {
        assert_eq!(ask(&salesforce, "query", soql).unwrap_err(), code, "{soql}");
    }
    let long = format!(
        "SELECT Id FROM Account WHERE Name = '{}'",
        "x".repeat(16_400)
    );
    assert_eq!(
        ask(&salesforce, "query", &long).unwrap_err(),
        "URI_TOO_LONG"
    );
}

#[test]
fn a_fault_spoils_the_page_it_is_for() {
    let salesforce = org(12);
    salesforce.shrink_pages(5);
    let first = ask(&salesforce, "query", "SELECT Id FROM Account").unwrap();
    let next = first["nextRecordsUrl"].as_str().unwrap();
    let asked = request(
        &salesforce,
        next.strip_prefix("/services/data/v59.0/").unwrap(),
    );
    let spoilt = outcome(&salesforce.answer(&asked, Some(&Fault::DuplicateAcrossPages))).unwrap();
    assert_eq!(ids(&spoilt)[0], ids(&first)[4]);
    let deleting = Fault::DeleteWhilePaging { records: 2 };
    outcome(&salesforce.answer(&asked, Some(&deleting))).unwrap();
    assert_eq!(salesforce.ids("accounts").len(), 10);
}
