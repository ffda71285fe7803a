//! A history as it is drawn from a seed: what changes at the vendor, what is asked of the rail, and what goes wrong.

use rail_tests::draw::Draw;
use rail_tests::sandbox::{Fault, Rule};

use crate::runner::less_one;
use crate::trouble::Trouble;

/// The day on which every history begins, some time after the records of the start were created.
pub const START_S: i64 = 1_772_323_200;
/// When those were: thirty days, up to twelve before.
pub const CREATED_S: (i64, i64) = (START_S - 42 * DAY_S, START_S - 12 * DAY_S);
pub const DAY_S: i64 = 86_400;

/// When a day begins; the first is that of the first record.
pub fn day_s(day: i64) -> i64 {
    CREATED_S.0 + day * DAY_S
}

/// Entities that differ in how their changes are told: by the feed (a deleted customer still is a cursor; products carry the
/// time of their last change), or not at all.
const ENTITIES: [&str; 4] = ["customers", "products", "prices", "balance_transactions"];

/// All of it.
#[derive(Debug, Clone)]
pub struct History {
    pub seed: u64,
    /// The two entities, and how many records of each there are at the start.
    pub entities: [(&'static str, u64); 2],
    /// Records on a page.
    pub page: usize,
    /// Records in a transaction, about.
    pub batch: usize,
    /// How far the workers' clock is ahead of the vendor's.
    pub ahead_s: i64,
    pub rounds: Vec<Round>,
}

/// Some changes, then a sync.
#[derive(Debug, Clone)]
pub struct Round {
    pub changes: Vec<Change>,
    pub ask: Ask,
}

/// Something that happens at the vendor to one of the two entities; which record, the number says.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    Create(usize, u64),
    Update(usize, u64),
    /// An update that changes nothing.
    Same(usize, u64),
    /// The same record in other words.
    Respell(usize, u64),
    /// It becomes one that Postgres cannot store.
    Spoil(usize, u64),
    Mend(usize, u64),
    Delete(usize, u64),
    /// The vendor loses it by mistake, and says nothing.
    Lose(usize, u64),
    FindAgain(usize),
    Wait(i64),
}

/// What is asked, and how it is disturbed.
#[derive(Debug, Clone)]
pub struct Ask {
    pub kind: Kind,
    /// The greatest part of an entity that may be deleted because it was not seen, in percent.
    pub may_delete: u32,
    pub mishaps: Vec<Mishap>,
    /// What befalls the attempts, one after the other.
    pub troubles: Vec<Trouble>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Full,
    Incremental,
    Snapshot,
    /// Days since the first of the records, both included; read again or only what is not covered.
    Days {
        again: bool,
        from: i64,
        to: i64,
    },
    /// Of what has an open error.
    Retry,
}

/// The vendor misbehaves: on the list of one of the entities, or on the feed.
#[derive(Debug, Clone)]
pub struct Mishap {
    pub at: At,
    pub fault: Fault,
    /// Requests that pass unharmed first; `None` where all are harmed.
    pub after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    List(usize),
    Feed,
}

/// How much can still be said of a sync that a fault befell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// All: it is as if nothing had been.
    None,
    /// All but how often records are met.
    Twice,
    /// Only what is true of every sync: records were spoilt on the way, or the vendor's changed meanwhile.
    Unknown,
}

impl Mishap {
    pub fn effect(&self) -> Effect {
        match (&self.fault, self.at) {
            (Fault::DuplicateAcrossPages | Fault::DuplicateWithinPage, _) => Effect::Twice,
            (Fault::RepeatedCursor | Fault::CircleOfPages, _)
            | (
                Fault::NulInString
                | Fault::LoneSurrogate
                | Fault::RecordWithoutId
                | Fault::InsertWhilePaging { .. }
                | Fault::DeleteWhilePaging { .. }
                | Fault::DeleteCursor,
                At::List(_),
            ) => Effect::Unknown,
            _ => Effect::None,
        }
    }

    /// Whether a walk may not find its way any more: its sync fails, also when it is put back, and the next begins anew.
    pub fn misleads(&self) -> bool {
        matches!(
            self.fault,
            Fault::RepeatedCursor | Fault::CircleOfPages | Fault::DeleteCursor
        )
    }

    /// Whether the vendor's records change while they are read.
    fn moves_records(&self) -> bool {
        matches!(
            self.fault,
            Fault::InsertWhilePaging { .. } | Fault::DeleteWhilePaging { .. } | Fault::DeleteCursor
        )
    }

    pub fn rule(&self, entities: &[(&str, u64); 2]) -> Rule {
        let path = match self.at {
            At::List(entity) => format!("/v1/{}", entities[entity].0),
            At::Feed => "/v1/events".to_owned(),
        };
        let rule = Rule::new(self.fault.clone()).on(&path);
        match self.after {
            Some(after) => rule.after(after),
            None => rule.always(),
        }
    }
}

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw::new(seed, 4, 0);
        let first = draw.below(4);
        let second = (first + 1 + draw.below(3)) % 4;
        let entities = [first, second].map(|at| (ENTITIES[at as usize], draw.below(28)));
        // Ahead mostly: what a vendor loses can be dated only where its clock is not ahead of ours.
        let ahead_s = draw.pick(&[0, 0, 1, 45, 90, -1, -90]);
        let rounds = 2 + draw.below(5);
        let rounds = (0..rounds).map(|_| round(&mut draw, ahead_s)).collect();
        Self {
            seed,
            entities,
            page: 3 + draw.below(8) as usize,
            batch: 1 + draw.below(20) as usize,
            ahead_s,
            rounds,
        }
    }
}

