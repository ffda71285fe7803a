//! A worker dies at each step of an export: nothing that is visible is in part, and what another publishes in its place is
//! whole, and what a run that nothing happened to writes. At S3, nothing is left of what was not published.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use futures::future::join_all;
use rail_tests::harness::{send, text};
use rail_tests::moto::Moto;
use rail_tests::processes::{Builder, Installation};
use rail_tests::stores::ObjectStore;
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::export_layouts::Layout;
use crate::export_places::{Place, Visible};
use crate::settings::Settings;
use crate::steps;
use crate::tally::Tally;

/// A file of them has three parts at a store, or two row groups.
const LARGE: Records = Records {
    entities: &["scans"],
    count: 6,
    padding: 3_500_000,
};
/// Enough that a file of text is handed over in several pieces.
const SMALL: Records = Records {
    entities: &["deals", "visits"],
    count: 4_000,
    padding: 150,
};

#[derive(Clone, Copy)]
struct Records {
    entities: &'static [&'static str],
    /// Of each entity.
    count: usize,
    /// Bytes of each.
    padding: usize,
}

/// An installation whose export is run again and again.
struct Exported {
    installation: Installation,
    place: Place,
    layout: Layout,
    records: Records,
    /// What a run that nothing happens to writes.
    unbroken: Vec<Visible>,
    /// How many workers left something at the store when they died.
    left: Cell<u64>,
}

/// Crashes the first worker of a run to a folder after each step that there is, in each format.
pub async fn to_a_folder(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let tried = Layout::ALL.map(async |layout| {
        let records = match layout {
            Layout::Parquet => LARGE,
            _ => SMALL,
        };
        let lanes = (0..2).map(async |lane| {
            let installation = lane_of(&format!("{layout:?}-{lane}"), settings);
            Exported::start(installation, Place::Folder, layout, records).await
        });
        let lanes = join_all(lanes).await;
        let what = format!("an export ({layout:?})");
        steps::every(&what, &lanes, Exported::crash).await
    });
    for one in join_all(tried).await {
        tally.add(one);
    }
    tally
}

/// The same to S3, with a file of three parts.
pub async fn to_s3(settings: &'static Settings) -> Tally {
    let Some(moto) = Moto::start().expect("moto starts") else {
        return skipped("no Python with moto (RAIL_TEST_PYTHON)");
    };
    let buckets = ["exports-0", "exports-1", "exports-2"];
    for bucket in buckets {
        moto.bucket(bucket).await.expect("a bucket");
    }
    let rights = ["s3:PutObject", "s3:AbortMultipartUpload"];
    let keys = moto.user("operator", &rights).await.expect("a user");
    moto.enforce().await.expect("rights count");
    let moto = Rc::new(moto);
    let lanes = buckets.map(async |bucket| {
        let installation = lane_of(bucket, settings)
            .variable("RAIL_S3_ENDPOINT", moto.endpoint())
            .variable("RAIL_S3_ACCESS_KEY_ID", &keys.access_key_id)
            .variable("RAIL_S3_SECRET_ACCESS_KEY", &keys.secret_access_key);
        let place = Place::Bucket(moto.clone(), bucket.to_owned());
        Exported::start(installation, place, Layout::Csv, LARGE).await
    });
    let lanes = join_all(lanes).await;
    let mut tally = steps::every("an export of three parts", &lanes, Exported::crash).await;
    let left: u64 = lanes.iter().map(|lane| lane.left.get()).sum();
    tally
        .notes
        .push(format!("{left} of them left parts, which were taken away"));
    // After the first and the second part, and before they are put together.
    tally.demand(left >= 3, || format!("only {left} left parts"));
    tally
}

/// The same to Azure, with a file of three blocks.
pub async fn to_azure(settings: &'static Settings) -> Tally {
    let Some(store) = ObjectStore::azure() else {
        return skipped("no Azurite (RAIL_TEST_NODE)");
    };
    let said = |name| store.credential(name).to_owned();
    let (account, key) = (said("account"), said("accountKey"));
    let endpoint = store.base_url().to_owned();
    let store = Rc::new(RefCell::new(store));
    let lanes = (0..3).map(async |lane| {
        let installation = lane_of(&format!("azure-{lane}"), settings)
            .variable("RAIL_AZURE_ENDPOINT", &endpoint)
            .variable("RAIL_AZURE_ACCOUNT", &account)
            .variable("RAIL_AZURE_ACCOUNT_KEY", &key);
        let place = Place::Container(store.clone(), lane);
        Exported::start(installation, place, Layout::Xml, LARGE).await
    });
    let lanes = join_all(lanes).await;
    steps::every("an export of three blocks", &lanes, Exported::crash).await
}

fn lane_of(name: &str, settings: &Settings) -> Builder {
    Installation::builder(&format!("export-steps-{name}"), &settings.logs)
}

fn skipped(why: &str) -> Tally {
    Tally {
        notes: vec![format!("skipped: {why}")],
        ..Tally::default()
    }
}

impl Exported {
    /// With its records, and a run that nothing happens to.
    async fn start(installation: Builder, place: Place, layout: Layout, records: Records) -> Self {
        let mut exported = Self {
            installation: installation.start().await,
            place,
            layout,
            records,
            unbroken: Vec::new(),
            left: Cell::default(),
        };
        exported.put().await;
        let _worker = exported.installation.start_worker();
        let run = exported.run("unbroken").await;
        let done = exported.ended(&run).await;
        assert_eq!(done["status"], "COMPLETED", "{done}");
        exported.unbroken = exported.visible("unbroken").await;
        exported
    }

