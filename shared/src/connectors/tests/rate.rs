//! What a file says of a vendor's rate.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::budget::{Account, Budgets, RateSettings};
use crate::connectors::catalogue::FILES;
use crate::connectors::file::ToldBy;
use crate::connectors::rate::{account_of, told};
use crate::connectors::{Catalogue, Connector, Session};
use crate::domain::{CountedFor, FailureKind, Priority};
use crate::http::Request;
use crate::http::canned::{Canned, Reply};

use super::session;

const FILE: &str = r#"
id = "acme"
name = "Acme"
category = "PAYMENTS"
status = "AVAILABLE"
features = []
base_url = "https://api.acme.test/v2"
auth = { kind = "bearer", credential = "key" }
[credentials.key]
title = "Key"
[credentials.app]
title = "App"
need = "optional"
[test]
path = "/me"
[lists]
records = ""
id = "/id"
paging = { kind = "none" }
lookback_minutes = 0
[[entities]]
name = "things"
path = "/things"
changes = { by = "whole_list", because = "there is no other way" }
"#;

fn file(rate: &str) -> Result<Connector, String> {
    let text = FILE.replace("[[entities]]", &format!("{rate}\n[[entities]]"));
    Connector::parse(&text, None).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })
}

fn account(connector: &Connector, session: &Session, base_url: &str) -> Account {
    let reading = connector.definition().reading.as_ref().unwrap();
    let rate = reading.rate.as_ref().unwrap();
    let (account, _) = account_of(rate, None, connector.id(), base_url, session).unwrap();
    account
}

#[test]
fn a_rate_that_cannot_work_is_refused_by_name() {
    for (rate, fault) in [
        (
            "[rate]\naccount = []\nat_once = { requests = 1 }",
            "names nothing",
        ),
        (
            "[rate]\naccount = [\"nobody\"]\nat_once = { requests = 1 }",
            "nobody",
        ),
        ("[rate]\naccount = [\"key\"]", "no limit"),
        (
            "[rate]\naccount = [\"key\"]\nat_once = { requests = 0 }",
            "nonzero",
        ),
        ("[rate]\naccount = [\"key\"]\nburst = 3", "burst"),
        (
            "[rate]\naccount = [\"key\"]\nlimits = { minute = { requests = 5 } }",
            "per_seconds",
        ),
        (
            "[rate]\naccount = [\"key\"]\nlimits = { minute = { requests = 5, per_seconds = 1, of = \"app\" } }",
            "rate.app",
        ),
        (
            "[rate]\naccount = [\"key\"]\nlimits = { \"a:b\" = { requests = 5, per_seconds = 1 } }",
            "a:b",
        ),
        (
            "[rate]\naccount = [\"key\"]\nlimits = { minute = { requests = 5, per_seconds = 1, paths = [\"x\"] } }",
            "must begin with /",
        ),
        (
            "[rate]\naccount = [\"key\"]\nlimits = { minute = { requests = 5, per_seconds = 1, told = {} } }",
            "names no header",
        ),
    ] {
        let refused = file(rate).unwrap_err();
        assert!(refused.contains(fault), "{rate}: {refused}");
    }
}

#[test]
fn the_limits_of_a_store_are_checked_too() {
    let (_, file) = FILES.iter().find(|(id, _)| *id == "s3").unwrap();
    for (from, to, fault) in [
        (
            "per_seconds = 1 }",
            "per_seconds = 1, paths = [\"/x\"] }",
            "no paths",
        ),
        ("account = [\"endpoint\"", "account = [\"nobody\"", "nobody"),
    ] {
        let refused = Connector::parse(&file.replace(from, to), None).unwrap_err();
        assert!(refused.to_string().contains(fault), "{refused}");
    }
}

#[test]
fn connections_with_the_same_credentials_share_and_others_do_not() {
    let rate = "[rate]\naccount = [\"key\"]\napp = [\"app\"]\nat_once = { requests = 2 }\n\
        limits = { mine = { requests = 5, per_seconds = 1 }, all = { requests = 9, per_seconds = 1, of = \"app\" } }";
    let acme = file(rate).unwrap();
    let home = "https://api.acme.test/v2";
    let of = |key: &str, app: &str, base: &str| {
        let session = session(&json!({ "key": key, "app": app }));
        let account = account(&acme, &session, base);
        let [all, mine] = &account.limits[..] else {
            panic!("{account:?}")
        };
        assert_eq!(
            (all.counted, mine.counted),
            (CountedFor::App, CountedFor::Account)
        );
        (mine.of.clone(), all.of.clone())
    };
    let (mine, all) = of("hidden-key", "app", home);
    assert_eq!(of("hidden-key", "app", home), (mine.clone(), all.clone()));
    let (other, same_app) = of("other-key", "app", home);
    assert!(other != mine && same_app == all);
    let (same, other_app) = of("hidden-key", "other", home);
    assert!(same == mine && other_app != all);
    let (elsewhere, _) = of("hidden-key", "app", "https://sandbox.acme.test/v2");
    assert_ne!(elsewhere, mine);
    assert!(!format!("{mine:?}").contains("hidden"));
}

#[test]
fn a_limit_for_some_credentials_counts_for_these_only() {
    let stripe = Catalogue::embedded(&BTreeMap::new()).unwrap();
    let stripe = stripe.get("stripe").unwrap();
    let smallest = |key: &str| {
        let session = session(&json!({ "apiKey": key }));
        let account = account(&stripe, &session, "https://api.stripe.com");
        account.limits.iter().map(|limit| limit.requests).min()
    };
    assert_eq!(smallest("sk_live_1"), Some(100));
    assert_eq!(smallest("rk_test_1"), Some(25));
}

