//! The entities the sandbox holds and what differs between them.

use crate::sandbox::kit::Template;

/// A kind of object in a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A customer.
    Customer,
    /// A vendor: somebody who is paid.
    Vendor,
    /// An account of the chart of accounts.
    Account,
    /// A product or service.
    Item,
    /// An invoice.
    Invoice,
    /// A payment received.
    Payment,
    /// A credit memo.
    CreditMemo,
    /// A bill to pay.
    Bill,
    /// An expense paid at once.
    Purchase,
    /// A journal entry.
    JournalEntry,
}

impl Entity {
    /// Every entity, each before those that refer to it.
    pub const ALL: [Self; 10] = [
        Self::Account,
        Self::Customer,
        Self::Vendor,
        Self::Item,
        Self::Invoice,
        Self::Payment,
        Self::CreditMemo,
        Self::Bill,
        Self::Purchase,
        Self::JournalEntry,
    ];

    /// Name in the connector's catalogue, name in queries and answers, and shape.
    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Customer => (
                "customers",
                "Customer",
                include_str!("templates/customer.json"),
            ),
            Self::Vendor => ("vendors", "Vendor", include_str!("templates/vendor.json")),
            Self::Account => (
                "accounts",
                "Account",
                include_str!("templates/account.json"),
            ),
            Self::Item => ("items", "Item", include_str!("templates/item.json")),
            Self::Invoice => (
                "invoices",
                "Invoice",
                include_str!("templates/invoice.json"),
            ),
            Self::Payment => (
                "payments",
                "Payment",
                include_str!("templates/payment.json"),
            ),
            Self::CreditMemo => (
                "credit_memos",
                "CreditMemo",
                include_str!("templates/credit_memo.json"),
            ),
            Self::Bill => ("bills", "Bill", include_str!("templates/bill.json")),
            Self::Purchase => (
                "expenses",
                "Purchase",
                include_str!("templates/purchase.json"),
            ),
            Self::JournalEntry => (
                "journal_entries",
                "JournalEntry",
                include_str!("templates/journal_entry.json"),
            ),
        }
    }

    /// The name in the connector's catalogue: `credit_memos`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The name in queries and answers: `CreditMemo`.
    pub fn object(self) -> &'static str {
        self.row().1
    }

    /// The entity of this name in the catalogue.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The entity of this name in queries and paths, which ignore case.
    pub fn of_object(object: &str) -> Option<Self> {
        let same = |entity: &Self| entity.object().eq_ignore_ascii_case(object);
        Self::ALL.into_iter().find(same)
    }

    /// Whether it is a name list: such records are never deleted but made inactive, and lists hide those.
    pub fn is_name_list(self) -> bool {
        matches!(
            self,
            Self::Customer | Self::Vendor | Self::Account | Self::Item
        )
    }

    /// The field a name list is sorted by.
    pub(super) fn name_field(self) -> &'static str {
        match self {
            Self::Customer | Self::Vendor => "DisplayName",
            _ => "Name",
        }
    }

    /// The shape of its records.
    pub(super) fn template(self) -> Template {
        Template::parse(self.row().2)
    }

    /// How many records a company of this size has at the start. The chart of accounts is always the same.
    pub(super) fn count(self, size: u64) -> u64 {
        match self {
            Self::Account => super::records::CHART.len() as u64,
            Self::Customer | Self::Invoice => size.max(1),
            Self::Payment | Self::Bill | Self::Purchase => size.div_ceil(2).max(1),
            Self::Vendor => size.div_ceil(4).max(1),
            Self::Item | Self::CreditMemo | Self::JournalEntry => size.div_ceil(20).max(1),
        }
    }
}
