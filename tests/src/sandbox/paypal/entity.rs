//! What PayPal lists, and how.

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// Movements of money, as the search shows them.
    Transactions,
    /// Invoices.
    Invoices,
    /// What can be subscribed to.
    Products,
    /// What a product costs, and how often.
    Plans,
    /// Who pays for a plan.
    Subscriptions,
    /// Complaints of buyers.
    Disputes,
}

impl Entity {
    /// Every entity, in the order of the catalogue.
    pub const ALL: [Self; 6] = [
        Self::Transactions,
        Self::Invoices,
        Self::Products,
        Self::Plans,
        Self::Subscriptions,
        Self::Disputes,
    ];

    /// Its name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Invoices => "invoices",
            Self::Products => "products",
            Self::Plans => "plans",
            Self::Subscriptions => "subscriptions",
            Self::Disputes => "disputes",
        }
    }

    /// The entity of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// Where its list is; a record is one step below.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Transactions => "/v1/reporting/transactions",
            Self::Invoices => "/v2/invoicing/invoices",
            Self::Products => "/v1/catalogs/products",
            Self::Plans => "/v1/billing/plans",
            Self::Subscriptions => "/v1/billing/subscriptions",
            Self::Disputes => "/v1/customer/disputes",
        }
    }

    /// The list's key for its records.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Transactions => "transaction_details",
            Self::Invoices | Self::Disputes => "items",
            Self::Products => "products",
            Self::Plans => "plans",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// Where a record's id is.
    pub(super) fn id_pointer(self) -> &'static str {
        match self {
            Self::Transactions => "/transaction_info/transaction_id",
            Self::Disputes => "/dispute_id",
            _ => "/id",
        }
    }

    /// How many records a page has when nobody says, and at most.
    pub(super) fn page_sizes(self) -> (usize, usize) {
        match self {
            Self::Transactions => (100, 500),
            Self::Invoices => (20, 100),
            Self::Products | Self::Plans | Self::Subscriptions => (10, 20),
            Self::Disputes => (10, 50),
        }
    }

    /// The last page that can be asked for.
    pub(super) fn last_page(self) -> usize {
        match self {
            Self::Transactions => 2_147_483_647,
            Self::Invoices => 1_000,
            _ => 100_000,
        }
    }

    /// The end of the name of the scope that a token needs.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Transactions => "reporting/search/read",
            Self::Invoices => "invoicing/invoices/read",
            Self::Products | Self::Plans | Self::Subscriptions => "services/subscriptions",
            Self::Disputes => "disputes/read-seller",
        }
    }
}
