//! CPU time of processes, user and system, as the kernel counts it.

use std::fs;
use std::ops::Sub;
use std::time::{Duration, Instant};

/// The kernel's tick, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// Of a process and the children it has waited for; zero when it is gone.
pub fn of(pid: u32) -> Duration {
    fields(pid).map_or(Duration::ZERO, |fields| spent(&fields))
}

/// Of a process and all its children, living or not.
pub fn of_family(pid: u32) -> Duration {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Duration::ZERO;
    };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent = pid.to_string();
    let children: Duration = pids
        .filter_map(fields)
        .filter(|fields| fields[1] == parent)
        .map(|fields| spent(&fields))
        .sum();
    of(pid) + children
}

/// Of the children that this process has waited for.
pub fn of_the_waited_for() -> Duration {
    fields(std::process::id()).map_or(Duration::ZERO, |fields| sum(&fields[13..15]))
}

/// What `/proc/PID/stat` says after the program's name: the state, the parent, …
fn fields(pid: u32) -> Option<Vec<String>> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// User and system, its own and its reaped children's.
fn spent(fields: &[String]) -> Duration {
    sum(&fields[11..15])
}

fn sum(ticks: &[String]) -> Duration {
    let ticks = ticks.iter().filter_map(|field| field.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// The clock, and what each part has spent by then.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    at: Instant,
    api: Duration,
    worker: Duration,
    postgres: Duration,
    redis: Duration,
}

/// Whose CPU time is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pids {
    pub api: u32,
    pub worker: u32,
    pub postgres: u32,
    pub redis: u32,
}

impl Pids {
    pub fn read(self) -> Reading {
        Reading {
            at: Instant::now(),
            api: of(self.api),
            worker: of(self.worker),
            postgres: of_family(self.postgres),
            redis: of(self.redis),
        }
    }
}

/// What passed between two readings.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    pub wall: Duration,
    pub api: Duration,
    pub worker: Duration,
    pub postgres: Duration,
    pub redis: Duration,
}

impl Sub for Reading {
    type Output = Spent;
    fn sub(self, earlier: Self) -> Spent {
        Spent {
            wall: self.at - earlier.at,
            api: self.api.saturating_sub(earlier.api),
            worker: self.worker.saturating_sub(earlier.worker),
            postgres: self.postgres.saturating_sub(earlier.postgres),
            redis: self.redis.saturating_sub(earlier.redis),
        }
    }
}
