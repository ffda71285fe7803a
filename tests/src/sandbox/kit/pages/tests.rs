use serde_json::json;

use super::*;

fn page(start: usize, fault: Option<&Fault>) -> (Vec<String>, Page) {
    let records: Vec<Record> = (0..7)
        .map(|number: i64| Record {
            id: number.to_string(),
            body: json!({ "key": { "id": number.to_string() } }),
            created_s: number,
            updated_s: number,
            gone_s: None,
            revision: 0,
        })
        .collect();
    let ordered: Vec<&Record> = records.iter().collect();
    let how = Cut {
        start,
        limit: 3,
        fault,
        id_pointer: "/key/id",
        render: |record: &Record| record.body.clone(),
    };
    let page = cut(&ordered, &how);
    let ids = page
        .records
        .iter()
        .map(|text| text.chars().filter(char::is_ascii_digit).collect())
        .collect();
    (ids, page)
}

#[test]
fn pages_follow_one_another_and_only_the_last_has_no_more() {
    let (first, _) = page(0, None);
    let (last, end) = page(6, None);
    assert_eq!((first.join(""), last.join("")), ("012".into(), "6".into()));
    assert_eq!((end.more, end.last_id.as_deref()), (false, Some("6")));
    assert!(page(3, None).1.more);
    assert_eq!(page(9, None).1, Page::default());
}

#[test]
fn cursors_that_repeat_lead_back_to_the_first_page() {
    assert_eq!(page(6, Some(&Fault::RepeatedCursor)).0.join(""), "012");
    assert_eq!(page(3, Some(&Fault::CircleOfPages)).0.join(""), "345");
    let (ids, circle) = page(6, Some(&Fault::CircleOfPages));
    assert_eq!((ids.join(""), circle.more), ("012".into(), true));
}

#[test]
fn records_come_twice_in_another_order_or_not_at_all() {
    assert_eq!(
        page(3, Some(&Fault::DuplicateAcrossPages)).0.join(""),
        "2345"
    );
    assert_eq!(
        page(0, Some(&Fault::DuplicateAcrossPages)).0.join(""),
        "012"
    );
    assert_eq!(
        page(0, Some(&Fault::DuplicateWithinPage)).0.join(""),
        "0012"
    );
    assert_eq!(page(0, Some(&Fault::ReorderedPage)).0.join(""), "102");
    let (ids, empty) = page(6, Some(&Fault::EmptyPageWithMore));
    assert_eq!((ids.len(), empty.more), (0, true));
}

#[test]
fn one_record_loses_its_id_or_gains_a_string_that_breaks_readers() {
    let (_, nameless) = page(0, Some(&Fault::RecordWithoutId));
    assert_eq!(nameless.records[1], r#"{"key":{}}"#);
    let (_, nul) = page(0, Some(&Fault::NulInString));
    assert_eq!(
        nul.records[1],
        r#"{"key":{"id":"1"},"sandbox_note":"before\u0000after"}"#
    );
    let (_, lone) = page(0, Some(&Fault::LoneSurrogate));
    assert!(lone.records[1].contains(r"\ud800"), "{lone:?}");
}

#[test]
fn the_records_move_after_the_page_was_sent() {
    let after = |fault| page(0, Some(&fault)).1.aftermath;
    let ids = |ids: &[&str]| Aftermath::Delete(ids.iter().map(|&id| id.into()).collect());
    assert_eq!(
        after(Fault::InsertWhilePaging { records: 2 }),
        Aftermath::Create(2)
    );
    assert_eq!(
        after(Fault::DeleteWhilePaging { records: 2 }),
        ids(&["3", "4"])
    );
    assert_eq!(after(Fault::DeleteCursor), ids(&["2"]));
}
