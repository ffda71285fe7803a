//! Reading variables so that every fault is told at once, by name and without the value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use crate::budget::{NoRate, RateSetting};

/// The variables of the process, or those a test makes up.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// Every variable that is missing or bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Environment {
    /// The environment of this process. A variable that is set to nothing counts as not set.
    #[must_use]
    pub fn process() -> Self {
        #[allow(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let variables = std::env::vars_os();
        variables
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (String, String)> {
        self.0.clone().into_iter()
    }

    pub(super) fn read(&self) -> Reading<'_> {
        Reading {
            env: self,
            faults: Vec::new(),
        }
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .filter(|(_, value)| !value.trim().is_empty())
                .collect(),
        )
    }
}

pub(super) struct Reading<'a> {
    env: &'a Environment,
    faults: Vec<String>,
}

impl Reading<'_> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.env.0.get(name).map(|value| value.trim().to_owned())
    }

    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        self.text(name)
            .or_else(|| self.fault(name, "it is required and not set"))
    }

    pub(super) fn fault<T>(&mut self, name: &str, why: &str) -> Option<T> {
        self.faults.push(format!("{name}: {why}"));
        None
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).or_else(|| self.fault(name, &format!("it must be {form}")))
    }

    pub(super) fn absolute_path(&mut self, name: &str) -> Option<PathBuf> {
        self.parsed(name, "an absolute path", |text| {
            Some(PathBuf::from(text)).filter(|path| path.is_absolute())
        })
    }

    pub(super) fn url(&mut self, name: &str, schemes: &[&str]) -> Option<SecretString> {
        let text = self.required(name)?;
        let good = Url::parse(&text).is_ok_and(|url| schemes.contains(&url.scheme()));
        if good {
            Some(text.into())
        } else {
            self.fault(
                name,
                &format!("it must be a URL that begins with {}://", schemes[0]),
            )
        }
    }

    pub(super) fn connector_rates(&mut self) -> BTreeMap<String, RateSetting> {
        let mut rates = BTreeMap::new();
        for (id, text) in self.of_connectors("_RATE") {
            match text.parse() {
                Ok(rate) => {
                    rates.insert(id, rate);
                }
                Err(no_rate) => {
                    let name = format!("RAIL_CONNECTOR_{}_RATE", id.to_uppercase());
                    let why: NoRate = no_rate;
                    self.fault::<()>(&name, &why.to_string());
                }
            }
        }
        rates
    }

    /// The variables `RAIL_CONNECTOR_<ID>` with this ending, by the id.
    fn of_connectors(&self, ending: &str) -> Vec<(String, String)> {
        let variables = self.env.0.iter();
        variables
            .filter_map(|(name, value)| {
                let id = name.strip_prefix("RAIL_CONNECTOR_")?.strip_suffix(ending)?;
                Some((id.to_lowercase(), value.trim().to_owned()))
            })
            .collect()
    }

    pub(super) fn connector_base_urls(&mut self) -> BTreeMap<String, String> {
        let named = self.of_connectors("_BASE_URL");
        for (id, url) in &named {
            if super::web_url(url).is_none() {
                let name = format!("RAIL_CONNECTOR_{}_BASE_URL", id.to_uppercase());
                self.fault::<()>(
                    &name,
                    "it must be a URL that begins with http:// or https://",
                );
            }
        }
        named.into_iter().collect()
    }

    pub(super) fn done<T>(self, make: impl FnOnce() -> T) -> Result<T, ConfigError> {
        if self.faults.is_empty() {
            Ok(make())
        } else {
            Err(ConfigError(self.faults))
        }
    }

    pub(super) fn done_with<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        let faults = self.faults;
        if faults.is_empty() {
            make().ok_or(ConfigError(Vec::new()))
        } else {
            Err(ConfigError(faults))
        }
    }
}
