//! The parameters of Stripe's lists.

use serde_json::Value;

use super::entity::Entity;
use super::errors::StripeError;

/// Bounds on a Unix time, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            low: i64::MIN,
            high: i64::MAX,
        }
    }
}

impl Range {
    /// Narrows by one bound of the form `gt`, `gte`, `lt`, `lte`, or an exact value.
    fn narrow(&mut self, bound: Option<&str>, value: i64) -> bool {
        match bound {
            Some("gt") => self.low = self.low.max(value.saturating_add(1)),
            Some("gte") => self.low = self.low.max(value),
            Some("lt") => self.high = self.high.min(value.saturating_sub(1)),
            Some("lte") => self.high = self.high.min(value),
            None => {
                self.low = self.low.max(value);
                self.high = self.high.min(value);
            }
            Some(_) => return false,
        }
        true
    }
}

/// A condition on a field of the record, named by JSON pointer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The field is this string (or this word, for true and false).
    Is(&'static str, String),
    /// The field is not this string.
    IsNot(&'static str, &'static str),
    /// The field is a number in this range.
    Within(&'static str, Range),
}

impl Condition {
    /// Whether the record meets it.
    pub(super) fn met_by(&self, record: &Value) -> bool {
        match self {
            Self::Is(field, wanted) => match record.pointer(field) {
                Some(Value::String(text)) => text == wanted,
                Some(Value::Bool(value)) => value.to_string() == *wanted,
                _ => false,
            },
            Self::IsNot(field, unwanted) => {
                record.pointer(field).and_then(Value::as_str) != Some(unwanted)
            }
            Self::Within(field, range) => record
                .pointer(field)
                .and_then(Value::as_i64)
                .is_some_and(|number| (range.low..=range.high).contains(&number)),
        }
    }
}

/// A parsed list request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListQuery {
    pub(super) limit: usize,
    pub(super) starting_after: Option<String>,
    pub(super) ending_before: Option<String>,
    pub(super) created: Range,
    pub(super) conditions: Vec<Condition>,
    /// Event types, only for events: each may end in `*`.
    pub(super) types: Vec<String>,
}

/// What a list can be a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Records(Entity),
    Events,
}

