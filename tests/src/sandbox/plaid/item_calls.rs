//! Calls about items and accounts, and those that Plaid's own test environment adds.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::ask::Ask;
use super::errors::PlaidError;
use super::item::Item;
use super::{Plaid, institutions};
use crate::draw::Draw;
use crate::sandbox::kit::{Template, seeded, times};

static ITEM: LazyLock<Template> =
    LazyLock::new(|| Template::parse(include_str!("templates/item.json")));
const PUBLIC: &str = "public-sandbox-";
const ACCESS: &str = "access-sandbox-";
/// How many transactions an item has that is made while the sandbox runs.
const NEW_ITEM_SIZE: u64 = 30;

/// The item of a request's access token.
pub(super) fn open<'i>(items: &'i mut [Item], ask: &Ask) -> Result<&'i mut Item, PlaidError> {
    let token = ask.text("access_token")?;
    items
        .iter_mut()
        .find(|item| item.access_token == token)
        .ok_or_else(|| {
            let message = "could not find matching access token";
            PlaidError::invalid_input("INVALID_ACCESS_TOKEN", message)
        })
}

impl Item {
    /// The item as answers show it.
    pub(super) fn to_json(&self) -> Value {
        let error = self
            .login_required
            .then(|| PlaidError::login_required().to_json(""));
        let values = json!({
            "id": self.id,
            "institution": self.institution,
            "institution_name": institutions::name_of(&self.institution),
            "webhook": self.webhook,
            "error": error,
        });
        ITEM.fill(&|hole| values.get(hole).cloned())
    }

    /// Refuses to read from a bank that wants a new login.
    pub(super) fn usable(&self) -> Result<(), PlaidError> {
        match self.login_required {
            true => Err(PlaidError::login_required()),
            false => Ok(()),
        }
    }
}

/// `/item/get`: 200 also when the bank wants a new login.
pub(super) fn item(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token"])?;
    let now_s = plaid.clock().now();
    let mut store = plaid.lock();
    let item = open(&mut store.items, ask)?;
    let mut body = item.to_json();
    body["created_at"] = times::zulu(item.created_s).into();
    let updated = item
        .is_ready(now_s)
        .then(|| times::zulu(item.ready_s.max(item.created_s)));
    Ok(json!({
        "item": body,
        "status": {
            "transactions": { "last_successful_update": updated, "last_failed_update": null },
            "last_webhook": null,
        },
    }))
}

/// `/accounts/get`, `/accounts/balance/get`, and with owners `/identity/get`.
pub(super) fn accounts(plaid: &Plaid, ask: &Ask, with_owners: bool) -> Result<Value, PlaidError> {
    ask.only(&["access_token", "options"])?;
    // How old a balance may be matters at one bank only.
    let options = ask.options(&["account_ids", "min_last_updated_datetime"])?;
    let wanted = options.texts("account_ids")?;
    let mut store = plaid.lock();
    let item = open(&mut store.items, ask)?;
    item.usable()?;
    if let Some(unknown) = wanted
        .iter()
        .flatten()
        .find(|id| item.accounts.get(id).is_none())
    {
        return Err(PlaidError::invalid_input(
            "INVALID_ACCOUNT_ID",
            &format!("failed to find requested account ID {unknown} for requested item"),
        ));
    }
    let accounts: Vec<Value> = item
        .accounts
        .live()
        .filter(|record| {
            wanted
                .as_ref()
                .is_none_or(|ids| ids.contains(&record.id.as_str()))
        })
        .map(|record| {
            let mut body = record.body.clone();
            if with_owners {
                body["owners"] = item.owners.get(&record.id).cloned().unwrap_or_default();
            }
            body
        })
        .collect();
    Ok(json!({ "accounts": accounts, "item": item.to_json() }))
}

