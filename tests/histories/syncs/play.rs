//! Plays a history, and compares what is stored and counted with the model after every sync.

use rail_tests::harness::text;
use rail_tests::sandbox::Fault;
use serde_json::{Value, json};

use super::follower::Follower;
use super::history::{Ask, At, Change, DAY_S, Effect, History, Kind, Mishap, day_s};
use super::lane::{Lane, Played, Stage};
use super::model::{Counts, Known, Model, Unshown};
use super::stored::Stored;
use super::truth::{Shown, Truth, Version};
use crate::same;

/// What is read again, however often.
const LOOKBACK_S: i64 = 600;
/// The feed tells of no more.
const REACH_S: i64 = 29 * DAY_S;

/// One of the two entities.
struct Entity {
    truth: Truth,
    model: Model,
    known: Known,
    stored: Stored,
    follower: Follower,
    /// Snapshots that were made, by path, and what each holds.
    snapshots: Vec<(String, Value)>,
}

/// What a sync must leave behind of one entity.
struct Expected {
    model: Model,
    known: Known,
    counts: Counts,
    errors: i64,
    fetched: i64,
}

/// Plays all of it; says what is not as it must be.
pub async fn play(lane: &Lane, history: &History) -> Result<(), String> {
    let stage = lane.stage(history).await;
    let stripe = lane.rail.sandbox.stripe();
    let mut entities = history.entities.map(|(entity, _)| Entity {
        truth: Truth::new(stripe, entity),
        model: Model::default(),
        known: Known::default(),
        stored: Stored::default(),
        follower: Follower::new(&stage, entity),
        snapshots: Vec::new(),
    });
    for (at, round) in history.rounds.iter().enumerate() {
        round
            .changes
            .iter()
            .for_each(|change| happen(&stage, &mut entities, *change));
        sync(&stage, &mut entities, &round.ask)
            .await
            .map_err(|wrong| format!("in round {at}: {wrong}"))?;
    }
    last(&stage, &mut entities)
        .await
        .map_err(|wrong| format!("at the end: {wrong}"))
}

fn happen(stage: &Stage<'_>, entities: &mut [Entity; 2], change: Change) {
    match change {
        Change::Wait(seconds) => stage.wait(seconds),
        Change::Create(at, _)
        | Change::Update(at, _)
        | Change::Same(at, _)
        | Change::Respell(at, _)
        | Change::Spoil(at, _)
        | Change::Mend(at, _)
        | Change::Delete(at, _)
        | Change::Lose(at, _)
        | Change::FindAgain(at) => entities[at].truth.change(change),
    }
}

/// Whatever happened: after a FULL sync that nothing disturbs all is as the vendor has it, and who begins to follow the feed
/// now ends with that.
async fn last(stage: &Stage<'_>, entities: &mut [Entity; 2]) -> Result<(), String> {
    let ask = Ask {
        kind: Kind::Full,
        may_delete: 100,
        mishaps: Vec::new(),
        troubles: Vec::new(),
    };
    sync(stage, entities, &ask).await?;
    for entity in entities {
        // Of one that cannot be stored, an older version stays.
        let (bad, good): (Vec<_>, Vec<_>) = entity
            .truth
            .live()
            .partition(|(_, version)| version.is_bad());
        let good = good
            .into_iter()
            .map(|(id, version)| (id.clone(), version.value.clone()));
        let stored = entity
            .stored
            .live()
            .filter(|(id, _)| bad.iter().all(|(bad, _)| bad != id));
        let stored = stored.map(|(id, value)| (id.clone(), Some(value.clone())));
        same(
            "the records of the vendor",
            stored.collect::<Vec<_>>(),
            good.collect(),
        )?;
        let mut new = Follower::new(stage, entity.truth.entity);
        new.catch_up(stage).await?;
        new.compare(&entity.stored)?;
        for (path, held) in &entity.snapshots {
            same(
                "a snapshot made before",
                held.clone(),
                snapshot(stage, path).await,
            )?;
        }
    }
    Ok(())
}

async fn sync(stage: &Stage<'_>, entities: &mut [Entity; 2], ask: &Ask) -> Result<(), String> {
    // What is read was vouched for in another second than what comes after.
    stage.wait(1);
    let expected = [0, 1].map(|at| expect(stage, &entities[at], ask));
    let Some(played) = stage.play(ask).await? else {
        let open = entities.iter().any(|entity| !entity.model.open.is_empty());
        return if open {
            Err("open errors were not found".to_owned())
        } else {
            Ok(())
        };
    };
    let effect = effect(stage, entities, ask);
    status(&played, ask, effect, &expected)?;
    for (entity, expected) in entities.iter_mut().zip(expected) {
        check(stage, entity, ask, &played, effect, expected)
            .await
            .map_err(|wrong| {
                format!(
                    "{} of {ask:?}: {wrong}\n{}",
                    entity.truth.entity, played.sync
                )
            })?;
    }
    Ok(())
}

