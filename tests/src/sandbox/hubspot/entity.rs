//! The entities the sandbox holds and what differs between them.

/// A kind of record in a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// Who works with the records; no CRM object.
    Owners,
    /// People.
    Contacts,
    /// Companies.
    Companies,
    /// Sales that may come.
    Deals,
    /// Questions and complaints.
    Tickets,
    /// What is sold.
    Products,
    /// A product in a deal.
    LineItems,
}

impl Entity {
    /// All of them, those that others refer to first.
    pub const ALL: [Self; 7] = [
        Self::Owners,
        Self::Contacts,
        Self::Companies,
        Self::Deals,
        Self::Tickets,
        Self::Products,
        Self::LineItems,
    ];

    /// Name in the catalogue and in paths, number of its type, table of its properties.
    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Owners => ("owners", "", "[]"),
            Self::Contacts => ("contacts", "0-1", include_str!("templates/contact.json")),
            Self::Companies => ("companies", "0-2", include_str!("templates/company.json")),
            Self::Deals => ("deals", "0-3", include_str!("templates/deal.json")),
            Self::Tickets => ("tickets", "0-5", include_str!("templates/ticket.json")),
            Self::Products => ("products", "0-7", include_str!("templates/product.json")),
            Self::LineItems => (
                "line_items",
                "0-8",
                include_str!("templates/line_item.json"),
            ),
        }
    }

    /// The name in the connector's catalogue and in paths.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The number of the type of object.
    pub(super) fn type_id(self) -> &'static str {
        self.row().1
    }

    pub(super) fn table(self) -> &'static str {
        self.row().2
    }

    /// The entity of this name in the catalogue.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The CRM object of this name, or number of its type, in paths.
    pub(super) fn of_path(step: &str) -> Option<Self> {
        let objects = Self::ALL.into_iter().filter(|it| *it != Self::Owners);
        let mut objects = objects.filter(|it| it.name() == step || it.type_id() == step);
        objects.next()
    }

    /// The property that says when a record was last changed.
    pub(super) fn modified(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            _ => "hs_lastmodifieddate",
        }
    }

    /// What lets an app read it.
    pub(super) fn scope(self) -> String {
        match self {
            Self::Tickets => "tickets".to_owned(),
            Self::Products => "e-commerce".to_owned(),
            object => format!("crm.objects.{}.read", object.name()),
        }
    }

    /// How many records a portal of this size has at the start.
    pub(super) fn count(self, size: u64) -> u64 {
        match self {
            Self::Contacts => size.max(1),
            Self::Companies | Self::Deals | Self::LineItems => size.div_ceil(2).max(1),
            Self::Tickets => size.div_ceil(4).max(1),
            Self::Products => size.div_ceil(10).max(1),
            Self::Owners => size.div_ceil(50).max(3),
        }
    }
}