/// `/sandbox/public_token/create`: a new item, as if somebody had gone through Link.
pub(super) fn create(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["institution_id", "initial_products", "options"])?;
    let options = ask.options(&["webhook"])?;
    let institution = ask.text("institution_id")?.to_owned();
    if institutions::name_of(&institution).is_none() {
        return Err(institutions::unknown());
    }
    ask.texts("initial_products")?
        .ok_or_else(|| PlaidError::missing("initial_products"))?;
    let webhook = options.optional("webhook")?.map(str::to_owned);
    let mut store = plaid.lock();
    let number = store.items.len() as u64;
    let mut item = Item::new(plaid.0.seed, number, NEW_ITEM_SIZE, plaid.clock().now());
    item.institution = institution;
    item.webhook = webhook;
    let public_token = item.access_token.replacen(ACCESS, PUBLIC, 1);
    store.items.push(item);
    Ok(json!({ "public_token": public_token }))
}

/// `/item/public_token/exchange`.
pub(super) fn exchange(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["public_token"])?;
    let token = ask.text("public_token")?.replacen(PUBLIC, ACCESS, 1);
    let store = plaid.lock();
    let item = store.items.iter().find(|item| item.access_token == token);
    item.map(|item| json!({ "access_token": item.access_token, "item_id": item.id }))
        .ok_or_else(|| {
            let message = "could not find matching public token";
            PlaidError::invalid_input("INVALID_PUBLIC_TOKEN", message)
        })
}

/// `/item/access_token/invalidate`: another token for the same item.
pub(super) fn invalidate(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token"])?;
    let mut store = plaid.lock();
    let item = open(&mut store.items, ask)?;
    let mut draw = Draw::new(plaid.0.seed, 0x70c, 0).aside(&item.access_token);
    item.access_token = format!("{ACCESS}{}", seeded::guid(&mut draw));
    Ok(json!({ "new_access_token": item.access_token }))
}

/// `/item/remove`: the token is worth nothing from then on.
pub(super) fn remove(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token"])?;
    let mut store = plaid.lock();
    open(&mut store.items, ask)?.access_token.clear();
    Ok(json!({}))
}

/// `/item/webhook/update`.
pub(super) fn set_webhook(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token", "webhook"])?;
    let mut store = plaid.lock();
    let item = open(&mut store.items, ask)?;
    item.webhook = ask.optional("webhook")?.map(str::to_owned);
    Ok(json!({ "item": item.to_json() }))
}

/// `/sandbox/item/reset_login`.
pub(super) fn reset_login(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token"])?;
    open(&mut plaid.lock().items, ask)?.login_required = true;
    Ok(json!({ "reset_login": true }))
}

/// `/sandbox/item/fire_webhook`: noted, for tests to deliver themselves.
pub(super) fn fire_webhook(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["access_token", "webhook_code", "webhook_type"])?;
    let code = ask.text("webhook_code")?.to_owned();
    let kind = ask
        .optional("webhook_type")?
        .unwrap_or("TRANSACTIONS")
        .to_owned();
    let mut store = plaid.lock();
    let item = open(&mut store.items, ask)?;
    if item.webhook.is_none() {
        return Err(PlaidError::webhook_is_not_set());
    }
    let webhook = json!({
        "webhook_type": kind,
        "webhook_code": code,
        "item_id": item.id,
        "initial_update_complete": true,
        "historical_update_complete": true,
        "environment": "sandbox",
    });
    store.fired.push(webhook);
    Ok(json!({ "webhook_fired": true }))
}

/// `/link/token/create`: a token for the page on which people choose their bank.
pub(super) fn link_token(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&[
        "client_name",
        "language",
        "country_codes",
        "user",
        "products",
        "webhook",
        "redirect_uri",
        "access_token",
    ])?;
    for field in ["client_name", "language"] {
        ask.text(field)?;
    }
    ask.texts("country_codes")?
        .ok_or_else(|| PlaidError::missing("country_codes"))?;
    let mut draw = Draw::new(plaid.0.seed, 0x71c, plaid.clock().now() as u64);
    Ok(json!({
        "link_token": format!("link-sandbox-{}", seeded::guid(&mut draw)),
        "expiration": times::zulu(plaid.clock().now() + 4 * 3_600),
    }))
}