/// A parameter that only some lists have.
enum Own {
    /// Compares a field.
    Field(&'static str),
    /// Compares a time field by range.
    Times(&'static str),
    /// Stripe has it and the sandbox does not.
    Missing,
}

/// The parameter of this name that the list has beside the ones all lists have.
fn own_parameter(listed: Listed, name: &str) -> Option<Own> {
    use Entity as E;
    let Listed::Records(entity) = listed else {
        return (name == "delivery_success").then_some(Own::Missing);
    };
    Some(match (entity, name) {
        (E::Customers, "email") => Own::Field("/email"),
        (E::Customers | E::Subscriptions, "test_clock") => Own::Missing,
        (E::Products | E::Prices, "active") => Own::Field("/active"),
        (E::Products, "shippable") => Own::Field("/shippable"),
        (E::Products, "url") => Own::Field("/url"),
        (E::Products | E::Prices | E::BalanceTransactions, "type") => Own::Field("/type"),
        (E::Products, "ids") | (E::Prices, "lookup_keys" | "recurring") => Own::Missing,
        (E::Prices | E::BalanceTransactions, "currency") => Own::Field("/currency"),
        (E::Prices, "product") => Own::Field("/product"),
        (E::Subscriptions | E::Invoices | E::PaymentIntents | E::Charges, "customer") => {
            Own::Field("/customer")
        }
        (E::Subscriptions | E::Invoices | E::PaymentIntents, "customer_account") => Own::Missing,
        (E::Subscriptions | E::Invoices, "collection_method") => Own::Field("/collection_method"),
        (E::Subscriptions, "price") => Own::Field("/items/data/0/price/id"),
        (E::Subscriptions, "plan") => Own::Field("/items/data/0/plan/id"),
        (E::Subscriptions, "automatic_tax") => Own::Missing,
        (E::Subscriptions, "current_period_start") => {
            Own::Times("/items/data/0/current_period_start")
        }
        (E::Subscriptions, "current_period_end") => Own::Times("/items/data/0/current_period_end"),
        (E::Subscriptions | E::Invoices | E::Payouts, "status") => Own::Field("/status"),
        (E::Invoices, "due_date") => Own::Times("/due_date"),
        (E::Invoices, "subscription") => Own::Field("/parent/subscription_details/subscription"),
        (E::Charges | E::Refunds | E::Disputes, "payment_intent") => Own::Field("/payment_intent"),
        (E::Charges, "transfer_group") => Own::Field("/transfer_group"),
        (E::Refunds | E::Disputes, "charge") => Own::Field("/charge"),
        (E::Payouts, "destination") => Own::Field("/destination"),
        (E::Payouts, "arrival_date") => Own::Times("/arrival_date"),
        (E::BalanceTransactions, "source") => Own::Field("/source"),
        (E::BalanceTransactions, "payout") => Own::Missing,
        _ => return None,
    })
}

impl ListQuery {
    /// Reads the parameters of a list, refusing what that list does not have.
    pub(super) fn parse(
        listed: Listed,
        parameters: &[(String, String)],
    ) -> Result<Self, StripeError> {
        let mut query = Self {
            limit: 10,
            starting_after: None,
            ending_before: None,
            created: Range::default(),
            conditions: Vec::new(),
            types: Vec::new(),
        };
        for (key, value) in parameters {
            let (name, inner) = split(key);
            match name {
                "limit" if inner.is_none() => query.limit = limit(value)?,
                "starting_after" if inner.is_none() => query.starting_after = Some(value.clone()),
                "ending_before" if inner.is_none() => query.ending_before = Some(value.clone()),
                "created" => {
                    if !query.created.narrow(inner, integer(key, value)?) {
                        return Err(StripeError::unknown_parameter(key));
                    }
                }
                "type" | "types" if listed == Listed::Events => query.types.push(value.clone()),
                "expand" => return Err(StripeError::not_in_the_sandbox(key)),
                _ => query.add(listed, key, value)?,
            }
        }
        query.check(listed, parameters)?;
        Ok(query)
    }

    fn add(&mut self, listed: Listed, key: &str, value: &str) -> Result<(), StripeError> {
        let (name, inner) = split(key);
        match own_parameter(listed, name) {
            Some(Own::Field("/status")) if listed == Listed::Records(Entity::Subscriptions) => {
                match value {
                    // Asking for any status ends the default, which hides the canceled ones.
                    "all" => {}
                    "ended" => return Err(StripeError::not_in_the_sandbox("status=ended")),
                    status => self
                        .conditions
                        .push(Condition::Is("/status", status.to_owned())),
                }
            }
            Some(Own::Field(field)) if inner.is_none() => {
                self.conditions.push(Condition::Is(field, value.to_owned()));
            }
            Some(Own::Times(field)) => {
                let mut range = Range::default();
                if !range.narrow(inner, integer(key, value)?) {
                    return Err(StripeError::unknown_parameter(key));
                }
                self.conditions.push(Condition::Within(field, range));
            }
            Some(Own::Missing) => return Err(StripeError::not_in_the_sandbox(key)),
            _ => return Err(StripeError::unknown_parameter(key)),
        }
        Ok(())
    }

    /// What only the whole of the parameters can tell.
    fn check(
        &mut self,
        listed: Listed,
        parameters: &[(String, String)],
    ) -> Result<(), StripeError> {
        if self.starting_after.is_some() && self.ending_before.is_some() {
            let message = "starting_after and ending_before cannot both be given.".to_owned();
            return Err(StripeError::bad_value("ending_before", message));
        }
        let has = |name: &str| parameters.iter().any(|(key, _)| split(key).0 == name);
        if listed == Listed::Events && has("type") && has("types") {
            return Err(StripeError::bad_value(
                "types",
                "type and types cannot both be given.".to_owned(),
            ));
        }
        if self.types.len() > 20 {
            return Err(StripeError::bad_value(
                "types",
                "No more than 20 types can be given.".to_owned(),
            ));
        }
        if listed == Listed::Records(Entity::Subscriptions) && !has("status") {
            self.conditions
                .push(Condition::IsNot("/status", "canceled"));
        }
        Ok(())
    }

    /// Whether an event type is wanted.
    pub(super) fn wants(&self, event_type: &str) -> bool {
        self.types.is_empty()
            || self
                .types
                .iter()
                .any(|wanted| match wanted.strip_suffix('*') {
                    Some(start) => event_type.starts_with(start),
                    None => wanted == event_type,
                })
    }
}

/// `created[gte]` is `created` and `gte`; `types[]` and `types[0]` are `types` and nothing more.
fn split(key: &str) -> (&str, Option<&str>) {
    match key.strip_suffix(']').and_then(|open| open.split_once('[')) {
        Some((name, inner)) if inner.bytes().all(|byte| byte.is_ascii_digit()) => (name, None),
        Some((name, inner)) => (name, Some(inner)),
        None => (key, None),
    }
}

fn integer(param: &str, value: &str) -> Result<i64, StripeError> {
    value
        .parse()
        .map_err(|_| StripeError::not_an_integer(param, value))
}

fn limit(value: &str) -> Result<usize, StripeError> {
    let limit = integer("limit", value)?;
    let bound = if limit < 1 {
        "greater than or equal to 1"
    } else {
        "less than or equal to 100"
    };
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(StripeError::bad_value(
            "limit",
            format!("This value must be {bound} (it currently is '{limit}')."),
        )),
    }
}