    async fn put(&self) {
        let padding = "x".repeat(self.records.padding);
        let line = |id: usize| format!("{{\"id\":\"{id}\",\"padding\":\"{padding}\"}}\n");
        let lines: String = (0..self.records.count).map(line).collect();
        for entity in self.records.entities {
            let request = self
                .installation
                .caller
                .request(Method::PUT, &format!("/records/{entity}"))
                .header("content-type", "application/x-ndjson")
                .body(lines.clone());
            let put = send(request).await.expect(200);
            assert_eq!(put["created"], self.records.count, "{put}");
        }
    }

    /// Asks for a run of an export to a folder of its own: its path.
    async fn run(&self, folder: &str) -> String {
        let caller = &self.installation.caller;
        let export = json!({
            "name": "Steps", "format": self.layout.format(), "options": self.layout.options(),
            "entities": self.records.entities, "destination": self.place.destination(folder),
        });
        let export = caller.post("/exports", &export).await.expect(201);
        let runs = format!("/exports/{}/run", text(&export, "exportId"));
        let run = caller.post(&runs, &Value::Null).await.expect(202);
        format!("{runs}s/{}", text(&run, "runId"))
    }

    async fn ended(&self, run: &str) -> Value {
        let mut done = Value::Null;
        wait_until(SOON * 4, "the run ends", async || {
            done = self.installation.caller.get(run).await.expect(200);
            is_over(&done)
        })
        .await;
        done
    }

    /// The files of records that a run writes to which nothing happens.
    fn unbroken_files(&self) -> impl Iterator<Item = &Visible> {
        let files = self.unbroken.iter();
        files.filter(|file| Layout::of(&file.path).is_some())
    }

    async fn visible(&self, folder: &str) -> Vec<Visible> {
        self.place.visible(&self.installation, folder).await
    }

    /// One run, whose first worker dies at a step; `None` when it completed before it came to that step.
    async fn crash(&self, step: u64) -> Option<Tally> {
        let mut tally = Tally::default();
        let folder = format!("step-{step}");
        let mut doomed = steps::doomed(&self.installation, step);
        let run = self.run(&folder).await;
        let is_done = async || is_over(&self.installation.caller.get(&run).await.expect(200));
        if !steps::died(&mut doomed, "the run completes", is_done).await {
            let done = self.ended(&run).await;
            assert_eq!(done["status"], "COMPLETED", "{done}");
            return None;
        }
        tally.runs += 1;
        for file in self.visible(&folder).await {
            tally.demand(file.is_whole(self.records.count), || {
                format!("{} is visible in part", file.path)
            });
        }
        let left = self.place.unfinished().await > 0;
        self.left.set(self.left.get() + u64::from(left));
        let since = Instant::now();
        let _worker = self.installation.start_worker();
        let done = self.ended(&run).await;
        tally.recoveries.push(since.elapsed());
        tally.demand(done["status"] == "COMPLETED", || {
            format!("it ended as {done}")
        });
        self.check(&mut tally, &done, &self.visible(&folder).await);
        wait_until(SOON * 2, "nothing unseen is left", async || {
            let noted = "SELECT count(*) FROM unfinished_uploads";
            self.place.unfinished().await == 0 && self.installation.database.ask(noted).await == 0
        })
        .await;
        Some(tally)
    }

    /// Files are where the run says and as it says, and hold what those of the unbroken run hold; whatever else is to be
    /// seen is whole too.
    fn check(&self, tally: &mut Tally, done: &Value, visible: &[Visible]) {
        let at = |path: &str| visible.iter().find(|file| file.path == path);
        let files = done["files"].as_array().cloned().unwrap_or_default();
        tally.demand(files.len() == self.unbroken_files().count(), || {
            format!("it left {done}")
        });
        for file in &files {
            let found = at(text(file, "path"));
            let digest = found.map_or_else(String::new, |it| {
                format!("{:x}", Sha256::digest(&it.content))
            });
            tally.demand(file["sha256"] == digest.as_str(), || {
                format!("{file} has the digest {digest}")
            });
        }
        for entity in self.records.entities {
            let of_entity = files.iter().find(|file| file["entity"] == *entity);
            let found = of_entity.and_then(|file| at(text(file, "path")));
            let named = format!("/{entity}-");
            let unbroken = self.unbroken_files().find(|it| it.path.contains(&named));
            let records =
                |file: Option<&Visible>| file.map(|it| self.layout.records(&it.content).to_owned());
            let same = found.is_some() && records(found) == records(unbroken);
            tally.demand(same, || {
                format!("{entity} is not what an unbroken run writes")
            });
        }
        for file in visible {
            tally.demand(file.is_whole(self.records.count), || {
                format!("{} is visible in part", file.path)
            });
        }
        let manifest = at(done["manifest"].as_str().unwrap_or_default());
        tally.demand(
            manifest.is_some_and(|it| Layout::of(&it.path).is_none()),
            || format!("no manifest is at {}", done["manifest"]),
        );
    }
}

fn is_over(run: &Value) -> bool {
    !matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING"))
}
