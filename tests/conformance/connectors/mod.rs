//! Every connector against the fake of its vendor, by the catalogue alone: a connector that is added is tested before its
//! author writes a test.

mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rail_shared::connectors::{Ask, Catalogue, Checkpoint, Cursor, Page, Session, Source};
use rail_shared::domain::{Failure, FailureKind, Presence, SyncMode};
use rail_shared::http::{Guard, Http, Limits};
use rail_tests::sandbox::vendors::{self, Running, Start};
use rail_tests::sandbox::{Fault, Mutation};
use serde_json::{Map, Value, json};

/// The vendors' clocks stand still here.
const NOW: &str = "2026-06-01T12:00:00Z";
/// Records of the largest entities: more than one page of most vendors.
const SIZE: u64 = 230;

/// What is removed here is never told: the vendor says nothing of it and numbers its pages, and these are no enumeration
/// (decision 14).
const UNTOLD: [&str; 6] = [
    "paypal invoices",
    "paypal subscriptions",
    "paypal disputes",
    "complyadvantage searches",
    "complyadvantage monitored_searches",
    "complyadvantage cases",
];

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// A connector at the fake of its vendor.
struct Bench {
    sandbox: Box<dyn Running>,
    catalogue: Catalogue,
    id: &'static str,
    http: Http,
}

impl Bench {
    /// `None` for a connector that cannot be used yet.
    fn new(id: &'static str, size: u64) -> Option<Self> {
        let start = Start::new(11, size).at(now().timestamp());
        let sandbox = vendors::start(id, &start).unwrap().unwrap();
        let overrides = BTreeMap::from([(id.to_owned(), sandbox.base_url())]);
        let guard = Guard::public_and(overrides.values());
        let bench = Self {
            http: Http::new(guard, Limits::default()).unwrap(),
            catalogue: Catalogue::embedded(&overrides).unwrap(),
            sandbox,
            id,
        };
        bench.is_usable().then_some(bench)
    }

    fn is_usable(&self) -> bool {
        let connector = self.catalogue.get(self.id).unwrap();
        connector.status() != rail_shared::domain::ConnectorStatus::Disabled
    }

    fn all() -> impl Iterator<Item = Self> {
        vendors::names().filter_map(|id| Self::new(id, SIZE))
    }

    fn credentials(&self) -> Map<String, Value> {
        self.sandbox
            .vendor()
            .credentials()
            .as_object()
            .unwrap()
            .clone()
    }

    fn source(&self) -> Source {
        self.opened_by(self.credentials())
    }

    fn opened_by(&self, credentials: Map<String, Value>) -> Source {
        let connector = self.catalogue.get(self.id).unwrap();
        connector.open(&self.http, Session::new(credentials, Map::new()))
    }

    /// Those that are listed, and some that are not where others may be named.
    fn entities(&self) -> Vec<String> {
        let connector = self.catalogue.get(self.id).unwrap();
        let listed = connector.entities();
        let others = connector.other_entities().map(|_| self.unlisted());
        let others = others.into_iter().flatten().copied();
        listed.chain(others).map(str::to_owned).collect()
    }

    /// Entities that its file does not list.
    fn unlisted(&self) -> &'static [&'static str] {
        match self.id {
            // Of activities some are archived.
            "salesforce" => &["Thing__c", "Task", "Event"],
            id => panic!("which entities does the fake {id} hold beside those that are listed?"),
        }
    }

    /// A change that every vendor's records can bear.
    fn patch(&self, times: usize) -> Value {
        let text = format!("changed {times} times");
        match self.id {
            "quickbooks" => json!({ "Notes": text }),
            "xero" => json!({ "AccountNumber": text }),
            "plaid" => json!({ "name": text }),
            "hubspot" => json!({ "properties": { "city": text } }),
            _ => json!({ "description": text }),
        }
    }

    /// An entity that takes several pages, and whose records may change.
    fn of_many_pages(&self) -> String {
        match self.id {
            "plaid" | "tink" => "transactions".to_owned(),
            _ => self.entities().remove(0),
        }
    }

    /// As many records as make several pages.
    fn size_of_many_pages(id: &str) -> u64 {
        match id {
            // Two thousand a page.
            "salesforce" => 4_300,
            _ => 2_300,
        }
    }

    /// After how long what happened is told.
    fn tells_late(&self) -> TimeDelta {
        match self.id {
            // Its reports of transactions.
            "paypal" => TimeDelta::hours(3),
            _ => TimeDelta::zero(),
        }
    }

    fn truth(&self, entity: &str) -> BTreeMap<String, Value> {
        self.sandbox.vendor().holds(entity).into_iter().collect()
    }
}

fn ask(mode: SyncMode, checkpoint: Checkpoint, now: DateTime<Utc>) -> Ask {
    Ask {
        mode,
        window: None,
        checkpoint,
        now,
    }
}

fn full() -> Ask {
    ask(SyncMode::Full, Checkpoint::default(), now())
}

