//! Long lists of Salesforce, read by query jobs: the same records as in pages, from wherever a walk goes on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rail_shared::connectors::{Ask, Catalogue, Checkpoint, Cursor, Page, Record, Session, Source};
use rail_shared::domain::{Failure, Fingerprint, Presence, SyncMode};
use rail_shared::http::{Guard, Http, Limits};
use rail_tests::sandbox::salesforce::{Entity, Salesforce};
use rail_tests::sandbox::vendors::Start;
use rail_tests::sandbox::{Fault, Mutation, Rule, Sandbox, Vendor as _};
use serde_json::{Map, Value};

const FILE: &str = include_str!("../../shared/src/connectors/catalog/salesforce.toml");
const JOBS: &str = "/services/data/v66.0/jobs/query";
/// Enough that each object is long, where the file says so, and its rows come in parts.
const SIZE: u64 = 230;

fn now() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// An org, and Salesforce's file with another threshold.
struct Bench {
    sandbox: Sandbox<Salesforce>,
    catalogue: Catalogue,
    http: Http,
}

impl Bench {
    fn new(above: u64) -> Self {
        let sandbox = Start::new(11, SIZE)
            .at(now().timestamp())
            .serve(Salesforce::new);
        let text = FILE
            .replace("id = \"salesforce\"", "id = \"org\"")
            .replace("above = 100000", &format!("above = {above}"))
            .replace("rows = 5000", "rows = 9");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("org.toml"), text).unwrap();
        let urls = BTreeMap::from([("org".to_owned(), sandbox.base_url())]);
        Self {
            http: Http::new(Guard::public_and(urls.values()), Limits::default()).unwrap(),
            catalogue: Catalogue::read_once(&urls, Some(folder.path())).unwrap(),
            sandbox,
        }
    }

    fn source(&self) -> Source {
        let credentials = self.sandbox.vendor().credentials();
        let credentials = credentials.as_object().unwrap().clone();
        let connector = self.catalogue.get("org").unwrap();
        connector.open(&self.http, Session::new(credentials, Map::new()))
    }

    fn delete_one(&self, entity: &str) {
        let vendor = self.sandbox.vendor();
        let gone = Mutation::Delete {
            entity: entity.to_owned(),
            id: vendor.ids(entity)[2].clone(),
        };
        vendor.mutate(gone).unwrap();
    }

    /// Salesforce's own objects, and the org's.
    fn entities(&self) -> impl Iterator<Item = &'static str> {
        Entity::ALL.into_iter().map(Entity::name)
    }
}

fn full() -> Ask {
    Ask {
        mode: SyncMode::Full,
        window: None,
        checkpoint: Checkpoint::default(),
        now: now(),
    }
}

/// Reads so many pages at most, past every wait: the fake's jobs go on whenever they are asked about.
async fn walk(
    source: &Source,
    entity: &str,
    from: Cursor,
    at_most: usize,
) -> Result<(Vec<Page>, Option<Cursor>), Failure> {
    let (mut pages, mut cursor) = (Vec::new(), Some(from));
    while let Some(here) = cursor.take_if(|_| pages.len() < at_most) {
        let stored = serde_json::to_value(&here).unwrap();
        let here: Cursor = serde_json::from_value(stored).unwrap();
        match source.read(entity, &here).await {
            Ok(page) => {
                cursor = page.next.clone();
                pages.push(page);
            }
            Err(failure) if failure.is_only_a_wait() => cursor = Some(here),
            Err(failure) => return Err(failure),
        }
    }
    Ok((pages, cursor))
}

async fn all(source: &Source, entity: &str) -> Vec<Page> {
    let first = source.plan(entity, &full()).unwrap();
    walk(source, entity, first, 500).await.unwrap().0
}

/// What a sync would tell two versions apart by.
type Version = (Fingerprint, Option<DateTime<Utc>>, Presence);

/// The version of each record.
fn versions(pages: &[Page]) -> BTreeMap<String, Version> {
    let records = pages.iter().flat_map(|page| &page.records);
    let version = |one: &Record| (one.fingerprint, one.updated_at, one.presence);
    records
        .map(|one| (one.external_id.clone(), version(one)))
        .collect()
}

