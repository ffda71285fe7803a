//! Plays a history, and compares what each run left with the model.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rail_shared::domain::{JobId, RunId, Scope};
use rail_shared::store::Store;
use rail_tests::harness::{Caller, Rail, send, text};
use rail_worker::Worker;
use reqwest::Method;
use serde_json::{Value, json};

use super::files::{Left, of_manifest, rows};
use super::history::{Change, Form, History, Kind, Round};
use super::model::{ENTITIES, Rows, State, record};
use crate::course::{Course, Turn};

/// Where histories are played, one after the other: a rail without workers of its own, and two workers that do only what they
/// are told.
pub struct Lane {
    rail: Rail,
    store: Store,
    workers: [Worker; 2],
}

impl Lane {
    pub async fn start() -> Self {
        let rail = Rail::builder().workers(0).start().await;
        Self {
            store: rail.database.store(),
            workers: [rail.worker(), rail.worker()],
            rail,
        }
    }
}

/// A tenant of its own for one history.
struct Stage<'l> {
    lane: &'l Lane,
    tenant: String,
    caller: Caller,
    /// What there was to be exported, from the beginning on.
    states: Vec<State>,
    /// The export of changes.
    following: Option<String>,
    /// As of which changes of each entity its last run may have been.
    marks: Vec<[u64; 2]>,
}

/// What a run may have written, and as of which changes that is.
type Possible = ([Rows; 2], [u64; 2]);

/// Plays all of it; says what is not as it must be.
pub async fn play(lane: &Lane, history: &History) -> Result<(), String> {
    let tenant = format!("history-{}", JobId::new().uuid().simple());
    let mut stage = Stage {
        lane,
        caller: lane.rail.caller_of(&tenant, Scope::ALL).await,
        tenant,
        states: vec![State::default()],
        following: None,
        marks: vec![[0, 0]],
    };
    for entity in 0..ENTITIES.len() {
        let (from, count, value) = (0, 1, 0);
        let first = Change::Put {
            entity,
            from,
            count,
            value,
        };
        stage.change(&[first]).await;
    }
    for (at, round) in history.rounds.iter().enumerate() {
        stage.change(&round.changes).await;
        let played = stage.run(round).await;
        played.map_err(|wrong| format!("in round {at}: {wrong}"))?;
    }
    Ok(())
}

