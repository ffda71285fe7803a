//! Transactions as the search shows them.

use serde_json::{Value, json};

use super::parts::{self, Amount, account, upper};
use super::{Entity, Maker, report_time};
use crate::draw::Draw;
use crate::sandbox::kit::names::{self, Called};

impl Maker {
    pub(super) fn transaction(
        &self,
        draw: &mut Draw,
        index: u64,
        created_s: i64,
        called: &Called,
    ) -> Value {
        let amount = Amount::drawn(draw);
        // What only displays does not move money; what reverses takes it back.
        let (code, amount) = if index % 7 == 3 {
            ("T9800", amount)
        } else if index % 11 == 5 {
            ("T1107", amount.negated())
        } else {
            (draw.pick(&["T0006", "T0006", "T0007", "T0013"]), amount)
        };
        let transfer = draw.chance(10);
        let status = match draw.below(100) {
            0..86 => "S",
            86..94 => "P",
            94..97 => "V",
            _ => "D",
        };
        let address = names::address(&mut draw.aside("address"));
        let (given, surname) = parts::split_name(called);
        let payer = match transfer {
            true => json!({ "address_status": "N", "payer_name": {} }),
            false => json!({
                "account_id": account(draw),
                "email_address": parts::email(called, "shopper"),
                "address_status": "Y",
                "payer_status": draw.pick(&["Y", "N"]),
                "payer_name": { "given_name": given, "surname": surname, "alternate_full_name": called.name },
                "country_code": address.country,
            }),
        };
        let cart = match draw.chance(50) {
            true => parts::cart(draw, &amount),
            false => json!({}),
        };
        let has_reference = draw.chance(30);
        json!({
            "account": account(&mut draw.aside("account")),
            "id": self.id(Entity::Transactions, index),
            "reference": has_reference.then(|| upper(&mut draw.aside("reference"), 17)),
            "reference_type": has_reference.then_some("ODR"),
            "code": code,
            "initiated": report_time(created_s),
            "amount": amount.json(),
            "fee": (code != "T9800").then(|| amount.fee().json()),
            "status": status,
            "subject": draw.chance(60).then(|| format!("Order {index}")),
            "balance": Amount { minor: draw.between(0, 9_000_000), ..amount }.json(),
            "invoice": draw.chance(40).then(|| format!("R-{:06}", index + 1)),
            "custom": draw.chance(20).then(|| format!("cart {}", draw.below(9_999))),
            "protection": draw.pick(&["01", "02", "03"]),
            "payer": payer,
            "shipping": match transfer {
                true => json!({}),
                false => json!({ "name": format!("{given}, {surname}"), "address": parts::report_address(&address) }),
            },
            "cart": cart,
        })
    }
}
