//! A catalogue file made into what the engine works by, or everything that is wrong with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use url::Url;

use super::connector::{Definition, Reading};
use super::credentials::Fields;
use super::file::{Auth, BaseUrl, ConnectorFile, GrantType, OAuth, Under};
use super::invalid::{FileFault, InvalidFile};
use super::objects::{OBJECTS, ROWS, StoreRules};
use super::outline::Outline;
use super::permitted::Permitted;
use super::tables::Tables;
use super::webhook::WebhookRules;
use super::{placeholders, rules};
use crate::domain::ConnectorStatus;

/// From a catalogue file's text; `base_url` takes the place of the file's own.
pub(super) fn define(text: &str, base_url: Option<&str>) -> Result<Definition, InvalidFile> {
    let unread = |error: toml::de::Error| InvalidFile::of_format(&error, text);
    let outline = Outline::parse(text).map_err(unread)?;
    let file: ConnectorFile = toml::from_str(text).map_err(unread)?;
    let tables = Tables::parse(text).map_err(unread)?;
    let mut faults = placeholders::faults(&file, &outline);
    let mut names = BTreeSet::new();
    for (place, entity) in file.entities.iter().enumerate() {
        if !names.insert(entity.name.as_str()) {
            let what = format!("there are two entities named {}", entity.name);
            faults.push(outline.at_entity(place, what));
        }
    }
    if names.is_empty() {
        faults.push(outline.at_key("entities", "there are no entities"));
    }
    let usable = file.status != ConnectorStatus::Disabled;
    let store = file.store.as_ref().filter(|_| usable).map(|rules| {
        if names != BTreeSet::from([OBJECTS, ROWS]) {
            let what = format!("the entities of a store are {OBJECTS} and {ROWS}");
            faults.push(outline.at_key("store", what));
        }
        StoreRules {
            base_url: base_url.map(str::to_owned),
            rate: file.rate.clone(),
            ..rules.clone()
        }
    });
    if usable {
        rate(&file, &outline, &mut faults);
    }
    let reading = if usable && store.is_none() {
        reading(&file, &tables, &outline, base_url, &mut faults)
    } else {
        None
    };
    let others = Permitted::of(&file, tables, &outline, &mut faults);
    let webhook = WebhookRules::of(&file, base_url).unwrap_or_else(|wrong| {
        let at = |what| outline.at_key("webhook", what);
        faults.extend(wrong.into_iter().map(at));
        None
    });
    let mut fields = |key, fields| {
        let made = Fields::new(fields);
        made.map_err(|error| faults.push(outline.at_key(key, error)))
            .ok()
    };
    let credentials = fields("credentials", &file.credentials);
    let config = fields("config", &file.config);
    let (true, Some(credentials), Some(config)) = (faults.is_empty(), credentials, config) else {
        return Err(InvalidFile::new(faults));
    };
    Ok(Definition {
        credentials,
        config,
        entities: file.entities.into_iter().map(|e| e.name).collect(),
        id: file.id,
        name: file.name,
        category: file.category,
        status: file.status,
        features: file.features,
        others,
        reading,
        webhook,
        store,
    })
}

/// What a connector needs that can be used.
fn reading(
    file: &ConnectorFile,
    tables: &Tables,
    outline: &Outline<'_>,
    operators_url: Option<&str>,
    faults: &mut Vec<FileFault>,
) -> Option<Reading> {
    let base_url = match operators_url {
        Some(url) => Some(BaseUrl::One(url.to_owned())),
        None => file.base_url.clone(),
    };
    let lacking = [
        ("base_url", base_url.is_none()),
        ("auth", file.auth.is_none()),
        ("test", file.test.is_none()),
        ("lists", file.lists.is_none()),
    ];
    for (what, _) in lacking.iter().filter(|(_, is_lacking)| *is_lacking) {
        let what = format!("its status is {} but it lacks {what}", file.status);
        faults.push(outline.at_key("status", what));
    }
    if let Some(base_url) = &base_url
        && !is_good(base_url)
    {
        let what = "base_url must be an http or https URL without a query";
        faults.push(outline.at_key("base_url", what));
    }
    for credential in file.auth.iter().flat_map(credentials_of) {
        if !file.credentials.contains_key(credential) {
            let what = format!("auth names {credential}, which is no credential");
            faults.push(outline.at_key("auth", what));
        }
    }
    let oauth = oauth(file, outline, faults).map(|rules| match operators_url {
        Some(base_url) => rules.moved_to(base_url),
        None => rules,
    });
    for grant in file.test.iter().flat_map(|test| &test.grants) {
        let named = &grant.credential;
        if !file.credentials.contains_key(named) {
            let what = format!("a grant names {named}, which is no credential");
            faults.push(outline.at_key("test", what));
        }
    }
    for (key, listing) in [("changed", &file.changed), ("removed", &file.removed)] {
        for named in listing
            .iter()
            .flat_map(|listing| listing.of.iter().flatten())
        {
            if !file.entities.iter().any(|entity| entity.name == *named) {
                let what = format!("a list is said to be of {named}, which is no entity");
                faults.push(outline.at_key(key, what));
            }
        }
    }
    for (place, entity) in file.entities.iter().enumerate() {
        if let Some(Under::Entity(above)) = &entity.under
            && !file.entities.iter().any(|entity| entity.name == *above)
        {
            let what = format!(
                "entity {} is listed under {above}, which is no entity",
                entity.name
            );
            faults.push(outline.at_entity(place, what));
        }
    }
    let lists = file.lists.as_ref()?;
    if !(1..=16).contains(&lists.parallel) {
        faults.push(outline.at_key("lists", "lists.parallel must be from 1 to 16"));
    }
    if let Some(bulk) = &file.bulk
        && (bulk.rows == 0 || !bulk.path.starts_with('/'))
    {
        let what = "[bulk] needs a path below the base URL, and takes one row at least at once";
        faults.push(outline.at_key("bulk", what));
    }
    let feed = file.feed.clone().map(Arc::new);
    let mut entities = Vec::new();
    for (place, entity) in file.entities.iter().enumerate() {
        match rules::rules(place, entity, tables, feed.as_ref()) {
            Ok(rules) => entities.push(rules),
            Err(lacking) => faults.extend(
                lacking
                    .into_iter()
                    .map(|what| outline.at_entity(place, what)),
            ),
        }
    }
    Some(Reading {
        base_url: base_url?,
        auth: file.auth.clone()?,
        oauth: oauth.map(Arc::new),
        headers: file.headers.clone().into_iter().collect(),
        test: file.test.clone()?,
        errors: file.errors.clone(),
        rate: file.rate.clone(),
        entities,
        parallel: usize::from(lists.parallel),
    })
}

