//! All connectors.

use std::collections::BTreeMap;

use super::connector::{Connector, InvalidFile};
use crate::budget::{RateSetting, RateSettings};

/// The files, in the order they are listed: by category, the better known first.
pub(super) const FILES: &[(&str, &str)] = &[
    ("stripe", include_str!("catalog/stripe.toml")),
    ("paypal", include_str!("catalog/paypal.toml")),
    ("quickbooks", include_str!("catalog/quickbooks.toml")),
    ("xero", include_str!("catalog/xero.toml")),
    ("salesforce", include_str!("catalog/salesforce.toml")),
    ("hubspot", include_str!("catalog/hubspot.toml")),
    ("plaid", include_str!("catalog/plaid.toml")),
    ("tink", include_str!("catalog/tink.toml")),
    (
        "complyadvantage",
        include_str!("catalog/complyadvantage.toml"),
    ),
    ("s3", include_str!("catalog/s3.toml")),
    ("azure_blob", include_str!("catalog/azure_blob.toml")),
];

/// All connectors of this installation.
#[derive(Debug, Clone)]
pub struct Catalogue {
    connectors: Vec<Connector>,
}

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file cannot be used.
    #[error("the catalogue file of {id} cannot be used")]
    File {
        /// The connector.
        id: String,
        /// What is wrong.
        source: InvalidFile,
    },
    /// A base URL was given for a connector that does not exist.
    #[error("there is no connector {id} whose base URL could be set")]
    UnknownConnector {
        /// What was named.
        id: String,
    },
    /// A rate was given that does not fit a connector.
    #[error("the rate of {id} cannot be set: {why}")]
    Rate {
        /// The connector.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// A base URL that is none.
    #[error("the base URL of {id} must be an http or https URL without a query")]
    BaseUrl {
        /// The connector.
        id: String,
    },
}

impl Catalogue {
    /// The connectors that are built in, with the operator's base URLs by connector id.
    ///
    /// # Errors
    /// [`CatalogueError`], which names the connector.
    pub fn embedded(overrides: &BTreeMap<String, String>) -> Result<Self, CatalogueError> {
        for (id, base_url) in overrides {
            if !FILES.iter().any(|(known, _)| known == id) {
                return Err(CatalogueError::UnknownConnector { id: id.clone() });
            }
            let is_url = url::Url::parse(base_url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
            if !is_url {
                return Err(CatalogueError::BaseUrl { id: id.clone() });
            }
        }
        let connectors = FILES
            .iter()
            .map(|(id, text)| {
                Connector::parse(text, overrides.get(*id).map(String::as_str)).map_err(|source| {
                    CatalogueError::File {
                        id: (*id).to_owned(),
                        source,
                    }
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { connectors })
    }

    /// Whether the operator's rates are of connectors and limits that there are.
    ///
    /// # Errors
    /// [`CatalogueError::Rate`].
    pub fn check_rates(&self, rates: &RateSettings) -> Result<(), CatalogueError> {
        for (id, setting) in &rates.connectors {
            let wrong = |why: String| CatalogueError::Rate {
                id: id.clone(),
                why,
            };
            let connector = self.get(id);
            let connector =
                connector.ok_or_else(|| wrong("there is no such connector".to_owned()))?;
            if connector.rate_limits().next().is_none() {
                return Err(wrong("its file has no rate to set".to_owned()));
            }
            if let RateSetting::Named(named) = setting {
                for name in named.keys() {
                    if !connector.rate_limits().any(|limit| limit == name) {
                        return Err(wrong(format!("it has no limit named {name}")));
                    }
                }
            }
        }
        Ok(())
    }

    /// Every connector, in the order they are listed.
    pub fn iter(&self) -> impl Iterator<Item = &Connector> {
        self.connectors.iter()
    }

    /// The connector with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Connector> {
        self.connectors
            .iter()
            .find(|connector| connector.id() == id)
    }

    /// Whether any connector has an entity of this name.
    #[must_use]
    pub fn knows_entity(&self, entity: &str) -> bool {
        self.connectors
            .iter()
            .any(|connector| connector.has_entity(entity))
    }
}
