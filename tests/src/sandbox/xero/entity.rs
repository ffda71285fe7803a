//! The entities the sandbox holds and what differs between them.

use serde_json::Value;

use crate::sandbox::kit::Template;

/// A collection of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// The chart of accounts.
    Accounts,
    /// Customers and suppliers.
    Contacts,
    /// Products and services.
    Items,
    /// Invoices and bills.
    Invoices,
    /// Credit notes.
    CreditNotes,
    /// Payments of invoices.
    Payments,
    /// Money spent and received.
    BankTransactions,
    /// Journals made by hand.
    ManualJournals,
}

impl Entity {
    /// Every entity, each before those that refer to it.
    pub const ALL: [Self; 8] = [
        Self::Accounts,
        Self::Contacts,
        Self::Items,
        Self::Invoices,
        Self::CreditNotes,
        Self::Payments,
        Self::BankTransactions,
        Self::ManualJournals,
    ];

    /// Name in the connector's catalogue, name in paths and answers, id field.
    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Accounts => ("accounts", "Accounts", "/AccountID"),
            Self::Contacts => ("contacts", "Contacts", "/ContactID"),
            Self::Items => ("items", "Items", "/ItemID"),
            Self::Invoices => ("invoices", "Invoices", "/InvoiceID"),
            Self::CreditNotes => ("credit_notes", "CreditNotes", "/CreditNoteID"),
            Self::Payments => ("payments", "Payments", "/PaymentID"),
            Self::BankTransactions => (
                "bank_transactions",
                "BankTransactions",
                "/BankTransactionID",
            ),
            Self::ManualJournals => ("manual_journals", "ManualJournals", "/ManualJournalID"),
        }
    }

    /// The name in the connector's catalogue: `credit_notes`.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The name in paths and answers: `CreditNotes`.
    pub fn list(self) -> &'static str {
        self.row().1
    }

    /// A JSON pointer to a record's id: `/CreditNoteID`.
    pub fn id_pointer(self) -> &'static str {
        self.row().2
    }

    /// The entity of this name in the catalogue.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The entity of this name in paths, which ignore case.
    pub fn of_path(list: &str) -> Option<Self> {
        let same = |entity: &Self| entity.list().eq_ignore_ascii_case(list);
        Self::ALL.into_iter().find(same)
    }

    /// Whether it comes in pages. The others come whole, whatever page is asked for.
    pub fn has_pages(self) -> bool {
        !matches!(self, Self::Accounts | Self::Items)
    }

    /// The lines that are left out of lists that are not asked for by page.
    pub(super) fn lines(self) -> Option<&'static str> {
        match self {
            Self::Invoices | Self::CreditNotes | Self::BankTransactions => Some("LineItems"),
            Self::ManualJournals => Some("JournalLines"),
            _ => None,
        }
    }

    /// What a record becomes when somebody deletes it; `None` where it really goes away.
    pub(super) fn deleted(self, record: &Value) -> Option<(&'static str, &'static str)> {
        let draft = matches!(record["Status"].as_str(), Some("DRAFT" | "SUBMITTED"));
        match self {
            Self::Items => None,
            Self::Contacts => Some(("ContactStatus", "ARCHIVED")),
            Self::Accounts => Some(("Status", "ARCHIVED")),
            Self::Payments | Self::BankTransactions => Some(("Status", "DELETED")),
            _ if draft => Some(("Status", "DELETED")),
            _ => Some(("Status", "VOIDED")),
        }
    }

    /// The shape of its records.
    pub(super) fn template(self) -> Template {
        Template::parse(match self {
            Self::Accounts => include_str!("templates/account.json"),
            Self::Contacts => include_str!("templates/contact.json"),
            Self::Items => include_str!("templates/item.json"),
            Self::Invoices => include_str!("templates/invoice.json"),
            Self::CreditNotes => include_str!("templates/credit_note.json"),
            Self::Payments => include_str!("templates/payment.json"),
            Self::BankTransactions => include_str!("templates/bank_transaction.json"),
            Self::ManualJournals => include_str!("templates/manual_journal.json"),
        })
    }

    /// How many records an organisation of this size has at the start. The chart of accounts is always the same.
    pub(super) fn count(self, size: u64) -> u64 {
        match self {
            Self::Accounts => super::records::CHART.len() as u64,
            Self::Contacts | Self::Invoices => size.max(1),
            Self::Payments | Self::BankTransactions => size.div_ceil(2).max(1),
            Self::Items | Self::CreditNotes | Self::ManualJournals => size.div_ceil(20).max(1),
        }
    }
}
