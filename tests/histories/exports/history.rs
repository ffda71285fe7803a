//! A history as it is drawn from a seed: what becomes of records, what is exported, and what befalls the workers meanwhile.

use rail_tests::draw::Draw;

use crate::runner::less_one;
use crate::trouble::Trouble;

/// Ids are below it, so that records change again and again; but for those that come in crowds.
const IDS: u64 = 12;
/// More than are handed over at once.
const CROWD: u64 = 1_100;

/// All of it.
#[derive(Debug, Clone)]
pub struct History {
    pub rounds: Vec<Round>,
}

/// Some changes, then a run of an export.
#[derive(Debug, Clone)]
pub struct Round {
    pub changes: Vec<Change>,
    pub kind: Kind,
    /// What befalls the attempts, one after the other.
    pub troubles: Vec<Trouble>,
    /// What changes after each attempt.
    pub meanwhile: Vec<Vec<Change>>,
    /// After how many attempts it is cancelled.
    pub cancelled_after: Option<usize>,
}

/// What becomes of records of one of the two entities.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// These are put, with this value; which may be what they have.
    Put {
        entity: usize,
        from: u64,
        count: u64,
        value: u64,
    },
    Delete {
        entity: usize,
        id: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is there now, by an export of its own.
    Now(Form),
    /// What changed since the last run of an export that is the same all along.
    Changes,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Lines,
    Array,
    Csv,
}

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw::new(seed, 5, 0);
        let rounds = 2 + draw.below(4);
        Self {
            rounds: (0..rounds).map(|_| round(&mut draw)).collect(),
        }
    }
}

impl Round {
    /// The same with one thing less, for every one thing there is.
    pub fn smaller(&self) -> Vec<Self> {
        let changes = less_one(&self.changes).map(|changes| Self {
            changes,
            ..self.clone()
        });
        let troubles = less_one(&self.troubles).map(|troubles| Self {
            troubles,
            ..self.clone()
        });
        let meanwhile = self.meanwhile.iter().enumerate();
        let meanwhile = meanwhile.flat_map(|(turn, changes)| {
            less_one(changes).map(move |changes| {
                let mut less = self.clone();
                less.meanwhile[turn] = changes;
                less
            })
        });
        let uncancelled = self.cancelled_after.map(|_| Self {
            cancelled_after: None,
            ..self.clone()
        });
        let less = changes.chain(troubles).chain(meanwhile);
        less.chain(uncancelled).collect()
    }
}

fn round(draw: &mut Draw) -> Round {
    let changes = changes(draw, 7);
    let kind = match draw.below(6) {
        0 => Kind::Now(Form::Lines),
        1 => Kind::Now(Form::Array),
        2 => Kind::Now(Form::Csv),
        _ => Kind::Changes,
    };
    let troubles = if draw.chance(75) {
        1 + draw.below(3)
    } else {
        0
    };
    Round {
        changes,
        kind,
        troubles: (0..troubles).map(|_| trouble(draw)).collect(),
        meanwhile: (0..troubles).map(|_| self::changes(draw, 4)).collect(),
        cancelled_after: draw.chance(12).then(|| draw.below(3) as usize),
    }
}

fn changes(draw: &mut Draw, below: u64) -> Vec<Change> {
    let count = draw.below(below);
    (0..count).map(|_| change(draw)).collect()
}

fn change(draw: &mut Draw) -> Change {
    let entity = draw.below(2) as usize;
    let put = |from, count, value| Change::Put {
        entity,
        from,
        count,
        value,
    };
    match draw.below(40) {
        0 => put(100 + draw.below(200), CROWD, draw.below(2)),
        1..=27 => put(draw.below(IDS), 1 + draw.below(4), draw.below(3)),
        _ => Change::Delete {
            entity,
            id: draw.below(IDS),
        },
    }
}

fn trouble(draw: &mut Draw) -> Trouble {
    match draw.below(10) {
        0..=3 => Trouble::Crash(draw.below(12)),
        4..=5 => Trouble::Stop(draw.below(10)),
        6..=7 => Trouble::Freeze(draw.below(6)),
        8 => Trouble::Nap(draw.below(6)),
        _ => Trouble::Race,
    }
}