/// What can be said of it.
fn effect(stage: &Stage<'_>, entities: &[Entity; 2], ask: &Ask) -> Effect {
    let disorder = ask
        .mishaps
        .iter()
        .any(|mishap| mishap.at == At::Feed && mishap.fault == Fault::ReorderedPage);
    let (vendor_s, _) = stage.now_s();
    // Of two changes in one second only their places tell which was the last.
    let ties = entities.iter().any(|entity| {
        entity
            .truth
            .has_ties(entity.known.through_s.unwrap_or(vendor_s))
    });
    let worst = ask.mishaps.iter().map(Mishap::effect).max();
    if disorder && ties {
        Effect::Unknown
    } else {
        worst.unwrap_or(Effect::None)
    }
}

/// What the model says of a sync before it is played.
fn expect(stage: &Stage<'_>, entity: &Entity, ask: &Ask) -> Expected {
    let (vendor_s, ours_s) = stage.now_s();
    let (truth, known) = (&entity.truth, &entity.known);
    let (before_s, through_s) = (ours_s - LOOKBACK_S, ours_s.min(vendor_s) - LOOKBACK_S);
    let read = |created_s: i64| created_s < before_s && known.covers(created_s);
    let since_s = known
        .through_s
        .map(|through| through.min(before_s))
        .filter(|since| ours_s - since < REACH_S);
    let (mut shown, all, after) = match (ask.kind, since_s) {
        (Kind::Snapshot | Kind::Retry, _) => (Shown::default(), false, known.clone()),
        (Kind::Days { again, from, to }, _) => {
            let (from_s, until_s) = (day_s(from), day_s(to + 1));
            let inside = |at: i64| (from_s..until_s).contains(&at) && (again || !read(at));
            let mut after = known.clone();
            after.covered.push((from_s, until_s.min(through_s)));
            (truth.list(inside), false, after.normal())
        }
        (Kind::Incremental, Some(since_s)) if truth.is_told() => (
            truth.feed(since_s, stage.history.page),
            false,
            Known::all_before(through_s),
        ),
        (Kind::Incremental, _) if !truth.is_told() => (
            truth.list(|at| !read(at)),
            known.covered.is_empty(),
            Known::all_before(through_s),
        ),
        (Kind::Full | Kind::Incremental, _) => {
            (truth.list(|_| true), true, Known::all_before(through_s))
        }
    };
    if matches!(ask.kind, Kind::Full | Kind::Incremental | Kind::Retry) {
        read_singly(entity, &mut shown);
    }
    let unshown = if all {
        Unshown::Goes {
            at_most: f64::from(ask.may_delete) / 100.0,
            as_of: truth.now(),
        }
    } else {
        Unshown::Stays
    };
    let mut model = entity.model.clone();
    let mut counts = model.take(&shown, unshown);
    if ask.kind == Kind::Snapshot {
        // A copy set apart: all of it is new.
        shown = truth.list(|_| true);
        let mut copy = Model::default();
        counts = copy.take(&shown, Unshown::Stays);
        model.open.extend(copy.open);
    }
    let mut errors = counts.bad.len() as i64;
    if ask.kind == Kind::Retry {
        errors += entity.stored.unnamed;
        shown.fetched += entity.stored.unnamed;
    }
    Expected {
        model,
        known: after,
        counts,
        errors,
        fetched: shown.fetched,
    }
}

/// Records whose errors are still open, and which the walk did not meet as such, are read by their ids.
fn read_singly(entity: &Entity, shown: &mut Shown) {
    let mut walked = entity.model.clone();
    let met = walked.take(shown, Unshown::Stays).bad;
    for id in walked.open.keys().filter(|id| !met.contains(*id)) {
        shown.fetched += 1;
        match entity.truth.one(id) {
            Some(one) if one.value.is_some() || walked.rows.contains_key(id) => {
                shown.versions.insert(0, (id.clone(), one));
            }
            _ => shown.absent.push(id.clone()),
        }
    }
}

