//! All connectors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use super::connector::Connector;
use super::folder::{FileError, Folder};
use super::invalid::InvalidFile;
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

/// Between two looks at the operator's folder.
const EVERY: Duration = Duration::from_secs(2);

/// All connectors of this installation: those that are built in, and those in the operator's folder. Cheap to clone;
/// all clones hold the same, also after a file has changed.
#[derive(Debug, Clone)]
pub struct Catalogue {
    connectors: Arc<RwLock<Arc<[Connector]>>>,
}

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file that is built in cannot be used.
    #[error("the catalogue file of {id} cannot be used")]
    File {
        /// The connector.
        id: String,
        /// What is wrong.
        source: InvalidFile,
    },
    /// Files of the operator's cannot be used.
    #[error("RAIL_CONNECTORS_DIR:\n{}", lines(.0))]
    Folder(Vec<FileError>),
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

fn lines(errors: &[FileError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Catalogue {
    /// The connectors that are built in, with the operator's base URLs by connector id.
    ///
    /// # Errors
    /// [`CatalogueError`], which names the connector.
    pub fn embedded(base_urls: &BTreeMap<String, String>) -> Result<Self, CatalogueError> {
        Self::read(base_urls, None)
    }

    /// The connectors that are built in and, where there is one, those in the operator's folder. A file there that is
    /// changed, added or removed counts within seconds; one that cannot be used leaves the former version in place. Must
    /// be called within a tokio runtime.
    ///
    /// # Errors
    /// [`CatalogueError`], which names the connector, or every file of the folder that is bad.
    pub fn open(
        base_urls: &BTreeMap<String, String>,
        folder: Option<&Path>,
    ) -> Result<Self, CatalogueError> {
        let Some(path) = folder else {
            return Self::embedded(base_urls);
        };
        let mut folder = Folder::new(path, base_urls.clone());
        let catalogue = Self::read(base_urls, Some(&mut folder))?;
        let watched = Watched {
            built_in: built_in(base_urls)?.into(),
            held: Arc::downgrade(&catalogue.connectors),
            folder,
        };
        tokio::spawn(watched.follow());
        Ok(catalogue)
    }

    /// The same once, without looking again.
    ///
    /// # Errors
    /// As [`Catalogue::open`].
    pub fn read_once(
        base_urls: &BTreeMap<String, String>,
        folder: Option<&Path>,
    ) -> Result<Self, CatalogueError> {
        let mut folder = folder.map(|path| Folder::new(path, base_urls.clone()));
        Self::read(base_urls, folder.as_mut())
    }

    fn read(
        base_urls: &BTreeMap<String, String>,
        folder: Option<&mut Folder>,
    ) -> Result<Self, CatalogueError> {
        let mut connectors = built_in(base_urls)?;
        if let Some(folder) = folder {
            let errors = folder.look();
            if !errors.is_empty() {
                return Err(CatalogueError::Folder(errors));
            }
            connectors.extend(folder.connectors());
        }
        for (id, base_url) in base_urls {
            if !connectors.iter().any(|connector| connector.id() == id) {
                return Err(CatalogueError::UnknownConnector { id: id.clone() });
            }
            let is_url = url::Url::parse(base_url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
            if !is_url {
                return Err(CatalogueError::BaseUrl { id: id.clone() });
            }
        }
        Ok(Self {
            connectors: Arc::new(RwLock::new(connectors.into())),
        })
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

    /// Every connector as of now, in the order they are listed.
    #[must_use]
    pub fn connectors(&self) -> Arc<[Connector]> {
        let held = self.connectors.read();
        Arc::clone(&held.unwrap_or_else(PoisonError::into_inner))
    }

    /// The connector with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Connector> {
        let connectors = self.connectors();
        let found = connectors.iter().find(|connector| connector.id() == id);
        found.cloned()
    }

    /// Whether any connector lists an entity of this name.
    #[must_use]
    pub fn knows_entity(&self, entity: &str) -> bool {
        let connectors = self.connectors();
        connectors
            .iter()
            .any(|connector| connector.entities().any(|name| name == entity))
    }

    /// Whether any connector may have an entity of this name, though none lists it.
    #[must_use]
    pub fn permits_entity(&self, entity: &str) -> bool {
        let connectors = self.connectors();
        connectors
            .iter()
            .any(|connector| connector.has_entity(entity))
    }
}

fn built_in(base_urls: &BTreeMap<String, String>) -> Result<Vec<Connector>, CatalogueError> {
    let read = FILES.iter().map(|(id, text)| {
        let read = Connector::parse(text, base_urls.get(*id).map(String::as_str));
        read.map_err(|source| CatalogueError::File {
            id: (*id).to_owned(),
            source,
        })
    });
    read.collect()
}

/// The operator's folder, looked at again and again for as long as somebody holds the catalogue.
struct Watched {
    built_in: Arc<[Connector]>,
    held: Weak<RwLock<Arc<[Connector]>>>,
    folder: Folder,
}

impl Watched {
    async fn follow(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let looked = tokio::task::spawn_blocking(move || {
                let goes_on = self.look();
                (self, goes_on)
            });
            match looked.await {
                Ok((watched, true)) => self = watched,
                _ => return,
            }
        }
    }

    /// Takes up what is new; whether there is anybody to take it up for.
    fn look(&mut self) -> bool {
        let Some(held) = self.held.upgrade() else {
            return false;
        };
        let before = self.folder.generation();
        for error in self.folder.look() {
            tracing::error!(%error, "a connector's file cannot be used; what it said before stays");
        }
        if self.folder.generation() != before {
            let built_in = self.built_in.iter().cloned();
            let connectors: Arc<[Connector]> = built_in.chain(self.folder.connectors()).collect();
            let ids: Vec<&str> = self.folder.ids();
            tracing::info!(?ids, "the connectors of RAIL_CONNECTORS_DIR were read anew");
            *held.write().unwrap_or_else(PoisonError::into_inner) = connectors;
        }
        true
    }
}
