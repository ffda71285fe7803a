//! How an operator sets the rates of connectors.

use std::collections::BTreeMap;
use std::str::FromStr;

/// How many processes share a vendor's limits while Redis is away, unless said.
pub const PROCESSES: u32 = 4;
const MOST_PERCENT: u32 = 100_000;

/// What the operator says of all rates.
#[derive(Debug, Clone)]
pub struct RateSettings {
    /// By connector id.
    pub connectors: BTreeMap<String, RateSetting>,
    /// How many processes share a vendor's limits while Redis is away; at least one.
    pub processes: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            connectors: BTreeMap::new(),
            processes: PROCESSES,
        }
    }
}

impl RateSettings {
    /// Of one connector; `None` where the operator says nothing.
    #[must_use]
    pub fn of(&self, connector: &str) -> Option<&RateSetting> {
        self.connectors.get(connector)
    }
}

/// What the operator says of the rate of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateSetting {
    /// Not limited by us.
    Off,
    /// This part of each limit of the file: `50%`, where another program uses the same account.
    Percent(u32),
    /// Requests for limits by their names, `minute=300,day=10000`; the others are as in the file.
    Named(BTreeMap<String, u32>),
}

/// A text that sets no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be off, a percentage such as 50%, or limits such as minute=300,day=10000")]
pub struct NoRate;

impl FromStr for RateSetting {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse().map_err(|_| NoRate)?;
            let percent = Some(percent).filter(|percent| (1..=MOST_PERCENT).contains(percent));
            return percent.map(Self::Percent).ok_or(NoRate);
        }
        let mut named = BTreeMap::new();
        for part in text.split(',') {
            let (name, requests) = part.split_once('=').ok_or(NoRate)?;
            let requests = requests.trim().parse().map_err(|_| NoRate)?;
            if requests == 0 || named.insert(name.trim().to_owned(), requests).is_some() {
                return Err(NoRate);
            }
        }
        Ok(Self::Named(named))
    }
}

impl RateSetting {
    /// How many requests a limit allows that the file gives so many.
    #[must_use]
    pub fn requests(&self, limit: &str, declared: u32) -> u32 {
        match self {
            Self::Off => declared,
            Self::Percent(percent) => {
                let part = u64::from(declared) * u64::from(*percent) / 100;
                u32::try_from(part).unwrap_or(u32::MAX).max(1)
            }
            Self::Named(named) => named.get(limit).copied().unwrap_or(declared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_set_by_a_part_or_by_the_names_of_limits_or_not_at_all() {
        let of = |text: &str| text.parse::<RateSetting>().unwrap();
        assert_eq!(of("off"), RateSetting::Off);
        assert_eq!(of("50%").requests("minute", 60), 30);
        assert_eq!(of("1%").requests("minute", 60), 1, "never none");
        assert_eq!(of("minute=10, day=9").requests("minute", 60), 10);
        assert_eq!(of("day=9").requests("minute", 60), 60);
    }

    #[test]
    fn a_text_that_sets_no_rate_is_refused() {
        for text in [
            "", "on", "0%", "-5%", "%", "minute", "minute=0", "minute=x", "a=1,a=2", "a=1,",
        ] {
            assert!(text.parse::<RateSetting>().is_err(), "{text}");
        }
    }
}