/// Asks a server with these headers once, in a pace that no Redis is needed for; what came of a second request then.
async fn second_after(headers: &'static [(&'static str, &'static str)], status: u16) -> String {
    let server = Canned::start(move |_| {
        let body = json!([{ "id": "1" }]);
        let whole = Reply::status(status, body);
        headers
            .iter()
            .fold(whole, |reply, (name, value)| reply.with(name, value))
    })
    .await;
    let rate = "[rate]\naccount = [\"key\"]\npause_seconds = 60\nlimits = { day = { requests = 1000, per_seconds = 86400 } }";
    let text = FILE.replace("[[entities]]", &format!("{rate}\n[[entities]]"));
    let acme = Connector::parse(&text, Some(&server.url)).unwrap();
    // Nobody listens there.
    let budgets = Budgets::new("redis://127.0.0.1:1", RateSettings::default()).unwrap();
    let source = acme.open(&server.http(), session(&json!({ "key": "k" })));
    let source = source.paced(&budgets, Priority::Manual);
    let _ = source.test().await;
    match source.test().await {
        Ok(_) => "asked".to_owned(),
        Err(failure) if server.asked().len() > 1 => format!("asked: {:?}", failure.kind),
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::RateLimited);
            assert!(failure.is_used_up() && failure.is_only_a_wait());
            assert!(
                failure.retry_after >= Some(Duration::from_secs(50)),
                "{failure:?}"
            );
            failure.message
        }
    }
}

#[tokio::test]
async fn after_a_429_nobody_asks_for_as_long_as_it_says_or_else_as_the_file_does() {
    assert_eq!(second_after(&[], 200).await, "asked");
    assert_eq!(second_after(&[], 503).await, "asked: Unavailable");
    let said = second_after(&[("Retry-After", "100")], 429).await;
    assert_eq!(
        said,
        "Acme's rate budget is held: it asked to wait; there is room again in 100 s."
    );
    let not_said = second_after(&[], 429).await;
    assert!(not_said.contains("in 60 s"), "{not_said}");
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_asked_by_nobody_of_its_account_until_then() {
    for (connector, retry_after, until) in [
        ("s3", None, "in 10 s"),
        ("azure_blob", Some("100"), "in 100 s"),
    ] {
        let server = Canned::start(move |_| {
            let refused = Reply::status(503, "<Error><Code>SlowDown</Code></Error>");
            match retry_after {
                Some(seconds) => refused.with("Retry-After", seconds),
                None => refused,
            }
        })
        .await;
        let urls = BTreeMap::from([(connector.to_owned(), server.url.clone())]);
        let catalogue = Catalogue::embedded(&urls).unwrap();
        // Nobody listens there.
        let budgets = Budgets::new("redis://127.0.0.1:1", RateSettings::default()).unwrap();
        let failure = async |place: &str| {
            let session = session(&json!({
                "region": "eu-central-1", "bucket": place, "accessKeyId": "AKIA", "secretAccessKey": "secret",
                "account": place, "container": place, "accountKey": "c2VjcmV0",
            }));
            let source = catalogue
                .get(connector)
                .unwrap()
                .open(&server.http(), session);
            let source = source.paced(&budgets, Priority::Manual);
            source.test().await.unwrap_err()
        };
        let refused = failure("things").await;
        assert_eq!(refused.kind, FailureKind::RateLimited);
        assert!(!refused.is_used_up());
        let put_off = failure("things").await;
        assert!(put_off.is_used_up() && put_off.is_only_a_wait());
        assert!(put_off.message.contains(until), "{put_off}");
        assert_eq!(server.asked().len(), 1, "{connector}");
        assert!(!failure("others").await.is_used_up());
        assert_eq!(server.asked().len(), 2, "{connector}: another has its own");
    }
}

#[tokio::test]
async fn what_is_left_of_a_limit_is_read_from_the_headers_that_the_file_names() {
    let server = Canned::start(|_| {
        Reply::json("")
            .with("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
            .with("X-Left", "17")
            .with("X-All", " 100 ")
            .with("X-None", "0")
            .with("X-Word", "many")
            .with("X-In", "30")
            .with("X-At", "1767225660")
            .with(
                "Sforce-Limit-Info",
                "api-usage=908/15000, per-app-api-usage=1/2(app)",
            )
    })
    .await;
    let answer = server.http().send(Request::get(&server.url)).await.unwrap();
    let read = |text: &str| {
        let by: ToldBy = toml::from_str(text).unwrap();
        told(3, &by, &answer).map(|told| (told.remaining, told.limit, told.resets_in))
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(read("remaining = \"x-left\""), Some((Some(17), None, None)));
    assert_eq!(
        read(
            "remaining = \"X-Left\"\nlimit = \"X-All\"\nresets = { header = \"X-In\", format = \"seconds\" }"
        ),
        Some((Some(17), Some(100), seconds(30)))
    );
    assert_eq!(
        read("limit = \"X-All\"\nresets = { header = \"X-At\", format = \"unix_seconds\" }"),
        Some((None, Some(100), seconds(60)))
    );
    assert_eq!(
        read("used_of_limit = { header = \"Sforce-Limit-Info\", after = \"api-usage=\" }"),
        Some((Some(14_092), Some(15_000), None))
    );
    for nothing in ["X-Word", "X-Missing"] {
        assert_eq!(read(&format!("remaining = \"{nothing}\"")), None);
    }
    assert_eq!(
        read("limit = \"X-None\""),
        None,
        "it would never be asked again"
    );
}
