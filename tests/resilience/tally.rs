//! What a scenario counted.

use std::fmt::Write as _;
use std::time::Duration;

/// Counts of one scenario; all but `runs` and `recoveries` are to be nothing.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often something was broken.
    pub runs: u64,
    /// Jobs that were accepted and are gone or failed, and records that are missing.
    pub lost: u64,
    /// Jobs done twice, by two at once, or with a page counted twice.
    pub duplicated: u64,
    /// Jobs that wait for nothing.
    pub stuck: u64,
    /// From what was broken to the first work after it.
    pub recoveries: Vec<Duration>,
    /// Every sentence tells of something that is not as it must be.
    pub wrong: Vec<String>,
    /// What is worth a line even when all is well.
    pub notes: Vec<String>,
}

impl Tally {
    /// Adds what another run counted.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.stuck += other.stuck;
        self.recoveries.extend(other.recoveries);
        self.wrong.extend(other.wrong);
        self.notes.extend(other.notes);
    }

    /// Notes what is wrong unless it holds.
    pub fn demand(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Whether all is as it must be.
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.stuck == 0 && self.wrong.is_empty()
    }

    fn recovery(&self) -> (String, String) {
        let mut sorted = self.recoveries.clone();
        sorted.sort();
        let told = |at: Option<&Duration>| {
            at.map_or_else(|| "-".to_owned(), |it| format!("{:.1} s", it.as_secs_f64()))
        };
        (told(sorted.get(sorted.len() / 2)), told(sorted.last()))
    }
}

/// The closing table, as the documentation shows it.
pub fn table(rows: &[(&str, Option<Tally>, Duration)]) -> String {
    let mut text = String::from(
        "| scenario | runs | lost | duplicated | stuck | recovery p50 | recovery max | took |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, tally, took) in rows {
        let name = name.replace('_', " ");
        let took = took.as_secs_f64();
        let _ = match tally {
            Some(tally) => {
                let (p50, max) = tally.recovery();
                let Tally {
                    runs,
                    lost,
                    duplicated,
                    stuck,
                    ..
                } = tally;
                writeln!(
                    text,
                    "| {name} | {runs} | {lost} | {duplicated} | {stuck} | {p50} | {max} | {took:.0} s |"
                )
            }
            None => writeln!(text, "| {name} | broke off | | | | | | {took:.0} s |"),
        };
    }
    text
}
