//! Transaction search.

use std::collections::HashSet;

use super::super::{Entity, stored_id};
use super::*;

const SEARCH: &str = "/v1/reporting/transactions";
const IDS: (&str, &str) = ("transaction_details", "/transaction_info/transaction_id");

fn january(rest: &str) -> String {
    format!("{SEARCH}?start_date=2025-01-01T00:00:00Z&end_date=2025-01-31T23:59:59Z{rest}")
}

/// Every transaction of a year, in windows of `days`, the last of which ends at `end`.
fn walk(paypal: &PayPal, rest: &str) -> Vec<Value> {
    let (mut found, mut from) = (Vec::new(), 1_735_689_600);
    while from < NOW {
        let until = (from + 31 * 86_400 - 1).min(NOW);
        let window = format!(
            "start_date={}&end_date={}",
            crate::sandbox::kit::times::zulu(from),
            crate::sandbox::kit::times::zulu(until)
        );
        for number in 1.. {
            let page = get(
                paypal,
                &format!("{SEARCH}?{window}&page={number}&page_size=7{rest}"),
            );
            if let Some(details) = page["transaction_details"].as_array() {
                found.extend(details.iter().cloned());
            }
            if number >= page["total_pages"].as_i64().unwrap() {
                break;
            }
        }
        from = until + 1;
    }
    found
}

#[test]
fn windows_side_by_side_find_every_transaction_once_and_the_same_id_more_than_once() {
    let paypal = paypal(300);
    let found = walk(&paypal, "&fields=all&balance_affecting_records_only=N");
    let keys: HashSet<String> = found
        .iter()
        .map(|body| stored_id(Entity::Transactions, body).unwrap())
        .collect();
    let held: HashSet<String> = paypal
        .holds("transactions")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!((found.len(), keys.len()), (300, 300));
    assert_eq!(keys, held);
    let ids: HashSet<&str> = found
        .iter()
        .map(|body| body.pointer(IDS.1).unwrap().as_str().unwrap())
        .collect();
    assert!(ids.len() < 270, "{} ids", ids.len());
}