fn status(
    played: &Played,
    ask: &Ask,
    effect: Effect,
    expected: &[Expected; 2],
) -> Result<(), String> {
    let refused = expected.iter().any(|expected| expected.counts.refused);
    let status = text(&played.sync, "status");
    let kind = &played.sync["error"]["kind"];
    let as_expected = match (status, effect) {
        ("COMPLETED", Effect::Unknown) => true,
        ("COMPLETED", _) => !refused,
        ("FAILED", Effect::Unknown) => {
            ask.mishaps.iter().any(Mishap::misleads) || kind == "deletes-refused"
        }
        ("FAILED", _) => refused && kind == "deletes-refused",
        _ => false,
    };
    if as_expected {
        Ok(())
    } else {
        Err(format!("{ask:?} ends as {}", played.sync))
    }
}

async fn check(
    stage: &Stage<'_>,
    entity: &mut Entity,
    ask: &Ask,
    played: &Played,
    effect: Effect,
    expected: Expected,
) -> Result<(), String> {
    let name = entity.truth.entity;
    let before = std::mem::take(&mut entity.stored);
    let after = Stored::of(stage, name, played).await;
    let stats = &played.sync["stats"][name];
    if stats.is_object() {
        after.adds_up(&before, stats, ask.kind == Kind::Snapshot)?;
    }
    entity.follower.catch_up(stage).await?;
    entity.follower.compare(&after)?;
    if effect == Effect::Unknown {
        entity.truth.catch_up();
        entity.model = after.as_model(&entity.truth, &entity.model)?;
        entity.known = after.known.clone();
    } else {
        compare(&after, &before, &expected.model)?;
        if stats.is_object() {
            count(stats, &expected, effect)?;
        }
        same(
            "what is known",
            after.known.normal(),
            expected.known.normal(),
        )?;
        entity.model = expected.model;
        entity.known = expected.known;
    }
    if ask.kind == Kind::Snapshot && played.sync["status"] == "COMPLETED" {
        let path = format!(
            "/connections/{}/snapshots/{}/records/{name}?limit=200",
            stage.connection,
            text(&played.sync, "syncId").replace("sync_", "snap_")
        );
        let held = snapshot(stage, &path).await;
        if effect != Effect::Unknown {
            let good = entity.truth.live().filter(|(_, version)| !version.is_bad());
            let good: Vec<Value> = good
                .map(|(id, version)| json!([id, version.value]))
                .collect();
            same("the snapshot", held.clone(), Value::from(good))?;
        }
        entity.snapshots.push((path, held));
    }
    entity.stored = after;
    Ok(())
}

fn compare(after: &Stored, before: &Stored, model: &Model) -> Result<(), String> {
    let rows = |model: &Model| -> Vec<(String, Value)> {
        let live = |(id, row): (&String, &Version)| Some((id.clone(), row.value.clone()?));
        model.rows.iter().filter_map(live).collect()
    };
    let stored = after.live().map(|(id, value)| (id.clone(), value.clone()));
    same("the records", stored.collect::<Vec<_>>(), rows(model))?;
    same(
        "the open errors",
        after.open.clone(),
        model.open.keys().cloned().collect(),
    )?;
    for (id, row) in &after.rows {
        let same_value = before
            .rows
            .get(id)
            .is_some_and(|was| was.value == row.value);
        let same_set = before
            .rows
            .get(id)
            .is_some_and(|was| was.change_set == row.change_set);
        if same_value != same_set {
            return Err(format!(
                "{id} was {}written",
                if same_set { "not " } else { "" }
            ));
        }
    }
    Ok(())
}

fn count(stats: &Value, expected: &Expected, effect: Effect) -> Result<(), String> {
    let is = |name: &str| stats[name].as_i64().unwrap_or(-1);
    let Expected {
        counts,
        errors,
        fetched,
        ..
    } = expected;
    let told = ["created", "updated", "deleted", "errors"].map(is);
    same(
        "created, updated, deleted, errors",
        told,
        [counts.created, counts.updated, counts.deleted, *errors],
    )?;
    match effect {
        Effect::None => same("fetched", is("fetched"), *fetched),
        _ if is("fetched") >= *fetched => Ok(()),
        _ => Err(format!(
            "{fetched} are to be fetched, and {} were",
            is("fetched")
        )),
    }
}

async fn snapshot(stage: &Stage<'_>, path: &str) -> Value {
    let records = stage.lane.rail.caller.get(path).await.expect(200);
    let records = records.as_array().expect("a list").iter();
    records
        .map(|record| json!([record["externalId"], record["record"]]))
        .collect()
}
