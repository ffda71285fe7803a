use super::*;

const DAY_S: i64 = 86_400;

fn change(books: &QuickBooks, mutation: Value) -> Value {
    books
        .mutate(serde_json::from_value(mutation).unwrap())
        .unwrap()
}

#[test]
fn changes_of_thirty_days_come_with_deleted_rows_and_empty_places() {
    let books = books(5);
    let invoice = books.ids("invoices")[1].clone();
    change(
        &books,
        json!({"op": "delete", "entity": "invoices", "id": invoice}),
    );
    change(
        &books,
        json!({"op": "update", "entity": "customers", "id": "1", "patch": {"Notes": "new"}}),
    );
    let since = times::pacific(SPRING - DAY_S);
    let path = format!("cdc?entities=Invoice,Bill,Customer&changedSince={since}");
    let answers = get(&books, &path)["CDCResponse"][0]["QueryResponse"].clone();
    let deleted = json!({
        "Id": invoice, "domain": "QBO", "status": "Deleted",
        "MetaData": { "LastUpdatedTime": times::pacific(SPRING) },
    });
    assert_eq!(answers[0]["Invoice"], json!([deleted]));
    assert_eq!(answers[1], json!({}));
    assert_eq!(answers[2]["Customer"][0]["SyncToken"], "1");
    let early = times::pacific(SPRING - 31 * DAY_S);
    let asked = request(&books, &format!("cdc?entities=Bill&changedSince={early}"));
    assert_eq!(books.answer(&asked, None).status, 400);
}

#[test]
fn changes_end_at_a_thousand_without_a_word() {
    let books = books(1);
    change(
        &books,
        json!({"op": "create", "entity": "bills", "count": 990}),
    );
    change(
        &books,
        json!({"op": "create", "entity": "vendors", "count": 20}),
    );
    let since = times::pacific(SPRING);
    let answers = get(
        &books,
        &format!("cdc?entities=Bill,Vendor,Item&changedSince={since}"),
    );
    let rows =
        |place: usize| answers["CDCResponse"][0]["QueryResponse"][place]["maxResults"].clone();
    assert_eq!(
        (rows(0), rows(1), rows(2)),
        (990.into(), 10.into(), Value::Null)
    );
}

#[test]
fn single_records_are_read_by_id_until_they_are_deleted() {
    let books = books(3);
    let bill = books.ids("bills")[0].clone();
    assert_eq!(
        get(&books, &format!("bill/{bill}?minorversion=75"))["Bill"]["Id"],
        bill.as_str()
    );
    change(
        &books,
        json!({"op": "delete", "entity": "bills", "id": bill}),
    );
    let answer = books.answer(&request(&books, &format!("bill/{bill}")), None);
    assert_eq!(answer.status, 400);
    assert_eq!(body(&answer)["Fault"]["Error"][0]["code"], "610");
    let info = get(&books, &format!("companyinfo/{}", books.realm()));
    assert_eq!(info["CompanyInfo"]["Country"], "US");
}

#[test]
fn a_payment_pays_an_invoice_of_its_customer() {
    let books = books(30);
    let invoices: std::collections::HashMap<_, _> = books.holds("invoices").into_iter().collect();
    let linked = books
        .holds("payments")
        .into_iter()
        .filter_map(|(_, payment)| {
            let id = payment["Line"][0]["LinkedTxn"][0]["TxnId"]
                .as_str()?
                .to_owned();
            Some((id, payment))
        });
    let mut count = 0;
    for (id, payment) in linked {
        assert_eq!(payment["CustomerRef"], invoices[&id]["CustomerRef"]);
        assert_eq!(payment["TotalAmt"], invoices[&id]["TotalAmt"]);
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn reports_add_up() {
    let books = books(12);
    let path =
        "reports/ProfitAndLoss?start_date=2024-12-31&end_date=2025-12-31&accounting_method=Cash";
    let report = get(&books, path);
    assert_eq!(report["Header"]["ReportBasis"], "Cash");
    let income = &report["Rows"]["Row"][0];
    let sold = |entity: &str| -> i128 {
        let company = books.lock();
        let shelf = company.shelf(Entity::named(entity).unwrap());
        shelf
            .live()
            .map(|it| i128::from(crate::sandbox::kit::cents(&it.body["TotalAmt"]).unwrap()))
            .sum()
    };
    let total = crate::sandbox::kit::money_text(sold("invoices") - sold("credit_memos"));
    assert_eq!(income["Summary"]["ColData"][1]["value"], total);
    let empty = get(
        &books,
        "reports/ProfitAndLoss?start_date=2020-01-01&end_date=2020-12-31",
    );
    assert_eq!(
        empty["Header"]["Option"][1],
        json!({"Name": "NoReportData", "Value": "true"})
    );
    let unknown = books.answer(&request(&books, "reports/TrialBalance"), None);
    assert_eq!(unknown.status, 501);
}

#[test]
fn webhooks_are_signed_over_the_bytes_of_both_forms() {
    let books = books(1);
    let changes = [Change {
        entity: "invoices",
        id: "7",
        operation: "Create",
    }];
    let old: Value = serde_json::from_str(&books.webhook_notifications(&changes)).unwrap();
    let entity = &old["eventNotifications"][0]["dataChangeEvent"]["entities"][0];
    assert_eq!(
        (&entity["name"], &entity["id"]),
        (&json!("Invoice"), &json!("7"))
    );
    let new = books.webhook_cloud_events(&changes);
    let events: Value = serde_json::from_str(&new).unwrap();
    assert_eq!(events[0]["type"], "qbo.invoice.created.v1");
    assert_eq!(events[0]["intuitaccountid"], books.realm());
    let signature = books.webhook_signature(new.as_bytes());
    assert_eq!(signature.len(), 44);
    assert_ne!(
        signature,
        books.webhook_signature(format!("{new} ").as_bytes())
    );
}