/// Reads from a cursor to the end; every cursor passes through its stored form.
async fn walk_from(
    source: &Source,
    entity: &str,
    first: Cursor,
) -> Result<Vec<(Cursor, Page)>, Failure> {
    let mut pages = Vec::new();
    let mut cursor = Some(first);
    while let Some(here) = cursor {
        let here: Cursor = serde_json::from_value(serde_json::to_value(&here).unwrap()).unwrap();
        let page = source.read(entity, &here).await?;
        cursor = page.next.clone();
        pages.push((here, page));
        assert!(pages.len() < 500, "a walk of {entity} without end");
    }
    Ok(pages)
}

async fn walk(source: &Source, entity: &str, ask: &Ask) -> Vec<(Cursor, Page)> {
    let first = source.plan(entity, ask).unwrap();
    match walk_from(source, entity, first).await {
        Ok(pages) => pages,
        Err(failure) => panic!("{entity}: {failure:?}"),
    }
}

/// What was handed over, by id: the last version counts, and `None` stands for a removed one.
fn found(pages: &[(Cursor, Page)]) -> BTreeMap<String, Option<Value>> {
    let records = pages.iter().flat_map(|(_, page)| &page.records);
    records
        .map(|record| {
            let here = record.presence == Presence::Here;
            let body = here.then(|| serde_json::from_slice(&record.body).unwrap());
            (record.external_id.clone(), body)
        })
        .collect()
}

fn here(found: BTreeMap<String, Option<Value>>) -> BTreeSet<String> {
    found
        .into_iter()
        .filter_map(|(id, body)| body.map(|_| id))
        .collect()
}

#[tokio::test]
async fn every_entity_is_read_whole_and_no_id_comes_twice() {
    for bench in Bench::all() {
        let source = bench.source();
        for entity in bench.entities() {
            let what = format!("{} {entity}", bench.id);
            let truth = bench.truth(&entity);
            assert!(!truth.is_empty(), "the fake holds no {what}");
            let pages = walk(&source, &entity, &full()).await;
            let handed_over = pages
                .iter()
                .map(|(_, page)| page.records.len())
                .sum::<usize>();
            let found = here(found(&pages));
            let ids: BTreeSet<String> = truth.into_keys().collect();
            assert_eq!(found, ids, "{what}");
            assert_eq!(handed_over, ids.len(), "{what}: an id came twice");
            let rejected: Vec<_> = pages.iter().flat_map(|(_, page)| &page.rejected).collect();
            assert!(rejected.is_empty(), "{what}: {rejected:?}");
        }
    }
}

#[tokio::test]
async fn a_walk_resumed_from_any_stored_cursor_finds_the_rest() {
    for bench in Bench::all() {
        let source = bench.source();
        for entity in bench.entities() {
            let pages = walk(&source, &entity, &full()).await;
            let all = here(found(&pages));
            for (place, (cursor, _)) in pages.iter().enumerate() {
                let mut seen = here(found(&pages[..place]));
                let rest = walk_from(&source, &entity, cursor.clone()).await.unwrap();
                seen.extend(here(found(&rest)));
                assert_eq!(seen, all, "{} {entity} from page {place}", bench.id);
            }
        }
    }
}

