use super::*;

#[test]
fn pages_say_how_many_there_are_and_the_one_past_the_end_is_empty() {
    let xero = books(25);
    let mut seen = Vec::new();
    for (page, rows) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let answer = get(
            &xero,
            &format!("Invoices?page={page}&pageSize=10&order=UpdatedDateUTC ASC"),
        );
        let pagination = json!({"page": page, "pageSize": 10, "pageCount": 3, "itemCount": 25});
        assert_eq!(answer["pagination"], pagination);
        let found = ids(&answer, "Invoices", "InvoiceID");
        assert_eq!(found.len(), rows);
        seen.extend(found);
    }
    assert_eq!(seen, xero.ids("invoices"));
}

#[test]
fn lists_that_are_not_asked_for_by_page_come_whole_and_without_lines() {
    let xero = books(120);
    let whole = get(&xero, "invoices");
    assert_eq!(whole["Invoices"].as_array().unwrap().len(), 120);
    assert_eq!(whole["pagination"], Value::Null);
    assert_eq!(whole["Invoices"][0]["LineItems"], Value::Null);
    let paged = get(&xero, "INVOICES?page=1");
    assert_eq!(paged["Invoices"].as_array().unwrap().len(), 100);
    assert!(paged["Invoices"][0]["LineItems"][0]["UnitAmount"].is_number());
}

#[test]
fn accounts_come_whole_whatever_page_is_asked_for() {
    let xero = books(1);
    let [first, second] =
        [1, 2].map(|page| get(&xero, &format!("Accounts?page={page}&pageSize=3")));
    assert_eq!(first["Accounts"].as_array().unwrap().len(), 8);
    assert_eq!(first["Accounts"], second["Accounts"]);
    assert_eq!(second["pagination"], Value::Null);
}

#[test]
fn only_what_changed_since_comes_whatever_form_the_time_has() {
    let xero = books(4);
    let id = xero.ids("contacts")[2].clone();
    let patch = json!({"op": "update", "entity": "contacts", "id": id, "patch": {"Name": "New"}});
    change(&xero, patch);
    for (since, found) in [
        ("2026-02-28T23:59:59", 1),
        ("2026-03-01T00:59:59+01:00", 1),
        ("Sat, 28 Feb 2026 23:59:59 GMT", 1),
        ("2026-03-01T00:00:00", 0),
    ] {
        let asked = with(
            request(&xero, "/api.xro/2.0/Contacts"),
            "if-modified-since",
            since,
        );
        let answer = body(&xero.answer(&asked, None));
        assert_eq!(
            answer["Contacts"].as_array().unwrap().len(),
            found,
            "{since}"
        );
    }
    let asked = with(
        request(&xero, "/api.xro/2.0/Contacts"),
        "if-modified-since",
        "soon",
    );
    assert_eq!(xero.answer(&asked, None).status, 501);
}

#[test]
fn deleting_is_a_status_except_for_items() {
    let xero = books(40);
    for (entity, list, id, field, statuses) in [
        (
            "contacts",
            "Contacts",
            "ContactID",
            "ContactStatus",
            vec!["ARCHIVED"],
        ),
        (
            "accounts",
            "Accounts",
            "AccountID",
            "Status",
            vec!["ARCHIVED"],
        ),
        (
            "payments",
            "Payments",
            "PaymentID",
            "Status",
            vec!["DELETED"],
        ),
        (
            "invoices",
            "Invoices",
            "InvoiceID",
            "Status",
            vec!["VOIDED", "DELETED"],
        ),
        (
            "credit_notes",
            "CreditNotes",
            "CreditNoteID",
            "Status",
            vec!["VOIDED"],
        ),
    ] {
        let gone = xero.ids(entity)[0].clone();
        change(&xero, json!({"op": "delete", "entity": entity, "id": gone}));
        let record = get(&xero, &format!("{list}/{gone}"))[list][0].clone();
        assert!(
            statuses.contains(&record[field].as_str().unwrap()),
            "{record}"
        );
        let listed = ids(&get(&xero, list), list, id).contains(&gone);
        assert_eq!(listed, entity != "contacts", "archived contacts hide");
    }
    let archived = get(&xero, "Contacts?includeArchived=true");
    assert_eq!(archived["Contacts"].as_array().unwrap().len(), 40);
    let item = xero.ids("items")[0].clone();
    change(
        &xero,
        json!({"op": "delete", "entity": "items", "id": item}),
    );
    let asked = request(&xero, &format!("/api.xro/2.0/Items/{item}"));
    let answer = xero.answer(&asked, None);
    assert_eq!(
        (
            answer.status.as_u16(),
            &answer.headers["content-type"].to_str().unwrap()[..10]
        ),
        (404, "text/plain")
    );
}

#[test]
fn what_the_sandbox_does_not_know_is_refused() {
    let xero = books(1);
    for path in [
        "Invoices?where=Status==\"PAID\"",
        "Invoices?order=Date ASC",
        "Invoices?page=0",
        "Invoices?page=1&pageSize=1001",
        "Journals",
        "Invoices/x?page=1",
    ] {
        let asked = request(&xero, &format!("/api.xro/2.0/{path}"));
        assert_eq!(xero.answer(&asked, None).status, 501, "{path}");
    }
}

#[test]
fn money_keeps_its_digits_and_dates_come_twice() {
    let xero = books(200);
    let answer = xero.answer(
        &request(&xero, "/api.xro/2.0/Invoices?page=1&pageSize=1000"),
        None,
    );
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains("00,\"Tracking\"") || text.contains(".00,\"Type\""));
    let large = text
        .split("\"Total\":")
        .any(|rest| rest.split(',').next().unwrap().len() > 16);
    assert!(large, "some amount does not fit into a double");
    let invoice = &body(&answer)["Invoices"][0];
    let date = invoice["Date"].as_str().unwrap();
    assert!(
        date.starts_with("/Date(17") && date.ends_with("+0000)/"),
        "{date}"
    );
    assert!(
        invoice["DateString"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00")
    );
}

#[test]
fn answers_are_xml_unless_json_is_asked_for() {
    let xero = books(1);
    let asked = with(request(&xero, "/api.xro/2.0/Contacts"), "accept", "*/*");
    let answer = xero.answer(&asked, None);
    assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        text.contains("<Contacts><Contact><Addresses><Address>"),
        "{text}"
    );
}

#[test]
fn faults_spoil_pages_as_xero_could() {
    let xero = books(9);
    let asked = request(&xero, "/api.xro/2.0/Invoices?page=2&pageSize=3");
    let spoilt = |fault| body(&xero.answer(&asked, Some(&fault)));
    let first = ids(
        &get(&xero, "Invoices?page=1&pageSize=3"),
        "Invoices",
        "InvoiceID",
    );
    let repeated = spoilt(Fault::RepeatedCursor);
    assert_eq!(ids(&repeated, "Invoices", "InvoiceID"), first);
    let nameless = spoilt(Fault::RecordWithoutId);
    assert_eq!(nameless["Invoices"][1]["InvoiceID"], Value::Null);
    let empty = spoilt(Fault::EmptyPageWithMore);
    assert_eq!(
        (&empty["Invoices"], &empty["pagination"]["pageCount"]),
        (&json!([]), &json!(3))
    );
    spoilt(Fault::InsertWhilePaging { records: 2 });
    assert_eq!(xero.ids("invoices").len(), 11);
}
