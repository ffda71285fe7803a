//! Parts of records.

use serde_json::{Value, json};

use super::{Entity, LINK_HOST};
use crate::draw::Draw;
use crate::sandbox::kit::money_text;
use crate::sandbox::kit::names::{Address, Called};

const UPPER: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPRSTUVWXY";
/// What ids of accounts are made of: nothing that looks like something else.
const ACCOUNT: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// So many capitals and digits.
pub(super) fn upper(draw: &mut Draw, length: usize) -> String {
    (0..length).map(|_| char::from(draw.pick(UPPER))).collect()
}

/// The id of somebody's account.
pub(super) fn account(draw: &mut Draw) -> String {
    (0..13).map(|_| char::from(draw.pick(ACCOUNT))).collect()
}

/// Money in the smallest unit of its currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    pub(super) minor: i64,
    pub(super) currency: &'static str,
}

impl Amount {
    /// More often in than out.
    pub(super) fn drawn(draw: &mut Draw) -> Self {
        let currency = draw.pick(&["USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY"]);
        let minor = draw.between(1, 250_000);
        let sign = if draw.chance(20) { -1 } else { 1 };
        Self {
            minor: sign * minor,
            currency,
        }
    }

    pub(super) fn negated(self) -> Self {
        Self {
            minor: -self.minor,
            ..self
        }
    }

    pub(super) fn positive(self) -> Self {
        Self {
            minor: self.minor.abs(),
            ..self
        }
    }

    /// What PayPal keeps of it.
    pub(super) fn fee(self) -> Self {
        Self {
            minor: -(self.minor.abs() * 29 / 1_000 + 30),
            ..self
        }
    }

    /// `10.00`, or `10` for yen.
    pub(super) fn value(self) -> String {
        if self.currency == "JPY" {
            return self.minor.to_string();
        }
        money_text(i128::from(self.minor))
    }

    pub(super) fn json(self) -> Value {
        json!({ "currency_code": self.currency, "value": self.value() })
    }
}

/// An e-mail address for somebody whose name may have no letter that fits into one.
pub(super) fn email(called: &Called, domain: &str) -> String {
    let mailbox = Some(called.mailbox.as_str()).filter(|mailbox| !mailbox.is_empty());
    format!("{}@{domain}.example", mailbox.unwrap_or("customer"))
}

/// What a name's owner would put into a form for persons.
pub(super) fn split_name(called: &Called) -> (String, String) {
    let (given, surname) = called
        .mailbox
        .split_once('.')
        .unwrap_or(("sam", &called.mailbox));
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        })
    };
    (capital(given), capital(surname))
}

/// A name of letters and a space only.
pub(super) fn plain_name(called: &Called) -> String {
    let (given, surname) = split_name(called);
    format!("{given} {surname}").trim_end().to_owned()
}

/// An address as reports write it, which is not how the other APIs do.
pub(super) fn report_address(address: &Address) -> Value {
    let mut body = json!({
        "line1": address.line, "city": address.city,
        "country_code": address.country, "postal_code": address.postal_code,
    });
    if let Some(region) = address.region {
        body["state"] = region.into();
    }
    body
}

/// One thing bought.
pub(super) fn cart(draw: &mut Draw, amount: &Amount) -> Value {
    json!({
        "item_details": [{
            "item_code": format!("SKU-{}", draw.below(999)),
            "item_name": draw.pick(&["Ticket", "Season ticket", "Seat reservation"]),
            "item_quantity": "1",
            "item_unit_price": amount.json(),
            "item_amount": amount.json(),
            "total_item_amount": amount.json(),
        }],
    })
}

/// The links of a record, which lead to a host that is not the API's.
pub(super) fn links(entity: Entity, id: &str) -> Value {
    json!([{ "href": format!("{LINK_HOST}{}/{id}", entity.path()), "rel": "self", "method": "GET" }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let amount = |minor, currency| Amount { minor, currency }.value();
        assert_eq!(amount(1_005, "USD"), "10.05");
        assert_eq!(amount(-5, "EUR"), "-0.05");
        assert_eq!(amount(1_005, "JPY"), "1005");
    }
}
