//! `/transactions/sync`.

use super::*;

#[test]
fn a_reader_who_applies_every_update_has_what_there_is() {
    let plaid = plaid(120);
    let mut reader = Reader::default();
    reader.catch_up(&plaid, 7);
    assert_eq!((reader.pages, reader.has.len()), (18, 120));
    assert!(reader.agrees_with(&plaid));
    let ids = plaid.transactions();
    plaid.add(3);
    for (id, patch) in [
        (&ids[4], json!({ "name": "Another" })),
        (&ids[5], json!({ "amount": 1.5 })),
    ] {
        let (entity, id) = ("transactions".to_owned(), id.clone());
        plaid
            .mutate(Mutation::Update { entity, id, patch })
            .unwrap();
    }
    plaid
        .mutate(Mutation::Delete {
            entity: "transactions".into(),
            id: ids[6].clone(),
        })
        .unwrap();
    reader.catch_up(&plaid, 2);
    assert_eq!(reader.pages, 18 + 3);
    assert!(reader.agrees_with(&plaid));
    let (cursor, pages) = (reader.cursor.clone(), reader.pages);
    reader.catch_up(&plaid, 500);
    assert_eq!(
        (reader.cursor, reader.pages),
        (cursor, pages + 1),
        "nothing new"
    );
}

#[test]
fn a_pending_transaction_is_posted_as_another_one() {
    let plaid = plaid(40);
    let mut reader = Reader::default();
    reader.catch_up(&plaid, 500);
    let (pending, before) = reader
        .has
        .iter()
        .find(|(_, body)| body["pending"] == true)
        .unwrap();
    let (pending, before) = (pending.clone(), before.clone());
    let patch = json!({ "pending": false });
    let change = Mutation::Update {
        entity: "transactions".into(),
        id: pending.clone(),
        patch,
    };
    let posted = plaid.mutate(change).unwrap()["ids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let page = get(
        &plaid,
        "/transactions/sync",
        json!({ "cursor": reader.cursor }),
    );
    assert_eq!(page["removed"][0]["transaction_id"], pending.as_str());
    assert_eq!(page["added"][0]["transaction_id"], posted.as_str());
    assert_eq!(page["added"][0]["pending_transaction_id"], pending.as_str());
    assert_eq!(page["added"][0]["amount"], before["amount"]);
    assert_eq!(page["modified"], json!([]));
    assert_eq!(plaid.post(&posted), None, "it is posted already");
}

#[test]
fn what_came_and_went_between_two_updates_is_not_told() {
    let plaid = plaid(5);
    let mut reader = Reader::default();
    reader.catch_up(&plaid, 500);
    let id = plaid.add(1).remove(0);
    plaid
        .mutate(Mutation::Delete {
            entity: "transactions".into(),
            id,
        })
        .unwrap();
    let page = get(
        &plaid,
        "/transactions/sync",
        json!({ "cursor": reader.cursor }),
    );
    assert_eq!((&page["added"], &page["removed"]), (&json!([]), &json!([])));
    assert_ne!(page["next_cursor"], reader.cursor.as_str());
}

#[test]
fn data_that_changes_between_two_pages_fails_the_next_and_the_first_cursor_starts_again() {
    let plaid = plaid(30);
    let mut reader = Reader::default();
    reader.page(&plaid, 10).unwrap();
    plaid.add(1);
    let mutated = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION".to_owned();
    assert_eq!(reader.page(&plaid, 10), Err((400, mutated.clone())));
    let mut reader = Reader::default();
    reader.catch_up(&plaid, 10);
    assert!(reader.agrees_with(&plaid));
    plaid.claim_mutations(1);
    let mut reader = Reader::default();
    reader.page(&plaid, 10).unwrap();
    assert_eq!(reader.page(&plaid, 10), Err((400, mutated)));
    reader.catch_up(&plaid, 10);
    assert!(reader.agrees_with(&plaid), "only claimed, nothing changed");
}

#[test]
fn an_item_just_made_has_nothing_yet_and_an_empty_cursor() {
    let plaid = plaid(5);
    let made = get_without_item(
        &plaid,
        "/sandbox/public_token/create",
        json!({
            "institution_id": "ins_3", "initial_products": ["transactions"],
        }),
    );
    let item = get_without_item(
        &plaid,
        "/item/public_token/exchange",
        json!({ "public_token": made["public_token"] }),
    );
    let sync = || {
        get_without_item(
            &plaid,
            "/transactions/sync",
            json!({ "access_token": item["access_token"] }),
        )
    };
    let page = sync();
    assert_eq!(page["transactions_update_status"], "NOT_READY");
    assert_eq!(
        (&page["added"], &page["next_cursor"], &page["has_more"]),
        (&json!([]), &json!(""), &json!(false))
    );
    plaid.clock().advance(30);
    assert_eq!(sync()["added"].as_array().unwrap().len(), 30);
    assert_ne!(sync()["next_cursor"], "");
}

fn get_without_item(plaid: &Plaid, path: &str, sent: Value) -> Value {
    let answer = ask_with(plaid, path, sent, None);
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    body(&answer)
}

#[test]
fn amounts_are_bare_numbers_with_all_their_digits() {
    let plaid = plaid(200);
    let answer = ask(&plaid, "/transactions/sync", json!({ "count": 500 }));
    let text = std::str::from_utf8(&answer.body).unwrap();
    let amounts: Vec<&str> = text
        .split(r#""amount":"#)
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap())
        .collect();
    assert_eq!(amounts.len(), 200);
    assert!(
        amounts
            .iter()
            .any(|amount| amount.ends_with('0') && !amount.starts_with('0')),
        "{amounts:?}"
    );
    assert!(
        amounts.iter().any(|amount| amount.len() == 22),
        "{amounts:?}"
    );
    assert!(
        amounts.iter().any(|amount| amount.starts_with('-')),
        "money in is negative"
    );
}

#[test]
fn a_cursor_of_another_item_and_a_count_out_of_range_are_refused() {
    let plaid = plaid(5);
    let invalid = (400, "INVALID_FIELD".to_owned());
    for sent in [
        json!({ "cursor": "abc" }),
        json!({ "count": 0 }),
        json!({ "count": 501 }),
        json!({ "count": "7" }),
    ] {
        assert_eq!(
            refused(&plaid, "/transactions/sync", sent.clone()),
            invalid,
            "{sent}"
        );
    }
}

#[test]
fn faults_spoil_what_was_added_and_an_emptied_page_comes_again() {
    let plaid = plaid(30);
    let sent = json!({ "access_token": plaid.access_token(), "count": 10 });
    let with = |fault: &Fault| ask_with(&plaid, "/transactions/sync", sent.clone(), Some(fault));
    let empty = body(&with(&Fault::EmptyPageWithMore));
    assert_eq!(
        (&empty["added"], &empty["has_more"]),
        (&json!([]), &json!(true))
    );
    let mut reader = Reader {
        cursor: empty["next_cursor"].as_str().unwrap().to_owned(),
        ..Reader::default()
    };
    reader.catch_up(&plaid, 10);
    assert!(reader.agrees_with(&plaid));
    let nameless = body(&with(&Fault::RecordWithoutId));
    let added = nameless["added"].as_array().unwrap();
    assert_eq!(
        added
            .iter()
            .filter(|body| body.get("transaction_id").is_none())
            .count(),
        1
    );
    with(&Fault::InsertWhilePaging { records: 2 });
    assert_eq!(plaid.transactions().len(), 32);
}
