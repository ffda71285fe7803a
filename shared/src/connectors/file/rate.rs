//! How many requests the vendor bears.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// How many requests the vendor bears; all processes count them together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Rate {
    /// The credentials and settings that name the account. A secret one among them keeps others, who could only guess the
    /// rest, from using up its budget.
    pub account: Vec<String>,
    /// Those that name the app.
    #[serde(default)]
    pub app: Vec<String>,
    /// How many requests may be on their way at the same time.
    pub at_once: Option<AtOnce>,
    /// For how long all wait after an answer that asks for fewer requests and does not say for how long. Absent: only the
    /// work that got it does.
    pub pause_seconds: Option<NonZeroU32>,
    /// In windows of time, by name. Every one that counts a request must have room for it.
    #[serde(default)]
    pub limits: BTreeMap<String, RateLimit>,
}

/// So many requests at the same time.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct AtOnce {
    pub requests: NonZeroU32,
    /// Whose.
    #[serde(default)]
    pub of: Whose,
}

/// So many requests in any window of this length.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct RateLimit {
    pub requests: NonZeroU32,
    pub per_seconds: NonZeroU32,
    /// Whose.
    #[serde(default)]
    pub of: Whose,
    /// Only requests for these paths below the base URL; one may end in `*`. Absent: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Only where a credential looks like this.
    pub only: Option<OnlyFor>,
    /// What the vendor's answers tell of it. That only ever makes it smaller.
    pub told: Option<ToldBy>,
}

/// Whose requests a limit counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum Whose {
    /// Those of the account.
    #[default]
    Account,
    /// Those of the app, for all accounts.
    App,
    /// Those of the app for the account.
    AppOnAccount,
}

/// Which credentials a limit is for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct OnlyFor {
    pub credential: String,
    /// One of these.
    pub starts_with: Vec<String>,
}

/// The headers that tell of a limit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct ToldBy {
    /// How many requests are left.
    pub remaining: Option<String>,
    /// How many there are in all.
    pub limit: Option<String>,
    /// How many were sent and may be, as `908/15000`.
    pub used_of_limit: Option<UsedOf>,
    /// When the vendor counts anew.
    pub resets: Option<Resets>,
}

/// A header that holds a text such as `api-usage=908/15000`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct UsedOf {
    pub header: String,
    /// What stands right before the numbers.
    #[serde(default)]
    pub after: String,
}

/// A header that tells when the vendor counts anew.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Resets {
    pub header: String,
    pub format: ResetFormat,
}

/// How such a header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum ResetFormat {
    /// Seconds from now.
    Seconds,
    /// Seconds since 1970.
    UnixSeconds,
}

impl Rate {
    /// For how long all wait where an answer does not say for how long.
    pub(in crate::connectors) fn pause(&self) -> Option<Duration> {
        let seconds = self.pause_seconds?;
        Some(Duration::from_secs(seconds.get().into()))
    }

    /// What cannot work, in words. `is_field` knows the names of credentials and settings.
    pub(in crate::connectors) fn faults(&self, is_field: impl Fn(&str) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        if self.account.is_empty() {
            faults.push("rate.account names nothing".to_owned());
        }
        let only = self.limits.values().filter_map(|limit| limit.only.as_ref());
        let credentials = only.map(|only| &only.credential);
        for named in self.account.iter().chain(&self.app).chain(credentials) {
            if !is_field(named) {
                faults.push(format!(
                    "rate names {named}, which is neither a credential nor a setting"
                ));
            }
        }
        if self.at_once.is_none() && self.limits.is_empty() {
            faults.push("rate has no limit".to_owned());
        }
        let whose = self.limits.values().map(|limit| limit.of);
        let by_app = whose.chain(self.at_once.map(|at_once| at_once.of));
        if self.app.is_empty() && by_app.into_iter().any(|of| of != Whose::Account) {
            faults.push("a limit counts by app, but rate.app names nothing".to_owned());
        }
        for (name, limit) in &self.limits {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                faults.push(format!(
                    "rate.limits.{name}: a name has lower-case letters, digits and _"
                ));
            }
            if let Some(path) = limit.paths.iter().find(|path| !path.starts_with('/')) {
                faults.push(format!(
                    "rate.limits.{name}: the path {path} must begin with /"
                ));
            }
            if let Some(told) = &limit.told
                && told.remaining.is_none()
                && told.used_of_limit.is_none()
                && told.limit.is_none()
            {
                faults.push(format!("rate.limits.{name}.told names no header"));
            }
        }
        faults
    }
}
