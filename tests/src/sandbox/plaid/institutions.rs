//! The banks.

use serde_json::{Value, json};

use super::Plaid;
use super::ask::Ask;
use super::errors::PlaidError;

/// How many there are: `ins_1` to `ins_40`.
const COUNT: usize = 40;
const COUNTRIES: [&str; 4] = ["US", "GB", "IE", "DE"];

pub(super) fn unknown() -> PlaidError {
    PlaidError::invalid_input("INVALID_INSTITUTION", "invalid institution_id provided")
}

/// The name of a bank, if there is one of this id.
pub(super) fn name_of(id: &str) -> Option<String> {
    let number: usize = id.strip_prefix("ins_")?.parse().ok()?;
    (1..=COUNT)
        .contains(&number)
        .then(|| format!("Sandbox Savings Bank No. {number}"))
}

fn country(number: usize) -> &'static str {
    COUNTRIES[number % COUNTRIES.len()]
}

fn record(number: usize) -> Value {
    let id = format!("ins_{number}");
    json!({
        "institution_id": id,
        "name": name_of(&id),
        "products": ["auth", "balance", "identity", "transactions"],
        "country_codes": [country(number)],
        "routing_numbers": [format!("{:09}", 110_000_000 + number)],
        "dtc_numbers": [],
        "oauth": number.is_multiple_of(3),
        "connection_availability": "SUPPORTED",
    })
}

/// `/institutions/get`.
pub(super) fn list(ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["count", "offset", "country_codes", "options"])?;
    ask.options(&[])?;
    let count = ask.number("count", None, 1..=500)?;
    let offset = ask.number("offset", None, 0..=usize::MAX)?;
    let countries = countries(ask)?;
    let all: Vec<Value> = (1..=COUNT)
        .filter(|number| countries.contains(&country(*number)))
        .map(record)
        .collect();
    let page: Vec<&Value> = all.iter().skip(offset).take(count).collect();
    Ok(json!({ "institutions": page, "total": all.len() }))
}

/// `/institutions/get_by_id`.
pub(super) fn by_id(ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["institution_id", "country_codes", "options"])?;
    ask.options(&[])?;
    let countries = countries(ask)?;
    let id = ask.text("institution_id")?;
    let number = id
        .strip_prefix("ins_")
        .and_then(|number| number.parse().ok())
        .filter(|number| name_of(id).is_some() && countries.contains(&country(*number)));
    number
        .map(|number| json!({ "institution": record(number) }))
        .ok_or_else(unknown)
}

fn countries(ask: &Ask) -> Result<Vec<&str>, PlaidError> {
    ask.texts("country_codes")?
        .filter(|codes| !codes.is_empty())
        .ok_or_else(|| PlaidError::missing("country_codes"))
}

/// `/webhook_verification_key/get`.
pub(super) fn webhook_key(plaid: &Plaid, ask: &Ask) -> Result<Value, PlaidError> {
    ask.only(&["key_id"])?;
    let id = ask.text("key_id")?;
    plaid
        .0
        .signer
        .public(id)
        .map(|key| json!({ "key": key }))
        .ok_or_else(|| {
            PlaidError::invalid_input(
                "INVALID_WEBHOOK_VERIFICATION_KEY_ID",
                "invalid webhook verification key id",
            )
        })
}