impl Stage<'_> {
    async fn change(&mut self, changes: &[Change]) {
        let mut state = self.states.last().cloned().unwrap_or_default();
        for change in changes {
            let (Change::Put { entity, .. } | Change::Delete { entity, .. }) = *change;
            let path = format!("/records/{}", ENTITIES[entity]);
            match *change {
                Change::Put {
                    from, count, value, ..
                } => {
                    let records: Vec<Value> =
                        (from..from + count).map(|id| record(id, value)).collect();
                    let put = self.caller.request(Method::PUT, &path).json(&records);
                    let _ = send(put).await.expect(200);
                }
                Change::Delete { id, .. } if state[entity].has(id) => {
                    let path = format!("{path}/record?externalId={id}");
                    let _ = self.caller.delete(&path).await.expect(204);
                }
                Change::Delete { .. } => {}
            }
            state[entity].take(*change);
        }
        self.states.push(state);
    }

    /// The export that is to run, and in which form its files are.
    async fn export(&mut self, kind: Kind) -> (String, Form) {
        let form = match kind {
            Kind::Now(form) => form,
            Kind::Changes => Form::Lines,
        };
        if let (Kind::Changes, Some(following)) = (kind, &self.following) {
            return (following.clone(), form);
        }
        let (format, options) = match form {
            Form::Lines => ("JSON", json!({"layout": "LINES"})),
            Form::Array => ("JSON", json!({})),
            Form::Csv => ("CSV", json!({})),
        };
        let body = json!({
            "name": "History", "format": format, "options": options, "entities": ENTITIES,
            "destination": {"type": "LOCAL", "path": format!("{}/{{runId}}", self.tenant)},
            "incremental": kind == Kind::Changes,
        });
        let made = self.caller.post("/exports", &body).await.expect(201);
        let made = text(&made, "exportId").to_owned();
        if kind == Kind::Changes {
            self.following = Some(made.clone());
        }
        (made, form)
    }

    async fn run(&mut self, round: &Round) -> Result<(), String> {
        let (export, form) = self.export(round.kind).await;
        let start = format!("/exports/{export}/run");
        let accepted = self.caller.post(&start, &Value::Null).await.expect(202);
        let run = text(&accepted, "runId");
        let path = format!("/exports/{export}/runs/{run}");
        let id: RunId = run.parse().expect("an id");
        let begun = self.attempts(id.into(), &path, round).await?;

        let told = self.caller.get(&path).await.expect(200);
        let possible = self.possible(round.kind, &begun);
        let folder = self.lane.rail.export_dir().join(&self.tenant).join(run);
        let left = Left::of(&folder);
        all_are_whole(&left, form, &possible)?;
        self.all_are_noted(&left).await?;
        match text(&told, "status") {
            "COMPLETED" => {
                let manifest = PathBuf::from(text(&told, "manifest"));
                if !left.manifests.contains(&manifest) {
                    return Err(format!("there is no manifest of {told}"));
                }
                let written = of_manifest(&manifest, form)?;
                let count: usize = written.iter().map(Rows::len).sum();
                if told["rows"] != count {
                    return Err(format!("{count} records are in the files of {told}"));
                }
                if round.kind == Kind::Changes {
                    let same = possible.into_iter().filter(|(rows, _)| *rows == written);
                    self.marks = same.map(|(_, marks)| marks).collect();
                }
                Ok(())
            }
            "CANCELLED" if round.cancelled_after.is_some() => Ok(()),
            _ => Err(format!("it ended as {told}")),
        }
    }

    /// Has the workers try until the run is over, and lets happen what happens meanwhile. Returns as of which states they began.
    async fn attempts(
        &mut self,
        job: JobId,
        path: &str,
        round: &Round,
    ) -> Result<BTreeSet<usize>, String> {
        let lane = self.lane;
        let mut course = Course::new(
            &lane.rail.database,
            &lane.store,
            job,
            round.troubles.clone(),
        );
        let mut begun = BTreeSet::new();
        for turn in 0.. {
            begun.insert(self.states.len() - 1);
            if let Turn::Over(_) = course.turn(&lane.workers).await? {
                break;
            }
            if round.cancelled_after == Some(turn) {
                let cancelled = self
                    .caller
                    .post(&format!("{path}/cancel"), &Value::Null)
                    .await;
                if !matches!(cancelled.status, 202 | 409) {
                    return Err(format!("to be cancelled is answered {}", cancelled.text));
                }
            }
            if let Some(changes) = round.meanwhile.get(turn) {
                self.change(changes).await;
            }
        }
        course.end().await?;
        Ok(begun)
    }

    /// What is hidden is known to those who take away what nobody writes any more.
    async fn all_are_noted(&self, left: &Left) -> Result<(), String> {
        let noted = "SELECT coalesce(jsonb_agg(token), '[]') FROM unfinished_uploads";
        let noted = self.lane.rail.database.ask(noted).await;
        for hidden in &left.hidden {
            let name = hidden.file_name().unwrap_or_default().to_string_lossy();
            let is_noted = noted
                .as_array()
                .into_iter()
                .flatten()
                .any(|it| *it == *name);
            // It may just be taken away.
            if !is_noted && hidden.exists() {
                return Err(format!("nobody knows of {}", hidden.display()));
            }
        }
        Ok(())
    }

    fn possible(&self, kind: Kind, begun: &BTreeSet<usize>) -> Vec<Possible> {
        let states = begun.iter().map(|at| &self.states[*at]);
        let written = |state: &State| -> Vec<Possible> {
            let now = [state[0].changes, state[1].changes];
            match kind {
                Kind::Now(form) => vec![([state[0].now(form), state[1].now(form)], now)],
                Kind::Changes => {
                    let marks = self.marks.iter();
                    marks
                        .map(|marks| ([0, 1].map(|entity| state[entity].since(marks[entity])), now))
                        .collect()
                }
            }
        };
        states.flat_map(written).collect()
    }
}

/// Whatever is visible of a run holds all of what there was at one moment, whoever wrote it.
fn all_are_whole(left: &Left, form: Form, possible: &[Possible]) -> Result<(), String> {
    for manifest in &left.manifests {
        let written = of_manifest(manifest, form)?;
        if !possible.iter().any(|(rows, _)| *rows == written) {
            return Err(format!(
                "{} is of no moment: {written:?}\nand not one of {possible:?}",
                manifest.display()
            ));
        }
    }
    for file in &left.files {
        let content = fs::read(file).map_err(|error| error.to_string())?;
        let written = rows(&content, form).map_err(|why| format!("{}: {why}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let entity = ENTITIES.iter().position(|entity| name.starts_with(entity));
        let entity = entity.ok_or_else(|| format!("nobody knows what {name} is"))?;
        if !possible.iter().any(|(rows, _)| rows[entity] == written) {
            return Err(format!("{name} is of no moment: {written:?}"));
        }
    }
    Ok(())
}