/// Whether the vendor's rate can be kept to.
fn rate(file: &ConnectorFile, outline: &Outline<'_>, faults: &mut Vec<FileFault>) {
    let Some(rate) = &file.rate else {
        return;
    };
    let is_field =
        |name: &str| file.credentials.contains_key(name) || file.config.contains_key(name);
    let mut wrong = rate.faults(is_field);
    if file.store.is_some() && rate.limits.values().any(|limit| !limit.paths.is_empty()) {
        wrong.push("the limits of a store count all requests, so they have no paths".to_owned());
    }
    faults.extend(wrong.into_iter().map(|what| outline.at_key("rate", what)));
}

/// How tokens are fetched, where requests carry any.
fn oauth(
    file: &ConnectorFile,
    outline: &Outline<'_>,
    faults: &mut Vec<FileFault>,
) -> Option<OAuth> {
    let rules = match (file.auth.as_ref()?, &file.oauth) {
        (Auth::OAuth2 {}, Some(rules)) => rules,
        (Auth::OAuth2 {}, None) => {
            faults.push(outline.at_key("auth", "auth is oauth2 but there is no [oauth]"));
            return None;
        }
        (_, Some(_)) => {
            faults.push(outline.at_key("oauth", "there is an [oauth] but auth is not oauth2"));
            return None;
        }
        (_, None) => return None,
    };
    if !file.credentials.contains_key(&rules.client_id) {
        let named = &rules.client_id;
        let what = format!("[oauth] names {named}, which is no credential");
        faults.push(outline.at_key("oauth", what));
    }
    if rules.grant == GrantType::AuthorizationCode && rules.authorize_url.is_none() {
        faults.push(outline.at_key("oauth", "[oauth] lacks authorize_url"));
    }
    if rules.user_grant.is_some() && rules.grant != GrantType::ClientCredentials {
        let what = "[oauth.user_grant] is for the grant client_credentials";
        faults.push(outline.at_key("oauth", what));
    }
    let facts = rules.facts_call.as_ref().map(|call| &call.url);
    let user = rules.user_grant.as_ref().map(|grant| &grant.url);
    let urls = [
        Some(&rules.token_url),
        rules.authorize_url.as_ref(),
        facts,
        user,
    ];
    if urls.into_iter().flatten().any(|url| !is_good(url)) {
        let what = "the URLs of [oauth] must be http or https URLs without a query";
        faults.push(outline.at_key("oauth", what));
    }
    Some(rules.clone())
}

fn is_good(base_url: &BaseUrl) -> bool {
    let is_one = |url: &str| {
        // A credential may be the whole of it.
        let is_named = url.starts_with('{') && url.ends_with('}');
        is_named
            || Url::parse(url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
    };
    match base_url {
        BaseUrl::One(url) => is_one(url),
        BaseUrl::By(by) => {
            by.urls.contains_key(&by.default) && by.urls.values().all(|url| is_one(url))
        }
    }
}

fn credentials_of(auth: &Auth) -> Vec<&String> {
    match auth {
        Auth::Bearer { credential }
        | Auth::Header { credential, .. }
        | Auth::Query { credential, .. } => vec![credential],
        Auth::Basic { username, password } => std::iter::once(username).chain(password).collect(),
        Auth::Placed {} | Auth::OAuth2 {} => Vec::new(),
    }
}