fn is_by_job(page: &Page) -> bool {
    let next: Value = serde_json::to_value(&page.next).unwrap();
    next["position"]["bulk"] != Value::Null
}

#[tokio::test]
async fn a_job_gives_each_record_as_pages_do_and_is_removed() {
    let (pages, jobs) = (Bench::new(100_000), Bench::new(5));
    for entity in jobs.entities() {
        for bench in [&pages, &jobs] {
            bench.delete_one(entity);
        }
        let in_pages = all(&pages.source(), entity).await;
        let in_bulk = all(&jobs.source(), entity).await;
        assert!(!in_pages.iter().any(is_by_job), "{entity}");
        assert!(is_by_job(&in_bulk[0]), "{entity}");
        let rejected = in_bulk.iter().flat_map(|page| &page.rejected).count();
        assert_eq!(rejected, 0, "{entity}");
        let found = versions(&in_bulk);
        assert_eq!(found, versions(&in_pages), "{entity}");
        let handed: usize = in_bulk.iter().map(|page| page.records.len()).sum();
        assert_eq!(handed, found.len(), "{entity}: an id came twice");
        assert_eq!(
            in_bulk.last().unwrap().gain,
            in_pages.last().unwrap().gain,
            "{entity}"
        );
    }
    assert_eq!(jobs.sandbox.vendor().jobs(), 0, "none is left");
    // Only the list of an org's own object tells what was deleted.
    let things = versions(&all(&jobs.source(), "Thing__c").await);
    let gone = things.values().filter(|(_, _, is)| *is == Presence::Gone);
    assert_eq!(gone.count(), 1);
}

#[tokio::test]
async fn a_short_list_is_read_in_pages() {
    let things = Bench::new(0).sandbox.vendor().ids("Thing__c").len() as u64;
    for (above, by_job) in [(things, false), (things - 1, true)] {
        let bench = Bench::new(above);
        let pages = all(&bench.source(), "Thing__c").await;
        assert_eq!(pages.iter().any(is_by_job), by_job, "above {above}");
    }
}

#[tokio::test]
async fn a_walk_goes_on_from_every_place_of_its_job() {
    let bench = Bench::new(5);
    let source = bench.source();
    let whole = all(&source, "accounts").await;
    for steps in 1..whole.len() {
        let first = source.plan("accounts", &full()).unwrap();
        let (mut pages, rest) = walk(&source, "accounts", first, steps).await.unwrap();
        let rest = walk(&bench.source(), "accounts", rest.unwrap(), 500).await;
        pages.extend(rest.unwrap().0);
        assert_eq!(versions(&pages), versions(&whole), "after {steps} pages");
        assert_eq!(pages.len(), whole.len(), "after {steps} pages");
    }
}

#[tokio::test]
async fn a_job_that_is_gone_or_refused_leads_to_pages() {
    let bench = Bench::new(5);
    let source = bench.source();
    let whole = versions(&all(&source, "accounts").await);
    for steps in [2, 4, 6] {
        let first = source.plan("accounts", &full()).unwrap();
        let (_, rest) = walk(&source, "accounts", first, steps).await.unwrap();
        bench.sandbox.vendor().drop_jobs();
        let (pages, _) = walk(&source, "accounts", rest.unwrap(), 500).await.unwrap();
        assert!(!pages.iter().any(is_by_job), "after {steps} pages");
        assert_eq!(versions(&pages), whole, "after {steps} pages");
    }
    let refused = Rule::new(Fault::Status { status: 400 }).on(JOBS);
    bench.sandbox.faults().add(refused.always());
    let pages = all(&source, "accounts").await;
    assert_eq!(versions(&pages), whole);

    // What may pass is no reason to do without.
    let bench = Bench::new(5);
    let away = Rule::new(Fault::Status { status: 503 }).on(JOBS);
    bench.sandbox.faults().add(away);
    let first = bench.source().plan("accounts", &full()).unwrap();
    let failure = walk(&bench.source(), "accounts", first, 500).await;
    assert!(failure.unwrap_err().retryable);
}
