//! Lists by page number, and single records.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::entity::Entity;
use super::errors::PayPalError;
use super::{LINK_HOST, PayPal, query};
use crate::sandbox::exchange::Request;
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::pages::{self, Cut, Page};
use crate::sandbox::kit::{Record, bare, changes};

/// Fields of a record that its list shows; the others need a call for the record itself. `None` shows all.
fn summary(entity: Entity) -> Option<&'static [&'static str]> {
    match entity {
        Entity::Products => Some(&["id", "name", "description", "create_time", "links"]),
        Entity::Plans => Some(&[
            "id",
            "product_id",
            "name",
            "status",
            "description",
            "usage_type",
            "create_time",
            "links",
        ]),
        Entity::Disputes => Some(&[
            "dispute_id",
            "create_time",
            "update_time",
            "reason",
            "status",
            "dispute_state",
            "dispute_amount",
            "dispute_life_cycle_stage",
            "dispute_channel",
            "seller_response_due_date",
            "links",
        ]),
        Entity::Invoices => Some(&[
            "id",
            "status",
            "detail",
            "invoicer",
            "primary_recipients",
            "amount",
            "due_amount",
            "payments",
            "links",
        ]),
        Entity::Subscriptions | Entity::Transactions => None,
    }
}

/// A record as its list shows it.
pub(super) fn shortened(entity: Entity, record: &Record) -> Value {
    let Some(shown) = summary(entity) else {
        return record.body.clone();
    };
    let fields = shown
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), record.body.get(*field)?.clone())));
    Value::Object(fields.collect())
}

/// The page that a request asks for.
struct Asked {
    page: usize,
    page_size: usize,
    totals: bool,
}

impl Asked {
    fn read(entity: Entity, request: &Request) -> Result<Self, PayPalError> {
        let (default, most) = entity.page_sizes();
        Ok(Self {
            page: query::number(request, "page", 1, entity.last_page())?,
            page_size: query::number(request, "page_size", default, most)?,
            totals: query::flag(request, "total_required")?,
        })
    }
}

/// A list that takes page numbers.
pub(super) fn list(
    paypal: &PayPal,
    entity: Entity,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, PayPalError> {
    let mut known = vec!["page", "page_size"];
    match entity {
        Entity::Subscriptions => known.extend(SUBSCRIPTION_FILTERS),
        Entity::Plans => known.extend(["total_required", "product_id", "plan_ids"]),
        _ => known.push("total_required"),
    }
    query::only(request, &known)?;
    let keep = filter(entity, request)?;
    page(paypal, entity, request, fault, &keep)
}

/// One page of the records that are kept.
pub(super) fn page(
    paypal: &PayPal,
    entity: Entity,
    request: &Request,
    fault: Option<&Fault>,
    keep: &dyn Fn(&Record) -> bool,
) -> Result<Value, PayPalError> {
    let asked = Asked::read(entity, request)?;
    let whole = request.header("prefer") == Some("return=representation");
    let store = paypal.lock();
    let newest_first: Vec<&Record> = store
        .shelf(entity)
        .live()
        .rev()
        .filter(|r| keep(r))
        .collect();
    let total = newest_first.len();
    let page = pages::cut(
        &newest_first,
        &Cut {
            start: (asked.page - 1).saturating_mul(asked.page_size),
            limit: asked.page_size,
            fault,
            id_pointer: entity.id_pointer(),
            render: |record: &Record| match whole && entity == Entity::Plans {
                true => record.body.clone(),
                false => shortened(entity, record),
            },
        },
    );
    drop(store);
    changes::carry_out(paypal, entity, &page.aftermath);
    let mut body = json!({ "links": page_links(request, &asked, &page) });
    body[entity.key()] = page.records.iter().map(|text| bare(text)).collect();
    if asked.totals {
        let pages = total.div_ceil(asked.page_size);
        body["total_items"] = total.into();
        // A list that a fault makes endless says so here too.
        body["total_pages"] = match page.more {
            true => pages.max(asked.page + 1),
            false => pages,
        }
        .into();
    }
    Ok(body)
}

fn page_links(request: &Request, asked: &Asked, page: &Page) -> Value {
    let link = |rel: &str, number: usize| {
        let others = request.query.iter().filter(|(name, _)| name != "page");
        let query = Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("page", &number.to_string())
            .finish();
        json!({ "href": format!("{LINK_HOST}{}?{query}", request.path), "rel": rel, "method": "GET" })
    };
    let mut links = vec![link("self", asked.page)];
    if page.more {
        links.push(link("next", asked.page + 1));
    }
    if asked.page > 1 {
        links.push(link("prev", asked.page - 1));
    }
    links.into()
}

const SUBSCRIPTION_FILTERS: [&str; 6] = [
    "plan_ids",
    "statuses",
    "created_after",
    "created_before",
    "status_updated_after",
    "status_updated_before",
];

/// What a list's own parameters leave of it.
fn filter(entity: Entity, request: &Request) -> Result<impl Fn(&Record) -> bool, PayPalError> {
    let words = |name: &str| {
        request
            .parameter(name)
            .map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>())
    };
    // A plan's own id is `id`; a subscription has its plan's beside it.
    let plan_field = match entity {
        Entity::Plans => "id",
        _ => "plan_id",
    };
    let equal = [
        (plan_field, words("plan_ids")),
        ("status", words("statuses")),
        ("product_id", words("product_id")),
    ];
    let bound = |name| query::time(request, name);
    let between = [
        (
            "create_time",
            bound("created_after")?,
            bound("created_before")?,
        ),
        (
            "status_update_time",
            bound("status_updated_after")?,
            bound("status_updated_before")?,
        ),
    ];
    Ok(move |record: &Record| {
        let field = |name: &str| record.body[name].as_str().unwrap_or_default();
        equal.iter().all(|(name, wanted)| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|word| word == field(name)))
        }) && between.iter().all(|(name, after, before)| {
            let Some(at) = query::moment(field(name)) else {
                return after.is_none() && before.is_none();
            };
            after.is_none_or(|after| at >= after) && before.is_none_or(|before| at <= before)
        })
    })
}

