//! The collections the sandbox holds and what differs between them.

/// A collection of Stripe records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// `/v1/customers`
    Customers,
    /// `/v1/products`
    Products,
    /// `/v1/prices`
    Prices,
    /// `/v1/subscriptions`
    Subscriptions,
    /// `/v1/invoices`
    Invoices,
    /// `/v1/payment_intents`
    PaymentIntents,
    /// `/v1/charges`
    Charges,
    /// `/v1/refunds`
    Refunds,
    /// `/v1/disputes`
    Disputes,
    /// `/v1/payouts`
    Payouts,
    /// `/v1/balance_transactions`
    BalanceTransactions,
}

impl Entity {
    /// Every entity, each before those that refer to it.
    pub const ALL: [Self; 11] = [
        Self::Customers,
        Self::Products,
        Self::Prices,
        Self::Subscriptions,
        Self::Invoices,
        Self::PaymentIntents,
        Self::Charges,
        Self::Refunds,
        Self::Disputes,
        Self::Payouts,
        Self::BalanceTransactions,
    ];

    /// The entity of this name, as it stands in URLs.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }

    /// The name in URLs: `customers`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Prices => "prices",
            Self::Subscriptions => "subscriptions",
            Self::Invoices => "invoices",
            Self::PaymentIntents => "payment_intents",
            Self::Charges => "charges",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::Payouts => "payouts",
            Self::BalanceTransactions => "balance_transactions",
        }
    }

    /// The `object` of its records: `customer`. Always the name without its plural `s`.
    pub fn object(self) -> &'static str {
        let name = self.name();
        &name[..name.len() - 1]
    }

    /// What its ids begin with, and how many letters and digits follow.
    pub(super) fn id_form(self) -> (&'static str, usize) {
        match self {
            Self::Customers => ("cus_", 14),
            Self::Products => ("prod_", 14),
            Self::Prices => ("price_", 24),
            Self::Subscriptions => ("sub_", 24),
            Self::Invoices => ("in_", 24),
            Self::PaymentIntents => ("pi_", 24),
            Self::Charges => ("ch_", 24),
            Self::Refunds => ("re_", 24),
            Self::Disputes => ("du_", 24),
            Self::Payouts => ("po_", 24),
            Self::BalanceTransactions => ("txn_", 24),
        }
    }

    /// What event types about its records begin with, or `None` where Stripe sends no events at all.
    pub(super) fn event_prefix(self) -> Option<&'static str> {
        match self {
            Self::Subscriptions => Some("customer.subscription"),
            Self::Disputes => Some("charge.dispute"),
            Self::BalanceTransactions => None,
            other => Some(other.object()),
        }
    }

    /// Where its number stands in a [`Counts`].
    fn slot(self) -> usize {
        self as usize
    }
}

/// How many records of each entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; 11]);

impl Counts {
    /// The number for one entity.
    pub fn get(&self, entity: Entity) -> u64 {
        self.0[entity.slot()]
    }

    /// Sets the number for one entity.
    pub fn set(&mut self, entity: Entity, records: u64) {
        self.0[entity.slot()] = records;
    }

    /// A business with this many customers: the other entities in proportions that look like one.
    pub fn for_customers(customers: u64) -> Self {
        let mut counts = Self::default();
        let few = |divisor: u64| customers.div_ceil(divisor);
        let (charges, refunds, payouts) = (customers, few(20), few(50));
        for (entity, records) in [
            (Entity::Customers, customers),
            (Entity::Products, few(100)),
            (Entity::Prices, few(40)),
            (Entity::Subscriptions, few(2)),
            (Entity::Invoices, customers),
            (Entity::PaymentIntents, customers),
            (Entity::Charges, charges),
            (Entity::Refunds, refunds),
            (Entity::Disputes, few(200)),
            (Entity::Payouts, payouts),
            (Entity::BalanceTransactions, charges + refunds + payouts),
        ] {
            counts.set(entity, records);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_entity() {
        for (slot, entity) in Entity::ALL.into_iter().enumerate() {
            assert_eq!(Entity::named(entity.name()), Some(entity));
            assert_eq!(entity.slot(), slot);
        }
        assert_eq!(Entity::named("events"), None);
        assert_eq!(Entity::BalanceTransactions.object(), "balance_transaction");
    }
}
