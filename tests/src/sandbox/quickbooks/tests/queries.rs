use super::*;

#[test]
fn positions_begin_at_one_and_pages_end_where_rows_are_fewer_than_asked_for() {
    let books = books(25);
    let mut seen = Vec::new();
    for (start, rows) in [(1, 10), (11, 10), (21, 5)] {
        let query =
            format!("SELECT * FROM Customer ORDERBY Id STARTPOSITION {start} MAXRESULTS 10");
        let page = ask(&books, &query, None).unwrap();
        assert_eq!(page["startPosition"], start);
        assert_eq!(page["maxResults"], rows);
        assert_eq!(page["totalCount"], Value::Null);
        seen.extend(ids(&page, "Customer"));
    }
    assert_eq!(seen, books.ids("customers"));
    let end = ask(
        &books,
        "select * from customer startposition 31 maxresults 10",
        None,
    );
    assert_eq!(end.unwrap(), json!({}), "an empty page has no list");
}

#[test]
fn a_query_that_asks_for_what_is_not_allowed_is_refused_by_its_code() {
    let books = books(2);
    for (query, code) in [
        ("SELECT * FROM Invoice STARTPOSITION 0", "4001"),
        ("SELECT * FROM Invoice MAXRESULTS 1001", "4001"),
        ("SELECT * FROM Invoice WHERE Shoe = '1'", "4001"),
        ("SELECT * FROM Invoice WHERE Active = true", "4001"),
        (
            "SELECT * FROM Invoice WHERE MetaData.LastUpdatedTime > 'soon'",
            "4001",
        ),
        ("SELECT * FROM Invoice WHERE Id = '1' OR Id = '2'", "4000"),
        ("SELECT * FROM Invoice WHERE Id = '1", "4000"),
        ("SELECT *", "4000"),
        ("SELECT Id FROM Invoice", "10000"),
        ("SELECT * FROM Estimate", "10000"),
        ("SELECT * FROM Invoice WHERE DocNumber LIKE '1%'", "10000"),
        (
            "SELECT * FROM Invoice WHERE MetaData.CreateTime > '2026-05-01T00:00:00'",
            "10000",
        ),
    ] {
        assert_eq!(ask(&books, query, None), Err(code.to_owned()), "{query}");
    }
}

#[test]
fn conditions_are_met_by_what_they_say() {
    let books = books(40);
    let all = ask(
        &books,
        "SELECT * FROM Invoice ORDERBY MetaData.LastUpdatedTime ASC",
        None,
    )
    .unwrap();
    let records = all["Invoice"].as_array().unwrap();
    assert_eq!(all["totalCount"], 40);
    let time = records[30]["MetaData"]["LastUpdatedTime"].as_str().unwrap();
    let number = |test: &str| {
        let test = test.replace('"', "'");
        let query = format!("SELECT COUNT(*) FROM Invoice WHERE MetaData.LastUpdatedTime {test}");
        ask(&books, &query, None).unwrap()["totalCount"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(number(&format!("> '{time}'")), 9);
    assert_eq!(number(&format!(">= '{time}'")), 10);
    assert_eq!(number(&format!("< '{time}'")), 30);
    assert_eq!(
        number(&format!("<= '{time}' AND Id = {}", records[0]["Id"])),
        1
    );
    let two = format!("Id IN ({}, {})", records[3]["Id"], records[7]["Id"]).replace('"', "'");
    let found = ask(
        &books,
        &format!("SELECT * FROM Invoice WHERE {two} ORDER BY Id DESC"),
        None,
    );
    let newest_first = [
        records[7]["Id"].as_str().unwrap(),
        records[3]["Id"].as_str().unwrap(),
    ];
    assert_eq!(ids(&found.unwrap(), "Invoice"), newest_first);
}

#[test]
fn name_lists_hide_what_is_inactive_unless_it_is_asked_for() {
    let books = books(3);
    let mutation = json!({"op": "delete", "entity": "customers", "id": "2"});
    books
        .mutate(serde_json::from_value(mutation).unwrap())
        .unwrap();
    let shown = ask(&books, "SELECT * FROM Customer ORDERBY Id", None).unwrap();
    assert_eq!(ids(&shown, "Customer"), ["1", "3"]);
    let query = "SELECT * FROM Customer WHERE Active IN (true, false) ORDERBY Id";
    let all = ask(&books, query, None).unwrap();
    assert_eq!(ids(&all, "Customer"), ["1", "2", "3"]);
    let gone = &all["Customer"][1];
    assert_eq!(gone["Active"], false);
    assert!(
        gone["DisplayName"]
            .as_str()
            .unwrap()
            .ends_with(" (deleted)")
    );
    assert_eq!(books.ids("customers").len(), 3);
}

#[test]
fn a_query_may_be_posted_as_plain_text() {
    let books = books(2);
    let mut asked = request(&books, "query?minorversion=75");
    asked.method = Method::POST;
    asked
        .headers
        .insert("content-type", HeaderValue::from_static("text/plain"));
    asked.body = "SELECT * FROM Item".into();
    let items = body(&books.answer(&asked, None));
    assert_eq!(ids(&items["QueryResponse"], "Item"), ["1"]);
    asked
        .headers
        .insert("content-type", HeaderValue::from_static("application/json"));
    assert_eq!(books.answer(&asked, None).status, 501);
}

#[test]
fn answers_are_xml_unless_json_is_asked_for() {
    let books = books(2);
    let mut asked = request(&books, "query?query=SELECT * FROM Invoice");
    asked.headers.remove(ACCEPT);
    let answer = books.answer(&asked, None);
    assert_eq!(answer.headers["content-type"], "application/xml");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        text.contains(r#"<Invoice domain="QBO" sparse="false">"#),
        "{text}"
    );
    asked.query.clear();
    let fault = books.answer(&asked, None);
    let text = String::from_utf8(fault.body.to_vec()).unwrap();
    assert!(
        text.contains(r#"<Fault type="ValidationFault"><Error code="2010">"#),
        "{text}"
    );
}

#[test]
fn money_keeps_its_digits_and_times_tell_their_zone() {
    let books = books(200);
    let answer = books.answer(
        &request(&books, "query?query=SELECT * FROM Invoice MAXRESULTS 1000"),
        None,
    );
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains(".00,\"TxnDate\"") && text.contains("\"TotalAmt\":"));
    let large = text
        .split("\"TotalAmt\":")
        .any(|rest| rest.split(',').next().unwrap().len() > 16);
    assert!(large, "some amount does not fit into a double");
    assert!(text.contains("-07:00\"") && text.contains("-08:00\""));
    assert!(answer.headers.contains_key("intuit_tid"));
}

#[test]
fn faults_spoil_pages_as_quickbooks_could() {
    let books = books(9);
    let query = "SELECT * FROM Invoice ORDERBY Id STARTPOSITION 4 MAXRESULTS 3";
    let with = |fault| ask(&books, query, Some(&fault)).unwrap();
    let expected = ids(&ask(&books, query, None).unwrap(), "Invoice");
    assert_eq!(
        ids(&with(Fault::RepeatedCursor), "Invoice"),
        books.ids("invoices")[..3]
    );
    assert_eq!(with(Fault::EmptyPageWithMore)["totalCount"], 9);
    assert_eq!(
        ids(&with(Fault::DeleteWhilePaging { records: 1 }), "Invoice"),
        expected
    );
    assert_eq!(books.ids("invoices").len(), 8);
    with(Fault::InsertWhilePaging { records: 2 });
    assert_eq!(books.ids("invoices").len(), 10);
}
