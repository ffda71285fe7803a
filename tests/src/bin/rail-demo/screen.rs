//! What the reader sees: a bar that grows, a table, facts with their names.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use crate::answers::{JobStatus, Stats};

const BAR_CELLS: u64 = 24;
/// Where no line can be redrawn, one line this often is enough.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(1);

/// Prints one named fact.
pub fn fact(name: &str, text: &str) {
    println!("    {name:<12}{text}");
}

/// The progress of a sync, in one line that is drawn again and again on a terminal.
pub struct Bar {
    customers: u64,
    on_terminal: bool,
    begun: Instant,
    last_line: Option<Instant>,
}

impl Bar {
    pub fn new(customers: u64) -> Self {
        Self {
            customers: customers.max(1),
            on_terminal: stdout().is_terminal(),
            begun: Instant::now(),
            last_line: None,
        }
    }

    pub fn draw(&mut self, stats: &Stats, status: JobStatus) {
        let finished = status == JobStatus::Completed;
        let due = self
            .last_line
            .is_none_or(|at| at.elapsed() >= PLAIN_LINE_EVERY);
        if !self.on_terminal && !due && !finished {
            return;
        }
        self.last_line = Some(Instant::now());
        let line = line(stats, self.customers, self.begun.elapsed());
        if self.on_terminal {
            print!("\r\x1b[K{line}");
            // A terminal that went away is no reason to stop.
            let _ = stdout().flush();
        } else {
            println!("{line}");
        }
    }

    pub fn end(&self) {
        if self.on_terminal {
            println!();
        }
    }
}

fn line(stats: &Stats, expected: u64, elapsed: Duration) -> String {
    let customers = stats.get("customers").map_or(0, |entity| entity.fetched);
    let invoices = stats.get("invoices").map_or(0, |entity| entity.fetched);
    let full = usize::try_from((customers * BAR_CELLS / expected).min(BAR_CELLS)).unwrap_or(0);
    let bar = format!("{:.<1$}", "#".repeat(full), BAR_CELLS as usize);
    format!(
        "    [{bar}] customers {} of {} · invoices {} · {:.1} s",
        count(customers),
        count(expected),
        count(invoices),
        elapsed.as_secs_f64()
    )
}

/// The counts of a sync, an entity a line.
pub fn stats_table(stats: &Stats) -> String {
    let columns = [
        "fetched",
        "created",
        "updated",
        "unchanged",
        "deleted",
        "errors",
    ];
    let mut table = format!("    {:<12}", "entity");
    for column in columns {
        table.push_str(&format!("{column:>11}"));
    }
    for (entity, it) in stats {
        table.push_str(&format!("\n    {entity:<12}"));
        for number in [
            it.fetched,
            it.created,
            it.updated,
            it.unchanged,
            it.deleted,
            it.errors,
        ] {
            table.push_str(&format!("{:>11}", count(number)));
        }
    }
    table.push('\n');
    table
}

/// "12,000 rows in 0.41 s, 29,268 a second".
pub fn per_second(things: &str, number: u64, took: Option<Duration>) -> String {
    match took.map(|took| took.as_secs_f64()) {
        Some(seconds) if seconds > 0.0 => {
            let rate = (number as f64 / seconds).round() as u64;
            format!(
                "{} {things} in {seconds:.2} s, {} a second",
                count(number),
                count(rate)
            )
        }
        _ => format!("{} {things}", count(number)),
    }
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A number with a comma before every three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::EntityStats;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn the_bar_is_half_full_at_half_of_the_customers_and_never_longer_than_itself() {
        let stats = |fetched| {
            let customers = EntityStats {
                fetched,
                ..EntityStats::default()
            };
            Stats::from([("customers".to_owned(), customers)])
        };
        let half = line(&stats(6_000), 12_000, Duration::from_secs(2));
        assert!(
            half.contains("[############............] customers 6,000 of 12,000"),
            "{half}"
        );
        let more = line(&stats(99_999), 12_000, Duration::from_secs(2));
        assert!(more.contains("[########################] "), "{more}");
    }

    #[test]
    fn a_rate_needs_a_time() {
        let half_a_second = Some(Duration::from_millis(500));
        assert_eq!(
            per_second("rows", 600, half_a_second),
            "600 rows in 0.50 s, 1,200 a second"
        );
        assert_eq!(per_second("rows", 600, Some(Duration::ZERO)), "600 rows");
        assert_eq!(per_second("rows", 600, None), "600 rows");
    }
}
