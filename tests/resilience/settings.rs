//! What whoever starts the suite may choose.

use std::path::PathBuf;

use rail_shared::domain::JobId;
use rail_tests::draw::Draw;
use rail_tests::environment::variable;

/// The whole suite or its short form, and what the dice show.
#[derive(Debug)]
pub struct Settings {
    /// `RAIL_TEST_FULL=1`: every seed and every second of it.
    pub full: bool,
    /// `RAIL_TEST_SEED`: of everything random; another one each time if not given.
    pub seed: u64,
    /// Where the programs' logs go.
    pub logs: PathBuf,
    /// Only scenarios whose name holds one of these.
    pub filters: Vec<String>,
}

impl Settings {
    /// Reads them.
    pub fn read() -> Self {
        let given = variable("RAIL_TEST_SEED")
            .map(|seed| seed.parse().expect("RAIL_TEST_SEED is a number"));
        let logs = variable("RAIL_TEST_LOGS").map_or_else(std::env::temp_dir, PathBuf::from);
        Self {
            full: variable("RAIL_TEST_FULL").is_some_and(|value| value == "1"),
            seed: given.unwrap_or_else(|| JobId::new().uuid().as_u64_pair().1 % 1_000_000),
            logs,
            filters: std::env::args()
                .skip(1)
                .filter(|word| !word.starts_with('-'))
                .collect(),
        }
    }

    /// The dice of one run of one scenario.
    pub fn draw(&self, scenario: &str, run: u64) -> Draw {
        Draw::new(self.seed, 0, run).aside(scenario)
    }

    /// One of two numbers: for the whole suite, or for its short form.
    pub fn choose<T>(&self, full: T, short: T) -> T {
        if self.full { full } else { short }
    }
}
