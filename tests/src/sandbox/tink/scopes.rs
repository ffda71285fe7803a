//! Which scope reads what.

pub(super) const ACCOUNTS: &str = "accounts:read";
pub(super) const BALANCES: &str = "balances:read";
pub(super) const TRANSACTIONS: &str = "transactions:read";
pub(super) const PARTIES: &str = "accounts.parties:readonly";