impl Round {
    /// The same with one thing less, for every one thing there is.
    pub fn smaller(&self) -> Vec<Self> {
        let with = |ask| Self {
            ask,
            ..self.clone()
        };
        let changes = less_one(&self.changes).map(|changes| Self {
            changes,
            ..self.clone()
        });
        let ask = &self.ask;
        let mishaps = less_one(&ask.mishaps).map(|mishaps| {
            with(Ask {
                mishaps,
                ..ask.clone()
            })
        });
        let troubles = less_one(&ask.troubles).map(|troubles| {
            with(Ask {
                troubles,
                ..ask.clone()
            })
        });
        changes.chain(mishaps).chain(troubles).collect()
    }
}

fn round(draw: &mut Draw, ahead_s: i64) -> Round {
    let changes = (0..draw.below(9)).map(|_| change(draw, ahead_s)).collect();
    let kind = match draw.below(20) {
        0..=5 => Kind::Full,
        6..=13 => Kind::Incremental,
        14..=15 => Kind::Snapshot,
        16..=17 => {
            let from = draw.between(-3, 44);
            Kind::Days {
                again: draw.chance(50),
                from,
                to: from + draw.between(0, 12),
            }
        }
        _ => Kind::Retry,
    };
    let mishaps = if draw.chance(40) {
        1 + draw.below(2)
    } else {
        0
    };
    let troubles = if draw.chance(50) {
        1 + draw.below(3)
    } else {
        0
    };
    let mut mishaps: Vec<Mishap> = (0..mishaps).map(|_| mishap(draw)).collect();
    // What changes behind everybody's back is noted afterwards, which works for one such mishap.
    if let Some(at) = mishaps.iter().position(Mishap::moves_records) {
        mishaps = vec![mishaps.swap_remove(at)];
    }
    let ask = Ask {
        kind,
        may_delete: draw.pick(&[100, 100, 30]),
        mishaps,
        troubles: (0..troubles).map(|_| trouble(draw)).collect(),
    };
    Round { changes, ask }
}

fn change(draw: &mut Draw, ahead_s: i64) -> Change {
    // Few records, so that they change again and again.
    let (entity, which) = (draw.below(2) as usize, draw.below(8));
    match draw.below(20) {
        0..=2 => Change::Create(entity, 1 + draw.below(3)),
        3..=8 => Change::Update(entity, which),
        9 => Change::Same(entity, which),
        10 => Change::Respell(entity, which),
        11 => Change::Spoil(entity, which),
        12 => Change::Mend(entity, which),
        13..=14 => Change::Delete(entity, which),
        15 if ahead_s >= 0 => Change::Lose(entity, which),
        16 => Change::FindAgain(entity),
        // Within a second, within the lookback, beyond it, and up to beyond what the feed reaches back.
        _ => Change::Wait(draw.pick(&[
            1,
            2,
            300,
            599,
            600,
            601,
            3_600,
            DAY_S,
            28 * DAY_S,
            31 * DAY_S,
        ])),
    }
}

fn mishap(draw: &mut Draw) -> Mishap {
    let at = draw.pick(&[At::List(0), At::List(1), At::Feed]);
    let once = |fault, draw: &mut Draw| Mishap {
        at,
        fault,
        after: Some(draw.below(4)),
    };
    let always = |fault| Mishap {
        at,
        fault,
        after: None,
    };
    match draw.below(23) {
        0 => once(
            Fault::RateLimited {
                retry_after_s: None,
            },
            draw,
        ),
        1 => once(
            Fault::RateLimited {
                retry_after_s: Some(30),
            },
            draw,
        ),
        2 => once(Fault::Status { status: 500 }, draw),
        3 => once(Fault::Status { status: 503 }, draw),
        4 => once(Fault::Status { status: 403 }, draw),
        5 => once(Fault::ResetBeforeAnswer, draw),
        6 => once(Fault::ResetMidBody, draw),
        7 => once(Fault::TruncatedJson, draw),
        8 => once(Fault::EmptyObject, draw),
        9 => once(Fault::HtmlPage { status: 200 }, draw),
        10 => once(Fault::EmptyPageWithMore, draw),
        11 => once(Fault::RepeatedCursor, draw),
        12 => once(Fault::CircleOfPages, draw),
        13 => once(Fault::NulInString, draw),
        14 => once(Fault::LoneSurrogate, draw),
        15 => once(Fault::RecordWithoutId, draw),
        16 => once(Fault::InsertWhilePaging { records: 2 }, draw),
        17 => once(Fault::DeleteWhilePaging { records: 2 }, draw),
        18 => once(Fault::DeleteCursor, draw),
        19 => always(Fault::DuplicateAcrossPages),
        20 => always(Fault::DuplicateWithinPage),
        21 => once(Fault::StalledBody, draw),
        _ => always(Fault::ReorderedPage),
    }
}

fn trouble(draw: &mut Draw) -> Trouble {
    match draw.below(10) {
        0..=4 => Trouble::Crash(draw.below(28)),
        5..=6 => Trouble::Stop(draw.below(20)),
        7 => Trouble::Freeze(draw.below(3)),
        8 => Trouble::Nap(draw.below(3)),
        _ => Trouble::Race,
    }
}