/// A single record, whole.
pub(super) fn retrieve(
    paypal: &PayPal,
    entity: Entity,
    id: &str,
    request: &Request,
) -> Result<Value, PayPalError> {
    query::only(request, &[])?;
    paypal
        .lock()
        .shelf(entity)
        .get(id)
        .map(|record| record.body.clone())
        .ok_or_else(|| PayPalError::unknown_record(id))
}

/// Whether a record matches one field of a search.
type Test = Box<dyn Fn(&Value) -> bool>;

/// Invoices that match a body.
pub(super) fn search_invoices(
    paypal: &PayPal,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Value, PayPalError> {
    query::only(request, &["page", "page_size", "total_required"])?;
    let wanted: Value = match request.body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(&request.body)
            .map_err(|_| PayPalError::body("/", "MALFORMED_REQUEST_JSON"))?,
    };
    let Some(fields) = wanted.as_object() else {
        return Err(PayPalError::body("/", "INVALID_SYNTAX"));
    };
    let mut tests: Vec<Test> = Vec::new();
    for (field, value) in fields {
        let value = value.clone();
        let number = |key: &str| {
            value[key].as_str().and_then(query::moment).ok_or_else(|| {
                PayPalError::body(&format!("/{field}/{key}"), "INVALID_PARAMETER_SYNTAX")
            })
        };
        tests.push(match field.as_str() {
            "status" => Box::new(move |body: &Value| {
                let among = value.as_array().map(Vec::as_slice).unwrap_or_default();
                among.contains(&body["status"])
            }),
            "currency_code" => {
                Box::new(move |body: &Value| body["detail"]["currency_code"] == value)
            }
            "invoice_number" => {
                Box::new(move |body: &Value| body["detail"]["invoice_number"] == value)
            }
            "creation_date_range" => {
                let (start, end) = (number("start")?, number("end")?);
                Box::new(move |body: &Value| {
                    body["detail"]["metadata"]["create_time"]
                        .as_str()
                        .and_then(query::moment)
                        .is_some_and(|at| (start..=end).contains(&at))
                })
            }
            other => return Err(PayPalError::not_in_the_sandbox(other)),
        });
    }
    let keep = |record: &Record| tests.iter().all(|test| test(&record.body));
    page(paypal, Entity::Invoices, request, fault, &keep)
}