#[test]
fn what_does_not_touch_the_balance_is_left_out_unless_asked_for() {
    let paypal = paypal(300);
    let codes = |rest: &str| -> HashSet<String> {
        let codes = walk(&paypal, rest).into_iter();
        codes
            .map(|body| {
                body["transaction_info"]["transaction_event_code"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert!(codes("&balance_affecting_records_only=N").contains("T9800"));
    assert!(!codes("").contains("T9800"));
    assert!(codes("").contains("T1107"));
}

#[test]
fn an_empty_window_lacks_the_key_and_has_no_pages() {
    let paypal = paypal(0);
    let page = get(&paypal, &january(""));
    assert_eq!(page.get("transaction_details"), None);
    assert_eq!(
        (&page["total_items"], &page["total_pages"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn only_the_parts_asked_for_are_sent() {
    let paypal = paypal(300);
    let parts = |rest: &str| -> Vec<String> {
        let page = get(&paypal, &january(rest));
        page["transaction_details"][0]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(parts(""), ["transaction_info"]);
    assert_eq!(
        parts("&fields=transaction_info,payer_info"),
        ["payer_info", "transaction_info"]
    );
    assert_eq!(parts("&fields=all").len(), 7);
}

#[test]
fn transactions_appear_late_and_the_end_says_how_far_the_answer_reaches() {
    let paypal = paypal(4);
    let made = paypal.create("transactions", 1).remove(0);
    let url = format!(
        "{SEARCH}?start_date=2026-09-21T00:00:00Z&end_date=2026-09-22T00:00:00Z&balance_affecting_records_only=N"
    );
    let page = get(&paypal, &url);
    assert_eq!(page["end_date"], "2026-09-21T11:13:20+0000");
    assert_eq!(page["end_date"], page["last_refreshed_datetime"]);
    assert_eq!(page.get("transaction_details"), None);
    assert!(
        !paypal
            .holds("transactions")
            .iter()
            .any(|(id, _)| *id == made)
    );
    let later = format!("{SEARCH}?start_date=2026-09-21T14:00:00Z&end_date=2026-09-22T00:00:00Z");
    let (status, name, _) = refused(&paypal, &later);
    assert_eq!((status, name.as_str()), (404, "INVALID_REQUEST"));
    paypal.clock().advance(3 * 3_600);
    let page = get(&paypal, &url);
    let found = stored_id(Entity::Transactions, &page["transaction_details"][0]);
    assert_eq!(found, Some(made));
}

#[test]
fn a_window_has_at_most_31_days_and_begins_at_most_three_years_ago() {
    let paypal = paypal(4);
    let window = |from: &str, to: &str| {
        refused(
            &paypal,
            &format!("{SEARCH}?start_date={from}&end_date={to}"),
        )
    };
    let wrong = |field: &str| (400, "INVALID_REQUEST".to_owned(), Value::from(field));
    assert_eq!(
        window("2025-01-01T00:00:00Z", "2025-02-01T00:00:01Z"),
        wrong("end_date")
    );
    get(
        &paypal,
        &format!("{SEARCH}?start_date=2025-01-01T00:00:00Z&end_date=2025-02-01T00:00:00Z"),
    );
    assert_eq!(
        window("2023-01-01T00:00:00Z", "2023-01-02T00:00:00Z"),
        wrong("start_date")
    );
    assert_eq!(
        window("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z"),
        wrong("end_date")
    );
    assert_eq!(
        window("2025-01-01", "2025-01-02T00:00:00Z"),
        wrong("start_date")
    );
    assert_eq!(
        window("2025-01-01T00:00Z", "2025-01-02T00:00:00Z"),
        wrong("start_date")
    );
    let plus = window("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00Z");
    assert_eq!(plus, wrong("start_date"), "a + in a query is a space");
}

#[test]
fn a_search_that_finds_too_much_gives_no_page_at_all() {
    let paypal = paypal(300);
    let found = get(&paypal, &january(""))["total_items"].as_u64().unwrap() as usize;
    paypal.cap_results(found);
    get(&paypal, &january(""));
    paypal.cap_results(found - 1);
    let answer = ask_with(&paypal, &january("&page=2&page_size=1"), None);
    let error = body(&answer);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(error["name"], "RESULTSET_TOO_LARGE");
    assert_eq!(error["maximum_items"], found - 1);
}

#[test]
fn a_change_shows_in_the_updated_date_and_nowhere_else() {
    let paypal = paypal(300);
    let (id, before) = paypal.holds("transactions").swap_remove(9);
    let patch = serde_json::json!({ "transaction_info": { "transaction_status": "V" } });
    let change = crate::sandbox::Mutation::Update {
        entity: "transactions".into(),
        id: id.clone(),
        patch,
    };
    paypal.mutate(change).unwrap();
    let held = paypal.holds("transactions");
    let (_, after) = held.iter().find(|(held, _)| *held == id).unwrap();
    assert_eq!(
        after["transaction_info"]["transaction_updated_date"],
        "2026-09-21T14:13:20+0000"
    );
    assert_eq!(
        after["transaction_info"]["transaction_initiation_date"],
        before["transaction_info"]["transaction_initiation_date"]
    );
}

#[test]
fn balances_add_up_what_was_completed_in_each_currency() {
    let paypal = paypal(300);
    let all = get(&paypal, "/v1/reporting/balances");
    let currencies: Vec<&str> = all["balances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["currency"].as_str().unwrap())
        .collect();
    assert_eq!(currencies, ["EUR", "GBP", "JPY", "USD"]);
    let yen = get(&paypal, "/v1/reporting/balances?currency_code=JPY");
    let yen = yen["balances"][0]["total_balance"]["value"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!yen.contains('.'), "{yen}");
    let early = get(
        &paypal,
        "/v1/reporting/balances?as_of_time=2025-01-01T00:00:00Z",
    );
    assert_eq!(early["balances"], serde_json::json!([]));
}

#[test]
fn faults_spoil_a_page_of_the_search() {
    let paypal = paypal(300);
    let url = january("&page_size=5&page=2");
    let first = ids(&get(&paypal, &january("&page_size=5")), IDS.0, IDS.1);
    let answer = ask_with(&paypal, &url, Some(&Fault::RepeatedCursor));
    assert_eq!(ids(&body(&answer), IDS.0, IDS.1), first);
    assert!(body(&answer)["total_pages"].as_u64().unwrap() > 2);
    let answer = ask_with(&paypal, &url, Some(&Fault::RecordWithoutId));
    let page = body(&answer);
    let nameless = page["transaction_details"].as_array().unwrap().iter();
    assert_eq!(
        nameless
            .filter(|body| body.pointer(IDS.1).is_none())
            .count(),
        1
    );
    let answer = ask_with(&paypal, &url, Some(&Fault::LoneSurrogate));
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
}
