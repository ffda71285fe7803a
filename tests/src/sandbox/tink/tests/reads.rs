//! Accounts and transactions.

use std::collections::BTreeSet;

use super::super::{Amounts, End};
use super::*;

const TRANSACTIONS: &str = "/data/v2/transactions";

fn walk(tink: &Tink, rest: &str) -> Vec<Value> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = get(tink, &format!("{TRANSACTIONS}?pageToken={token}{rest}"));
        found.extend(page["transactions"].as_array().unwrap().iter().cloned());
        match page["nextPageToken"].as_str() {
            None | Some("") => return found,
            Some(next) => next.clone_into(&mut token),
        }
    }
}

fn ids(records: &[Value]) -> Vec<String> {
    records
        .iter()
        .map(|body| body["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn pages_hold_every_transaction_once_newest_first_however_the_end_is_told() {
    let tink = tink(130);
    let mut held = tink.ids("transactions");
    for end in [End::EmptyToken, End::NoToken] {
        tink.end_lists(end);
        let found = walk(&tink, "&pageSize=11");
        let dates: Vec<&str> = found
            .iter()
            .map(|body| body["dates"]["booked"].as_str().unwrap())
            .collect();
        assert!(dates.is_sorted_by(|a, b| a >= b));
        let mut found = ids(&found);
        assert_eq!(found.len(), 130);
        found.sort();
        held.sort();
        assert_eq!(found, held);
    }
    let last = get(&tink, &format!("{TRANSACTIONS}?bookedDateGte=2030-01-01"));
    assert_eq!(last.get("nextPageToken"), None);
    tink.end_lists(End::EmptyToken);
    let last = get(&tink, &format!("{TRANSACTIONS}?bookedDateGte=2030-01-01"));
    assert_eq!(last["nextPageToken"], "");
}

#[test]
fn transactions_are_chosen_by_account_status_and_booked_date() {
    let tink = tink(130);
    let accounts = tink.ids("accounts");
    let of_two = walk(
        &tink,
        &format!("&accountIdIn={}&accountIdIn={}", accounts[0], accounts[2]),
    );
    let seen: BTreeSet<&str> = of_two
        .iter()
        .map(|body| body["accountId"].as_str().unwrap())
        .collect();
    assert_eq!(
        seen,
        BTreeSet::from([accounts[0].as_str(), accounts[2].as_str()])
    );
    let (booked, pending) = (
        walk(&tink, "&statusIn=BOOKED"),
        walk(&tink, "&statusIn=PENDING"),
    );
    assert_eq!((booked.len(), pending.len()), (123, 7));
    let march = walk(&tink, "&bookedDateGte=2025-03-01&bookedDateLte=2025-03-31");
    let inside = |body: &&Value| {
        body["dates"]["booked"]
            .as_str()
            .unwrap()
            .starts_with("2025-03")
    };
    assert_eq!(march.iter().filter(inside).count(), march.len());
    let all = walk(&tink, "");
    assert_eq!(all.iter().filter(inside).count(), march.len());
    for (rest, status) in [
        ("pageSize=101", 400),
        ("statusIn=X", 400),
        ("bookedDateGte=1", 400),
        ("pageToken=x", 400),
        ("sort=x", 501),
    ] {
        assert_eq!(
            code(&ask_with(&tink, &format!("{TRANSACTIONS}?{rest}"), None)).0,
            status,
            "{rest}"
        );
    }
}

#[test]
fn a_refresh_gives_pending_transactions_other_ids_and_leaves_booked_ones_alone() {
    let tink = tink(130);
    let of = |status: &str| ids(&walk(&tink, &format!("&statusIn={status}")));
    let (booked, pending) = (of("BOOKED"), of("PENDING"));
    let added = tink.refresh(2);
    assert_eq!(of("BOOKED").len(), booked.len() + 2);
    assert!(added.iter().all(|id| of("BOOKED").contains(id)));
    assert!(booked.iter().all(|id| of("BOOKED").contains(id)));
    let after = of("PENDING");
    assert_eq!(after.len(), pending.len());
    assert!(after.iter().all(|id| !pending.contains(id)));
    let before = tink.transaction(&after[0]).unwrap();
    let patch = json!({ "status": "BOOKED" });
    let change = Mutation::Update {
        entity: "transactions".into(),
        id: after[0].clone(),
        patch,
    };
    let now = tink.mutate(change).unwrap()["ids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(tink.transaction(&after[0]), None);
    let posted = tink.transaction(&now).unwrap();
    assert_eq!(
        (&posted["status"], &posted["amount"]),
        (&json!("BOOKED"), &before["amount"])
    );
    assert_eq!(tink.book(&now), None);
}

#[test]
fn amounts_are_an_unscaled_value_and_a_scale_as_texts_or_as_numbers() {
    let tink = tink(130);
    let value = |tink: &Tink| {
        get(tink, &format!("{TRANSACTIONS}?pageSize=1"))["transactions"][0]["amount"]["value"]
            .take()
    };
    let text = value(&tink);
    assert!(
        text["unscaledValue"].is_string() && text["scale"].is_string(),
        "{text}"
    );
    tink.write_amounts(Amounts::Numbers);
    let number = value(&tink);
    assert_eq!(
        number["unscaledValue"].to_string(),
        text["unscaledValue"].as_str().unwrap()
    );
    assert_eq!(number["scale"].to_string(), text["scale"].as_str().unwrap());
    let all = walk(&tink, "");
    let scales: BTreeSet<i64> = all
        .iter()
        .map(|body| body["amount"]["value"]["scale"].as_i64().unwrap())
        .collect();
    assert_eq!(scales, BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn an_account_has_balances_and_parties_below_it() {
    let tink = tink(20);
    let accounts = get(&tink, "/data/v2/accounts?typeIn=SAVINGS");
    let account = &accounts["accounts"][0];
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1);
    let path = format!("/data/v2/accounts/{}", account["id"].as_str().unwrap());
    assert_eq!(get(&tink, &path), *account);
    let balances = get(&tink, &format!("{path}/balances"));
    assert_eq!(
        balances["balances"]["booked"],
        account["balances"]["booked"]
    );
    assert_eq!(balances["accountId"], account["id"]);
    assert!(get(&tink, &format!("{path}/parties"))["parties"][0]["identity"]["name"].is_string());
    assert_eq!(
        code(&ask_with(&tink, "/data/v2/accounts/none", None)).0,
        404
    );
    assert_eq!(tink.holds("balances").len(), 3);
}

#[test]
fn an_expired_token_is_unauthorized_and_too_many_requests_are_refused() {
    let tink = tink(20);
    let user = tink.user_token();
    let asked = request(Method::GET, "/data/v2/accounts", Some(&user), "");
    tink.mutate(Mutation::ExpireTokens).unwrap();
    assert_eq!(code(&tink.answer(&asked, None)).0, 401);
    tink.limit(1);
    get(&tink, "/data/v2/accounts");
    let answer = ask_with(&tink, "/data/v2/accounts", None);
    assert_eq!(code(&answer), (429, "request.rate_limited".to_owned()));
    assert!(!answer.headers.contains_key("retry-after"));
}

#[test]
fn faults_spoil_a_page_and_an_emptied_one_comes_again() {
    let tink = tink(130);
    let url = format!("{TRANSACTIONS}?pageSize=10");
    let whole = ids(get(&tink, &url)["transactions"].as_array().unwrap());
    let empty = body(&ask_with(&tink, &url, Some(&Fault::EmptyPageWithMore)));
    assert_eq!(empty["transactions"], json!([]));
    let token = empty["nextPageToken"].as_str().unwrap();
    let again = get(&tink, &format!("{url}&pageToken={token}"));
    assert_eq!(ids(again["transactions"].as_array().unwrap()), whole);
    ask_with(&tink, &url, Some(&Fault::DeleteWhilePaging { records: 3 }));
    assert_eq!(tink.ids("transactions").len(), 127);
}
