//! Invoices, products, plans, subscriptions and disputes.

use serde_json::{Value, json};

use super::parts::{self, Amount, account, links, upper};
use super::{Entity, Maker, dispute_time, time};
use crate::draw::Draw;
use crate::sandbox::kit::names::{self, Called};
use crate::sandbox::kit::times;

impl Maker {
    pub(super) fn invoice(
        &self,
        draw: &mut Draw,
        index: u64,
        created_s: i64,
        called: &Called,
    ) -> Value {
        let id = self.id(Entity::Invoices, index);
        let address = names::address(&mut draw.aside("address"));
        let total = Amount::drawn(draw).positive();
        let status = draw.pick(&["PAID", "SENT", "SENT", "DRAFT", "CANCELLED", "UNPAID"]);
        let paid = status == "PAID";
        let due = Amount {
            minor: if paid { 0 } else { total.minor },
            ..total
        };
        let date = times::date(created_s);
        let view = format!("https://www.paypal.com/invoice/p#{}", upper(draw, 16));
        json!({
            "id": id,
            "status": status,
            "number": format!("R-{:06}", index + 1),
            "reference": draw.chance(30).then(|| format!("deal {}", draw.below(9_999))),
            "date": date,
            "currency": total.currency,
            "memo": draw.chance(30).then(|| format!("{}\nsecond line", called.name)),
            "due": times::date(created_s + 30 * 86_400),
            "view_url": view,
            "name": called.name,
            "address": {
                "address_line_1": address.line, "admin_area_2": address.city,
                "admin_area_1": address.region.unwrap_or_default(),
                "postal_code": address.postal_code, "country_code": address.country,
            },
            "email": parts::email(called, "client"),
            "items": [{
                "id": format!("ITEM-{}", upper(draw, 17)), "name": "Consulting", "quantity": "1",
                "unit_amount": total.json(), "unit_of_measure": "QUANTITY",
            }],
            "amount": {
                "currency_code": total.currency, "value": total.value(),
                "breakdown": { "item_total": total.json() },
            },
            "due_amount": due.json(),
            "payments": paid.then(|| json!({
                "paid_amount": total.json(),
                "transactions": [{
                    "type": "PAYPAL", "payment_id": upper(draw, 17), "payment_date": date,
                    "method": "PAYPAL", "amount": total.json(),
                }],
            })),
            "links": links(Entity::Invoices, &id),
        })
    }

    pub(super) fn plan(&self, draw: &mut Draw, index: u64, created_s: i64) -> Value {
        let id = self.id(Entity::Plans, index);
        let price = Amount::drawn(draw).positive();
        let name = draw.pick(&["Basic", "Team", "Business", "Everything"]);
        json!({
            "id": id,
            "product": self.any_of(draw, Entity::Products),
            "name": format!("{name} {index}"),
            "status": draw.pick(&["ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE", "CREATED"]),
            "description": format!("{name}, billed for as long as you like it"),
            "price": price.json(),
            "created": time(created_s),
            "unit": draw.pick(&["MONTH", "MONTH", "YEAR", "WEEK"]),
            "setup_fee": Amount { minor: 0, ..price }.json(),
            "links": links(Entity::Plans, &id),
        })
    }

    pub(super) fn subscription(
        &self,
        draw: &mut Draw,
        index: u64,
        created_s: i64,
        called: &Called,
    ) -> Value {
        let id = self.id(Entity::Subscriptions, index);
        let price = Amount::drawn(draw).positive();
        let status = draw.pick(&[
            "ACTIVE",
            "ACTIVE",
            "ACTIVE",
            "SUSPENDED",
            "CANCELLED",
            "EXPIRED",
        ]);
        let (given, surname) = parts::split_name(called);
        let zero = Amount { minor: 0, ..price };
        json!({
            "id": id,
            "status": status,
            "plan": self.any_of(draw, Entity::Plans),
            "created": time(created_s),
            "quantity": draw.between(1, 20).to_string(),
            "shipping": zero.json(),
            "email": parts::email(called, "subscriber"),
            "payer": account(draw),
            "given": given,
            "surname": surname,
            "outstanding": zero.json(),
            "cycles": draw.below(24),
            "price": price.json(),
            "next": (status == "ACTIVE").then(|| time(created_s + 30 * 86_400)),
            "custom": draw.chance(50).then(|| format!("user-{}", draw.below(99_999))),
            "links": links(Entity::Subscriptions, &id),
        })
    }

    pub(super) fn dispute(
        &self,
        draw: &mut Draw,
        index: u64,
        created_s: i64,
        called: &Called,
    ) -> Value {
        let id = self.id(Entity::Disputes, index);
        let amount = Amount::drawn(draw).positive();
        let (status, state) = draw.pick(&[
            ("WAITING_FOR_SELLER_RESPONSE", "REQUIRED_ACTION"),
            ("UNDER_REVIEW", "UNDER_PAYPAL_REVIEW"),
            ("RESOLVED", "RESOLVED"),
        ]);
        let resolved = status == "RESOLVED";
        json!({
            "id": id,
            "buyer_transaction": upper(draw, 17),
            "transaction": self.any_of(draw, Entity::Transactions),
            "paid": dispute_time(created_s - 5 * 86_400),
            "amount": amount.json(),
            "custom": format!("cart {}", draw.below(9_999)),
            "buyer": parts::plain_name(called),
            "reason": draw.pick(&["MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "UNAUTHORISED", "DUPLICATE_TRANSACTION"]),
            "status": status,
            "state": state,
            "outcome": resolved.then(|| json!({
                "outcome_code": "RESOLVED_BUYER_FAVOUR", "amount_refunded": amount.json(),
            })),
            "opened": dispute_time(created_s),
            "response_due": (!resolved).then(|| dispute_time(created_s + 10 * 86_400)),
            "links": links(Entity::Disputes, &id),
        })
    }
}

pub(super) fn product(draw: &mut Draw, id: &str) -> Value {
    let name = draw.pick(&["Timetable", "Signal Box", "Dining Car", "Night Train"]);
    json!({
        "id": id,
        "name": name,
        "description": format!("{name}, no. {}", draw.below(9_999)),
        "type": draw.pick(&["SERVICE", "DIGITAL", "PHYSICAL"]),
        "links": links(Entity::Products, id),
    })
}
