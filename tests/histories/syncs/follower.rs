//! Somebody who follows the feed of changes of an entity.

use std::collections::BTreeMap;

use rail_tests::harness::text;
use serde_json::Value;

use super::lane::Stage;
use super::stored::Stored;
use crate::same;

pub struct Follower {
    path: String,
    after: String,
    /// What it has of each record; `None` once it is told that it is gone.
    has: BTreeMap<String, Option<Value>>,
}

impl Follower {
    /// One who has nothing yet.
    pub fn new(stage: &Stage<'_>, entity: &str) -> Self {
        let path = format!(
            "/records/{entity}/changes?connectionId={}&limit=100",
            stage.connection
        );
        Self {
            path,
            after: String::new(),
            has: BTreeMap::new(),
        }
    }

    /// Reads to the end.
    pub async fn catch_up(&mut self, stage: &Stage<'_>) -> Result<(), String> {
        loop {
            let answer = stage
                .lane
                .rail
                .caller
                .get(&format!("{}{}", self.path, self.after))
                .await;
            if answer.status != 200 {
                return Err(format!("the feed of changes answers {}", answer.text));
            }
            for row in answer.body["data"].as_array().expect("a list") {
                let (id, change) = (text(row, "externalId"), text(row, "change"));
                let record = (change != "DELETED").then(|| row["record"].clone());
                let had = self.has.insert(id.to_owned(), record);
                if change == "UPDATED" && had.flatten().is_none() {
                    return Err(format!(
                        "{id} is told to be UPDATED to somebody who never had it"
                    ));
                }
            }
            self.after = format!("&after={}", text(&answer.body["page"], "nextCursor"));
            if answer.body["page"]["hasMore"] == false {
                return Ok(());
            }
        }
    }

    /// It must have what is stored.
    pub fn compare(&self, stored: &Stored) -> Result<(), String> {
        let rows = stored
            .rows
            .iter()
            .map(|(id, row)| (id.clone(), row.value.clone()));
        same(
            "what a follower has, and what is stored",
            self.has.clone(),
            rows.collect(),
        )
    }
}
