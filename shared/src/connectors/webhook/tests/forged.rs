//! What is not the vendor's own, or too old.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(work)
}

fn refusal(sent: &Sent) -> String {
    let taken = block_on(Taker::new().take(sent));
    taken.map_or_else(
        |refused| refused.to_string(),
        |told| format!("taken: {told:?}"),
    )
}

const FORGED: &str = "the signature is not right";

#[tokio::test]
async fn what_each_vendor_signs_is_taken() {
    for sent in secrets() {
        let told = Taker::new().take(&sent).await;
        assert!(!told.unwrap().is_empty(), "{}", sent.vendor);
    }
}

proptest! {
    #[test]
    fn no_bit_of_what_is_signed_or_of_its_signature_can_be_another(
        place: Index, bit in 0_u8..7, which: Index, header: Index,
    ) {
        let all = secrets();
        let sent = &all[which.index(all.len())];

        let mut changed = sent.clone();
        let at = place.index(changed.body.len());
        changed.body[at] ^= 1 << bit;
        prop_assert_eq!(refusal(&changed), FORGED, "{}: byte {} of the body", sent.vendor, at);

        let mut changed = sent.clone();
        let names: Vec<&String> = sent.headers.keys().collect();
        let name = names[header.index(names.len())].clone();
        let mut value = sent.headers[&name].clone().into_bytes();
        let at = place.index(value.len());
        value[at] ^= 1 << bit;
        changed.headers.insert(name.clone(), String::from_utf8(value).unwrap());
        prop_assert_eq!(refusal(&changed), FORGED, "{}: byte {} of {}", sent.vendor, at, name);
    }

    #[test]
    fn no_header_makes_checking_panic(value: String, body: Vec<u8>) {
        for mut sent in secrets() {
            for header in sent.headers.values_mut() {
                header.clone_from(&value);
            }
            sent.body.clone_from(&body);
            prop_assert_eq!(refusal(&sent), FORGED, "{}", sent.vendor);
        }
    }
}

#[tokio::test]
async fn whoever_cannot_sign_gets_one_answer_whatever_is_wrong() {
    let right = secrets();
    for sent in &right {
        let header = sent
            .headers
            .keys()
            .find(|name| name.contains("signature"))
            .unwrap();
        let of_another = &sent.headers[header];
        let mut without = sent.clone();
        without.headers.clear();
        let mut other_secret = sent.clone();
        for value in other_secret.credentials.values_mut() {
            *value = json!("another");
        }
        // Old, and not signed either: its age is not told.
        let old = sent.clone().with_header(header, "t=1,v1=00");
        let twice = sent
            .clone()
            .with_header(header, &format!("{of_another},{of_another}x"));
        let loud = sent.clone().with_header(header, &of_another.to_uppercase());
        let cut = sent
            .clone()
            .with_header(header, &of_another[..of_another.len() - 2]);
        let long = sent.clone().with_header(header, &format!("{of_another}00"));
        let bare = sent.clone().with_header(header, "");
        let short = sent.clone().with_body(&sent.body[..sent.body.len() - 1]);
        for forged in [without, other_secret, old, loud, cut, long, bare, short] {
            let refused = Taker::new().take(&forged).await.unwrap_err();
            assert_eq!(refused.to_string(), FORGED, "{}", sent.vendor);
        }
        if sent.vendor != "stripe" && sent.vendor != "tink" {
            assert!(Taker::new().take(&twice).await.is_err(), "{}", sent.vendor);
        }
    }
}

#[tokio::test]
async fn hubspot_signs_where_and_how_it_calls() {
    let hubspot = secrets().pop().unwrap();
    for (method, url) in [
        ("PUT", URL.to_owned()),
        ("POST", format!("{URL}?a=b")),
        ("POST", URL.replace("conn_x", "conn_y")),
    ] {
        let mut elsewhere = hubspot.clone();
        (elsewhere.method, elsewhere.url) = (method.to_owned(), url);
        assert_eq!(refusal_of(&elsewhere).await, FORGED);
    }
}

async fn refusal_of(sent: &Sent) -> String {
    Taker::new().take(sent).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_was_signed_long_ago_or_is_signed_for_later_is_refused_once_its_signature_is_right() {
    for sent in secrets() {
        let dated = matches!(sent.vendor, "stripe" | "tink" | "hubspot");
        assert!(
            Taker::new().later(300).take(&sent).await.is_ok(),
            "{}",
            sent.vendor
        );
        let late = Taker::new().later(301).take(&sent).await;
        let early = Taker::new();
        let early = Taker {
            http: early
                .http
                .clone()
                .with_clock(Clock::held_at(then() - chrono::TimeDelta::seconds(301))),
            ..early
        };
        let early = early.take(&sent).await;
        if dated {
            for refused in [late, early] {
                assert!(
                    matches!(
                        refused,
                        Err(NotTaken::Stale {
                            within_seconds: 300
                        })
                    ),
                    "{}",
                    sent.vendor
                );
            }
        } else {
            assert!(late.is_ok() && early.is_ok(), "{}", sent.vendor);
        }
    }
}

#[tokio::test]
async fn while_a_secret_is_replaced_the_vendor_may_sign_with_both_and_we_may_hold_both() {
    let sent = stripe();
    let right = text(&signed("stripe"), "sig");
    let wrong = "0".repeat(64);
    for header in [
        format!("t=1780315200,v1={wrong},v1={right}"),
        format!("t=1780315200, v1={right}, v1={wrong}, v0={wrong}"),
        format!("v1={right},t=1780315200"),
    ] {
        let both = sent.clone().with_header("stripe-signature", &header);
        assert!(Taker::new().take(&both).await.is_ok(), "{header}");
    }
    for held in ["whsec_new whsec_test", "whsec_test\nwhsec_new"] {
        let both = sent.clone().with_credential("webhookSecret", held);
        assert!(Taker::new().take(&both).await.is_ok(), "{held}");
    }
    for header in [
        format!("t=1780315200,v0={right}"),
        format!("t=1780315201,v1={right}"),
        format!("t=1,t=1780315200,v1={right}"),
        right.clone(),
    ] {
        let neither = sent.clone().with_header("stripe-signature", &header);
        assert_eq!(refusal_of(&neither).await, FORGED, "{header}");
    }
    let one_of_two = sent.with_credential("webhookSecret", "whsec_new whsec_other");
    assert_eq!(refusal_of(&one_of_two).await, FORGED);
}

#[tokio::test]
async fn a_connection_without_a_secret_says_which_it_lacks() {
    for mut sent in secrets() {
        sent.credentials.clear();
        let refused = Taker::new().take(&sent).await.unwrap_err();
        assert!(
            matches!(&refused, NotTaken::Lacks(name) if !name.is_empty()),
            "{refused}"
        );
    }
    let blank = stripe().with_credential("webhookSecret", "  ");
    let refused = Taker::new().take(&blank).await.unwrap_err();
    assert!(
        matches!(refused, NotTaken::Lacks(_)),
        "an empty secret is one anybody has"
    );
}

#[test]
fn nothing_of_a_webhook_is_printed() {
    let sent = stripe();
    let notice = Notice {
        connection: ConnectionId::new(),
        method: "POST",
        url: URL,
        headers: sent.headers,
        body: &sent.body,
    };
    let shown = format!("{notice:?}");
    assert!(
        !shown.contains("v1=") && !shown.contains("cus_1"),
        "{shown}"
    );
}
