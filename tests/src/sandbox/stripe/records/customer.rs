//! Customers.

use super::super::entity::Entity;
use super::super::template::{Fill, Json};
use super::super::world::World;
use super::{currency, metadata, unknown};
use crate::draw::Draw;
use crate::sandbox::kit::names::called;

/// City, state, country, postal code, locale and dialling prefix that belong together.
type Place = (
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const PLACES: [Place; 10] = [
    ("Portland", Some("OR"), "US", "97205", "en-US", "+1503"),
    ("San Antonio", Some("TX"), "US", "78205", "en-US", "+1210"),
    ("Münster", None, "DE", "48143", "de-DE", "+49251"),
    ("Kraków", None, "PL", "31-042", "pl-PL", "+4812"),
    ("São Paulo", Some("SP"), "BR", "01310-100", "pt-BR", "+5511"),
    ("Saint-Étienne", None, "FR", "42000", "fr-FR", "+33477"),
    (
        "Cork",
        Some("Co. Cork"),
        "IE",
        "T12 X8YN",
        "en-IE",
        "+35321",
    ),
    ("大阪市", Some("大阪府"), "JP", "530-0001", "ja-JP", "+816"),
    ("İzmir", None, "TR", "35220", "tr-TR", "+90232"),
    ("Québec", Some("QC"), "CA", "G1R 2B5", "fr-CA", "+1418"),
];

/// A customer's values. Invoices, charges and disputes repeat some of them.
pub(super) struct Customer<'w> {
    world: &'w World,
    index: u64,
    created: i64,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) tax_exempt: &'static str,
    pub(super) country: &'static str,
    place: Option<Place>,
    street: String,
    rest: Draw,
}

impl<'w> Customer<'w> {
    pub(super) fn new(world: &'w World, index: u64, created: i64) -> Self {
        let mut draw = world.draw(Entity::Customers, index);
        let who = called(&mut draw);
        let place = draw.pick(&PLACES);
        let number = draw.between(1, 399);
        let street = draw.pick(&[
            "Harbour Street",
            "Rua das Flores",
            "Lindenallee",
            "King's Road, Flat 2",
            "Rue de l'Église",
        ]);
        let domain = draw.pick(&["example.com", "example.org", "mail.example.net"]);
        let serial = draw.between(1_000_000, 9_999_999);
        Self {
            world,
            index,
            created,
            name: (!draw.chance(3)).then_some(who.name),
            email: (!draw.chance(2)).then(|| format!("{}.{index}@{domain}", who.mailbox)),
            phone: draw.chance(60).then(|| format!("{}{serial}", place.5)),
            tax_exempt: draw.pick(&["none", "none", "none", "none", "exempt", "reverse"]),
            country: place.2,
            place: draw.chance(75).then_some(place),
            street: format!("{number} {street}"),
            rest: draw,
        }
    }

    /// A customer of the start.
    pub(super) fn known(world: &'w World, index: u64) -> Self {
        Self::new(world, index, world.created(Entity::Customers, index))
    }

    /// Writes the address, or one of nulls as Stripe writes it inside billing details.
    pub(super) fn address_or_nulls(&self, out: &mut Json) {
        if self.place.is_some() {
            self.address(out);
        } else {
            out.raw(r#"{"city":null,"country":null,"line1":null,"line2":null,"postal_code":null,"state":null}"#);
        }
    }

    /// Writes the address or `null`.
    pub(super) fn address(&self, out: &mut Json) {
        let Some((city, state, country, postal_code, _, _)) = self.place else {
            return out.null();
        };
        out.raw(r#"{"city":"#);
        out.string(city);
        out.raw(r#","country":"#);
        out.string(country);
        out.raw(r#","line1":"#);
        out.string(&self.street);
        out.raw(r#","line2":null,"postal_code":"#);
        out.string(postal_code);
        out.raw(r#","state":"#);
        out.optional_string(state);
        out.raw("}");
    }

    /// One line with the whole address.
    pub(super) fn address_line(&self) -> Option<String> {
        self.place.map(|(city, _, country, postal_code, _, _)| {
            format!("{}, {postal_code} {city}, {country}", self.street)
        })
    }
}

impl Fill for Customer<'_> {
    fn fill(&self, hole: &str, out: &mut Json) {
        let mut draw = self.rest.aside(hole);
        match hole {
            "id" => out.string(&self.world.id(Entity::Customers, self.index)),
            "address" => self.address(out),
            "balance" => out.integer(if draw.chance(10) {
                draw.between(-50_000, 50_000)
            } else {
                0
            }),
            "created" => out.integer(self.created),
            "currency" => out.optional_string(draw.chance(80).then(|| currency(&mut draw).0)),
            "delinquent" => out.boolean(draw.chance(4)),
            "description" => {
                let text = draw.pick(&[
                    "Imported from the old shop in one go, so its orders before 2023 are in the archive",
                    "Pays by card; \"quick\" to answer; wants one invoice per branch, not one per order",
                    "Referred by a partner, discount of 5 % agreed until the end of the year",
                    "First line\nSecond line\n\nLast line, after an empty one",
                    "Née à Liège — préfère l'e-mail, même pour les relances",
                ]);
                out.optional_string(draw.chance(75).then_some(text));
            }
            "email" => out.optional_string(self.email.as_deref()),
            "invoice_prefix" => out.string(&format!("{:08X}", draw.below(1 << 32))),
            "payment_method" => {
                let id = draw
                    .chance(40)
                    .then(|| self.world.loose_id("pm_", self.index));
                out.optional_string(id.as_deref());
            }
            "metadata" => metadata(&mut draw, out),
            "name" => out.optional_string(self.name.as_deref()),
            "next_invoice_sequence" => out.integer(draw.between(1, 60)),
            "phone" => out.optional_string(self.phone.as_deref()),
            "locales" => match self.place {
                Some((.., locale, _)) if draw.chance(50) => {
                    out.raw("[");
                    out.string(locale);
                    out.raw("]");
                }
                _ => out.raw("[]"),
            },
            "shipping" => match self.place {
                Some(_) if draw.chance(65) => {
                    out.raw(r#"{"address":"#);
                    self.address(out);
                    out.raw(r#","name":"#);
                    out.optional_string(self.name.as_deref());
                    out.raw(r#","phone":"#);
                    out.optional_string(self.phone.as_deref());
                    out.raw("}");
                }
                _ => out.null(),
            },
            "tax_exempt" => out.string(self.tax_exempt),
            other => unknown("customer", other),
        }
    }
}
