//! What holds for every connector in the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{BaseUrl, Changes};
use super::{Catalogue, Connector};
use crate::domain::{Category, ConnectorStatus};

fn catalogue() -> Catalogue {
    Catalogue::embedded(&BTreeMap::new()).unwrap()
}

#[test]
fn the_eleven_connectors_are_listed_in_order_each_under_its_own_id() {
    let catalogue = catalogue();
    let connectors = catalogue.connectors();
    let ids: Vec<&str> = connectors.iter().map(Connector::id).collect();
    assert_eq!(
        ids,
        [
            "stripe",
            "paypal",
            "quickbooks",
            "xero",
            "salesforce",
            "hubspot",
            "plaid",
            "tink",
            "complyadvantage",
            "s3",
            "azure_blob"
        ]
    );
    for connector in connectors.iter() {
        assert_eq!(
            catalogue.get(connector.id()).unwrap().name(),
            connector.name()
        );
    }
    let categories: BTreeSet<_> = connectors
        .iter()
        .map(|connector| connector.category())
        .collect();
    assert_eq!(categories.len(), Category::ALL.len());
}

#[test]
fn every_file_is_named_after_its_connector() {
    for (id, text) in super::catalogue::FILES {
        let connector = Connector::parse(text, None).unwrap();
        assert_eq!(connector.id(), *id);
    }
}

#[test]
fn only_what_can_be_read_is_available() {
    for connector in catalogue().connectors().iter() {
        let definition = connector.definition();
        let readable = definition.reading.is_some() || definition.store.is_some();
        let usable = connector.status() != ConnectorStatus::Disabled;
        assert_eq!(usable, readable, "{}", connector.id());
    }
}

#[test]
fn every_connector_says_what_it_offers_and_what_it_needs() {
    for connector in catalogue().connectors().iter() {
        let id = connector.id();
        assert!(!connector.features().is_empty(), "{id}");
        assert!(connector.entities().count() > 0, "{id}");
        let schema = connector.credentials_schema();
        assert!(!schema["required"].as_array().unwrap().is_empty(), "{id}");
        for schema in [schema, connector.config_schema()] {
            assert_eq!(schema["type"], "object", "{id}");
            assert_eq!(schema["additionalProperties"], false, "{id}");
            for (name, property) in schema["properties"].as_object().unwrap() {
                assert!(property["title"].is_string(), "{id} {name}");
                assert_eq!(property["type"], "string", "{id} {name}");
            }
        }
        let sounds_secret = ["secret", "token", "key", "password"];
        for (name, property) in schema["properties"].as_object().unwrap() {
            let name = name.to_lowercase();
            let is_id = name.ends_with("id");
            if !is_id && sounds_secret.iter().any(|word| name.contains(word)) {
                assert_eq!(property["writeOnly"], true, "{id} {name}");
            }
        }
        for entity in connector.entities() {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(entity.chars().all(plain), "{id} {entity}");
        }
    }
}

#[test]
fn every_usable_connector_reads_over_tls_and_can_tell_its_errors() {
    for connector in catalogue().connectors().iter() {
        let Some(reading) = &connector.definition().reading else {
            continue;
        };
        let id = connector.id();
        let urls: Vec<&String> = match &reading.base_url {
            BaseUrl::One(url) => vec![url],
            BaseUrl::By(by) => by.urls.values().collect(),
        };
        let is_safe = |url: &&String| url.starts_with("https://") || url.starts_with('{');
        assert!(urls.iter().all(is_safe), "{id}");
        assert!(reading.test.path.starts_with('/'), "{id}");
        assert!(reading.errors.message.is_some(), "{id}");
        assert!(!reading.errors.rules.is_empty(), "{id}");
        assert_eq!(reading.entities.len(), connector.entities().count(), "{id}");
        for rules in &reading.entities {
            let entity = &rules.name;
            assert!(rules.list.path.starts_with('/'), "{id} {entity}");
            assert!(!rules.record.id.is_empty(), "{id} {entity}");
        }
    }
}

#[test]
fn tokens_are_fetched_in_the_region_that_is_read() {
    for connector in catalogue().connectors().iter() {
        let reading = connector.definition().reading.as_ref();
        let Some(oauth) = reading.and_then(|reading| reading.oauth.as_ref()) else {
            continue;
        };
        let grant = oauth.user_grant.iter().map(|grant| &grant.url);
        for url in grant.chain([&oauth.token_url]) {
            let (BaseUrl::By(url), BaseUrl::By(base)) = (url, &reading.unwrap().base_url) else {
                continue;
            };
            let id = connector.id();
            assert_eq!((&url.by, &url.default), (&base.by, &base.default), "{id}");
            assert!(url.urls.keys().eq(base.urls.keys()), "{id}");
            for (region, url) in &url.urls {
                assert!(url.starts_with(&base.urls[region]), "{id} {region}");
            }
        }
    }
}

#[test]
fn no_change_of_a_feed_belongs_to_two_entities_and_no_request_names_too_many() {
    for connector in catalogue().connectors().iter() {
        let Some(reading) = &connector.definition().reading else {
            continue;
        };
        let mut taken = BTreeSet::new();
        for rules in &reading.entities {
            let Changes::Feed { changed, gone } = &rules.changes else {
                continue;
            };
            assert!(
                !changed.is_empty() && changed.len() + gone.len() <= 20,
                "{}",
                rules.name
            );
            for name in changed.iter().chain(gone) {
                assert!(
                    !name.contains('*') && taken.insert(name),
                    "{} {name}",
                    rules.name
                );
            }
        }
    }
}

#[test]
fn entities_are_known_by_name_across_connectors() {
    let catalogue = catalogue();
    assert!(catalogue.knows_entity("customers"));
    assert!(catalogue.knows_entity("monitored_searches"));
    assert!(!catalogue.knows_entity("unicorns"));
}

#[test]
fn the_recipe_shows_a_file_that_works() {
    let recipe = include_str!("../../../docs/adding-a-connector.md");
    let (_, from) = recipe.split_once("<<'TOML'\n").unwrap();
    let (file, mended) = from.split_once("TOML\n").unwrap();
    let faults = Connector::check(file).unwrap_err().to_string();
    assert_eq!(faults, "line 7: auth names tokn, which is no credential");
    assert!(mended.contains(r#"s/"tokn"/"token"/"#));
    let connector = Connector::check(&file.replace(r#""tokn""#, r#""token""#)).unwrap();
    assert_eq!((connector.id(), connector.entities().count()), ("acme", 1));
    assert!(connector.definition().reading.is_some());
}