#[tokio::test]
async fn what_was_created_changed_and_removed_is_told_by_the_next_walk() {
    for bench in Bench::all() {
        let mut at = now();
        for entity in bench.entities() {
            let what = format!("{} {entity}", bench.id);
            // Tokens live for an hour, and the clock moves on with every entity.
            let source = bench.source();
            let first = ask(SyncMode::Full, Checkpoint::default(), at);
            let before = walk(&source, &entity, &first).await;
            let gain = before.last().unwrap().1.gain.clone();
            let checkpoint = gain.map(|gain| Checkpoint::default().with(&gain)).unwrap();
            let vendor = bench.sandbox.vendor();
            let mutate = |mutation| vendor.mutate(mutation);
            mutate(Mutation::AdvanceClock { seconds: 1_200 }).unwrap();
            let victim = bench.truth(&entity).into_keys().next().unwrap();
            // What a vendor never lets happen to an entity, its fake refuses.
            let made = mutate(Mutation::Create {
                entity: entity.clone(),
                count: 3,
            });
            let removed = mutate(Mutation::Delete {
                entity: entity.clone(),
                id: victim.clone(),
            });
            let late = bench.tells_late();
            let seconds = late.num_seconds();
            mutate(Mutation::AdvanceClock { seconds }).unwrap();
            at += TimeDelta::seconds(1_200) + late;
            let next = ask(SyncMode::Incremental, checkpoint, at);
            let pages = walk(&source, &entity, &next).await;
            let told = found(&pages);
            if let Ok(made) = made {
                for id in made["ids"].as_array().unwrap() {
                    let id = id.as_str().unwrap();
                    assert!(
                        told.get(id).is_some_and(Option::is_some),
                        "{what}: {id} was created"
                    );
                }
            }
            let still_there = bench.truth(&entity).contains_key(&victim);
            if removed.is_ok() && !still_there {
                let enumerates = pages
                    .iter()
                    .any(|(_, page)| page.coverage != rail_shared::connectors::Coverage::Some);
                let is_told = told.get(&victim) == Some(&None);
                assert_eq!(
                    is_told || (enumerates && !told.contains_key(&victim)),
                    !UNTOLD.contains(&what.as_str()),
                    "{what}: whether somebody is told that {victim} was removed"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_changes_while_a_list_is_read_makes_it_pass_over_nothing() {
    for id in vendors::names() {
        let Some(bench) = Bench::new(id, Bench::size_of_many_pages(id)) else {
            continue;
        };
        let (source, vendor) = (bench.source(), bench.sandbox.vendor());
        let entity = bench.of_many_pages();
        let all: Vec<String> = bench.truth(&entity).into_keys().collect();
        let (mut seen, mut pages) = (BTreeSet::new(), 0);
        let mut cursor = Some(source.plan(&entity, &full()).unwrap());
        while let Some(here) = cursor {
            let page = source.read(&entity, &here).await.unwrap();
            seen.extend(page.records.iter().map(|record| record.external_id.clone()));
            vendor
                .mutate(Mutation::AdvanceClock { seconds: 1 })
                .unwrap();
            // Those met first move to the end where a list is in the order of the last change.
            let changing = if pages < 4 { 5 } else { 0 };
            for id in all.iter().skip(pages * 7).step_by(90).take(changing) {
                let (entity, id) = (entity.clone(), id.clone());
                let patch = bench.patch(pages);
                let _ = vendor.mutate(Mutation::Update { entity, id, patch });
            }
            pages += 1;
            cursor = page.next;
            assert!(pages < 100, "{id}: a walk without end");
        }
        let missed: Vec<_> = bench
            .truth(&entity)
            .into_keys()
            .filter(|id| !seen.contains(id))
            .collect();
        assert!(missed.is_empty(), "{id} {entity} passed over {missed:?}");
        assert!(pages > 2, "{id} {entity}: {pages} pages are no test");
    }
}

#[tokio::test]
async fn a_refusal_is_told_by_its_kind_and_holds_no_secret() {
    for bench in Bench::all() {
        let source = bench.source();
        let entity = bench.entities().remove(0);
        let secrets: Vec<String> = bench
            .credentials()
            .into_iter()
            .filter(|(name, _)| {
                let name = name.to_lowercase();
                ["secret", "token", "key"]
                    .iter()
                    .any(|word| name.contains(word))
            })
            .filter_map(|(_, value)| value.as_str().map(str::to_owned))
            .collect();
        let shown = format!("{source:?}");
        for (fault, kind, retryable) in [
            (
                Fault::RateLimited {
                    retry_after_s: Some(7),
                },
                FailureKind::RateLimited,
                true,
            ),
            (
                Fault::RateLimited {
                    retry_after_s: None,
                },
                FailureKind::RateLimited,
                true,
            ),
            (
                Fault::Status { status: 500 },
                FailureKind::Unavailable,
                true,
            ),
            (
                Fault::Status { status: 503 },
                FailureKind::Unavailable,
                true,
            ),
            (
                Fault::HtmlPage { status: 502 },
                FailureKind::Unavailable,
                true,
            ),
            (
                Fault::HtmlPage { status: 200 },
                FailureKind::MalformedAnswer,
                true,
            ),
            (Fault::TruncatedJson, FailureKind::MalformedAnswer, true),
            (Fault::EmptyObject, FailureKind::MalformedAnswer, true),
        ] {
            bench.sandbox.faults().next(1, fault.clone());
            let cursor = source.plan(&entity, &full()).unwrap();
            let failure = source.read(&entity, &cursor).await.unwrap_err();
            let what = format!("{} {fault:?}: {failure:?}", bench.id);
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{what}"
            );
            for secret in &secrets {
                assert!(
                    !what.contains(secret) && !shown.contains(secret),
                    "a secret is shown: {what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_are_told_from_a_vendor_that_is_away() {
    for bench in Bench::all() {
        let mut wrong = bench.credentials();
        for (name, value) in &mut wrong {
            let name = name.to_lowercase();
            if ["secret", "token", "key"]
                .iter()
                .any(|word| name.contains(word))
            {
                let text = value.as_str().unwrap().to_owned();
                *value = json!(format!("{}wrong", &text[..text.len().min(8)]));
            }
        }
        let failure = bench.opened_by(wrong).test().await.unwrap_err();
        assert_eq!(
            failure.kind,
            FailureKind::CredentialsRejected,
            "{} {failure:?}",
            bench.id
        );
        let report = bench.source().test().await.unwrap();
        assert!(
            report.permissions.contains(&"read".to_owned()),
            "{}",
            bench.id
        );
    }
}
