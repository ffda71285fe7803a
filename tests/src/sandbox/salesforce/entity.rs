//! The objects the sandbox holds and what differs between them.

/// A kind of record in an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A company.
    Account,
    /// A person at a company.
    Contact,
    /// Somebody who may become a customer.
    Lead,
    /// A sale that may come.
    Opportunity,
    /// A contract; not every org lets one see them.
    Contract,
    /// A complaint or a question.
    Case,
    /// An object that only this org has.
    Thing,
    /// Something to be done.
    Task,
    /// Something in the calendar.
    Event,
}

struct Row {
    name: &'static str,
    object: &'static str,
    plural: &'static str,
    prefix: &'static str,
    fields: &'static str,
}

impl Entity {
    /// All of them, those that others refer to first.
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Contact,
        Self::Lead,
        Self::Opportunity,
        Self::Contract,
        Self::Case,
        Self::Thing,
        Self::Task,
        Self::Event,
    ];

    fn row(self) -> Row {
        let row = |name, object, plural, prefix, fields| Row {
            name,
            object,
            plural,
            prefix,
            fields,
        };
        match self {
            Self::Account => row(
                "accounts",
                "Account",
                "Accounts",
                "001",
                include_str!("templates/account.json"),
            ),
            Self::Contact => row(
                "contacts",
                "Contact",
                "Contacts",
                "003",
                include_str!("templates/contact.json"),
            ),
            Self::Lead => row(
                "leads",
                "Lead",
                "Leads",
                "00Q",
                include_str!("templates/lead.json"),
            ),
            Self::Opportunity => row(
                "opportunities",
                "Opportunity",
                "Opportunities",
                "006",
                include_str!("templates/opportunity.json"),
            ),
            Self::Contract => row(
                "contracts",
                "Contract",
                "Contracts",
                "800",
                include_str!("templates/contract.json"),
            ),
            Self::Case => row(
                "cases",
                "Case",
                "Cases",
                "500",
                include_str!("templates/case.json"),
            ),
            Self::Thing => row(
                "Thing__c",
                "Thing__c",
                "Things",
                "a00",
                include_str!("templates/thing.json"),
            ),
            Self::Task => row(
                "Task",
                "Task",
                "Tasks",
                "00T",
                include_str!("templates/task.json"),
            ),
            Self::Event => row(
                "Event",
                "Event",
                "Events",
                "00U",
                include_str!("templates/event.json"),
            ),
        }
    }

    /// The name in the connector's catalogue; an object without one there goes by its own.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name in queries and paths: `Opportunity`.
    pub fn object(self) -> &'static str {
        self.row().object
    }

    /// What its records are called together.
    pub(super) fn plural(self) -> &'static str {
        self.row().plural
    }

    /// What its ids begin with.
    pub(super) fn prefix(self) -> &'static str {
        self.row().prefix
    }

    /// Its own fields, as a table.
    pub(super) fn table(self) -> &'static str {
        self.row().fields
    }

    /// Whether the org made it itself.
    pub(super) fn is_custom(self) -> bool {
        self == Self::Thing
    }

    /// The entity of this name, in the catalogue or in queries, which ignore case.
    pub fn named(name: &str) -> Option<Self> {
        let called =
            |entity: &Self| entity.name() == name || entity.object().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(called)
    }

    /// How many records an org of this size has at the start.
    pub(super) fn count(self, size: u64) -> u64 {
        match self {
            Self::Account | Self::Contact => size.max(1),
            Self::Lead | Self::Opportunity => size.div_ceil(2).max(1),
            Self::Contract | Self::Case => size.div_ceil(4).max(1),
            Self::Thing => size.div_ceil(10).max(1),
            Self::Task => size.div_ceil(4).max(2),
            Self::Event => size.div_ceil(10).max(2),
        }
    }
}
