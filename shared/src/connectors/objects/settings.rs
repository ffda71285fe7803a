//! What a connection says of its bucket, and of what is to be read in it.

use chrono::TimeDelta;
use globset::{GlobBuilder, GlobMatcher};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use url::Url;

use super::csv::{CsvRules, Header};
use super::{StoreKind, StoreRules, misconfigured, pointer};
use crate::blobs::{Addressing, AzureKey, AzureSettings, Bucket, Listed, S3Keys, S3Settings};
use crate::connectors::file::Time;
use crate::connectors::lift::Pointer;
use crate::connectors::rules::MAX_ID_PARTS;
use crate::connectors::session::Session;
use crate::connectors::times::TimeFormat;
use crate::domain::Failure;
use crate::http::Http;

/// What is to be read of a bucket, and how.
#[derive(Debug)]
pub(super) struct Settings {
    pub prefix: String,
    pattern: Option<GlobMatcher>,
    format: Option<Format>,
    pub compression: Compression,
    /// The members that make a row's id; none: its place.
    pub id: Vec<Pointer>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub csv: CsvRules,
    pub lookback: TimeDelta,
}

/// What is inside an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Csv,
    Json,
    Ndjson,
    Parquet,
}

/// How an object is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compression {
    /// As its first bytes tell.
    Auto,
    None,
    Gzip,
}

impl Settings {
    pub(super) fn of(rules: &StoreRules, session: &Session) -> Result<Self, Failure> {
        let said = |name: &str| session.text(name).filter(|text| !text.is_empty());
        let pattern = said("pattern").map(|pattern| {
            let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| {
                misconfigured(format!(
                    "The setting pattern cannot be used: {}.",
                    error.kind()
                ))
            })
        });
        let format = match said("format").as_deref() {
            None | Some("auto") => None,
            Some(format) => Some(word("format", format)?),
        };
        let time_format = match said("timeFormat") {
            Some(format) => word("timeFormat", &format)?,
            None => TimeFormat::Iso8601,
        };
        let time = |name: &str| {
            let field = said(name)?;
            let format = time_format;
            Some(pointer(&field).map(|at| Time { at, format }))
        };
        let id: Vec<Pointer> = said("id")
            .iter()
            .flat_map(|fields| fields.split(','))
            .map(|field| pointer(field.trim()))
            .collect::<Result<_, _>>()?;
        if id.len() > MAX_ID_PARTS {
            return Err(misconfigured(format!(
                "The setting id names more than {MAX_ID_PARTS} fields."
            )));
        }
        let lookback = match said("lookbackMinutes") {
            Some(minutes) => minutes.parse().map_err(|_| {
                misconfigured("The setting lookbackMinutes is not a number of minutes.")
            })?,
            None => rules.lookback_minutes,
        };
        Ok(Self {
            prefix: said("prefix").unwrap_or_default(),
            pattern: pattern.transpose()?,
            format,
            compression: match said("compression") {
                Some(compression) => word("compression", &compression)?,
                None => Compression::Auto,
            },
            id,
            created_at: time("createdAt").transpose()?,
            updated_at: time("updatedAt").transpose()?,
            csv: csv(&said)?,
            lookback: TimeDelta::minutes(i64::from(lookback)),
        })
    }

    /// Whether the rows of an object are wanted. Folders are objects of nothing whose names end with a slash.
    pub(super) fn wants(&self, listed: &Listed) -> bool {
        let Listed { key, size, .. } = listed;
        let matches = self.pattern.as_ref().is_none_or(|glob| glob.is_match(key));
        *size > 0 && !key.ends_with('/') && matches && self.format_of(key).is_some()
    }

    /// The format of an object, where nothing is said by the ending of its name; `None` for what is none of them.
    pub(super) fn format_of(&self, key: &str) -> Option<Format> {
        if self.format.is_some() {
            return self.format;
        }
        let key = key.to_ascii_lowercase();
        let name = key.strip_suffix(".gz").or(key.strip_suffix(".gzip"));
        let (_, ending) = name.unwrap_or(&key).rsplit_once('.')?;
        match ending {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "parquet" if name.is_none() => Some(Format::Parquet),
            _ => None,
        }
    }
}

fn csv(said: &impl Fn(&str) -> Option<String>) -> Result<CsvRules, Failure> {
    let byte = |name: &str, text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err(misconfigured(format!(
            "The setting {name} is not one character."
        ))),
    };
    let rules = CsvRules {
        delimiter: match said("delimiter").as_deref() {
            None => b',',
            Some("tab" | "\\t") => b'\t',
            Some(text) => byte("delimiter", text)?,
        },
        quote: match said("quote").as_deref() {
            None => Some(b'"'),
            Some("none") => None,
            Some(text) => Some(byte("quote", text)?),
        },
        header: match said("header").as_deref() {
            Some("no") => Header::Record,
            _ => Header::Names,
        },
    };
    if rules.quote == Some(rules.delimiter) {
        return Err(misconfigured(
            "The settings delimiter and quote are the same.",
        ));
    }
    Ok(rules)
}

/// One of a closed set.
fn word<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Failure> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(text)
        .map_err(|_| misconfigured(format!("The setting {name} is none of its values.")))
}

/// The bucket that a connection's credentials open.
pub(super) fn bucket(
    rules: &StoreRules,
    http: &Http,
    session: &Session,
) -> Result<Bucket, Failure> {
    let given = |name: &str| {
        let lacks = || misconfigured(format!("The connection's credentials lack {name}; add it."));
        session.text(name).ok_or_else(lacks)
    };
    let endpoint = rules.base_url.clone().or_else(|| session.text("endpoint"));
    let endpoint = endpoint.map(|url| {
        Url::parse(&url).map_err(|_| misconfigured("The endpoint is not an http or https URL."))
    });
    let endpoint = endpoint.transpose()?;
    match rules.kind {
        StoreKind::S3 => {
            let settings = S3Settings {
                bucket: given("bucket")?,
                prefix: String::new(),
                region: given("region")?,
                addressing: match endpoint {
                    Some(_) => Addressing::Path,
                    None => Addressing::VirtualHosted,
                },
                endpoint,
                keys: S3Keys {
                    access_key_id: given("accessKeyId")?,
                    secret_access_key: given("secretAccessKey")?.into(),
                    session_token: session.credential("sessionToken").cloned(),
                },
            };
            Bucket::s3(settings, http.clone())
        }
        StoreKind::AzureBlob => {
            let filled = |name: &str| {
                let credential = session.credential(name);
                credential
                    .filter(|secret| !secret.expose_secret().is_empty())
                    .cloned()
            };
            let key = match (filled("sasToken"), filled("accountKey")) {
                (Some(token), _) => AzureKey::Sas(token),
                (None, Some(key)) => AzureKey::Account(key),
                (None, None) => {
                    return Err(misconfigured(
                        "The connection's credentials lack accountKey or sasToken; add one of them.",
                    ));
                }
            };
            let settings = AzureSettings {
                account: given("account")?,
                container: given("container")?,
                key,
                endpoint,
            };
            Bucket::azure(settings, http.clone())
        }
    }
}
