//! The fake Stripe as a program: prints its address and serves until it is told to end.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use rail_tests::sandbox::Sandbox;
use rail_tests::sandbox::stripe::{Counts, DEFAULT_KEY, Entity, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// A fake Stripe on loopback, filled with records that follow from a seed. Faults, changes and the request log are at
/// /_sandbox/faults, /_sandbox/mutations and /_sandbox/requests.
#[derive(Debug, Parser)]
#[command(name = "rail-sandbox", version)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What every value is drawn from: the same seed and counts give the same records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The API key that is accepted.
    #[arg(long, default_value = DEFAULT_KEY)]
    key: String,
    /// How long to wait before every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How many customers there are. What is not given of the others follows from it.
    #[arg(long, default_value_t = 1_000)]
    customers: u64,
    #[command(flatten)]
    others: Others,
}

/// The entities whose number follows from the customers' unless it is given.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Records of other entities (in proportion to the customers unless given)"
)]
struct Others {
    #[arg(long)]
    products: Option<u64>,
    #[arg(long)]
    prices: Option<u64>,
    #[arg(long)]
    subscriptions: Option<u64>,
    #[arg(long)]
    invoices: Option<u64>,
    #[arg(long)]
    payment_intents: Option<u64>,
    #[arg(long)]
    charges: Option<u64>,
    #[arg(long)]
    refunds: Option<u64>,
    #[arg(long)]
    disputes: Option<u64>,
    #[arg(long)]
    payouts: Option<u64>,
    #[arg(long)]
    balance_transactions: Option<u64>,
}

impl Arguments {
    fn settings(&self) -> Settings {
        let others = &self.others;
        let mut counts = Counts::for_customers(self.customers);
        let given = [
            (Entity::Products, others.products),
            (Entity::Prices, others.prices),
            (Entity::Subscriptions, others.subscriptions),
            (Entity::Invoices, others.invoices),
            (Entity::PaymentIntents, others.payment_intents),
            (Entity::Charges, others.charges),
            (Entity::Refunds, others.refunds),
            (Entity::Disputes, others.disputes),
            (Entity::Payouts, others.payouts),
            (Entity::BalanceTransactions, others.balance_transactions),
        ];
        for (entity, records) in given {
            counts.set(entity, records.unwrap_or(counts.get(entity)));
        }
        Settings::new(self.seed)
            .with_counts(counts)
            .key(&self.key)
            .listen(self.listen)
            .latency(Duration::from_millis(self.latency_ms))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let sandbox = Sandbox::try_start(arguments.settings())?;
    println!(
        "sandbox: a fake Stripe listens on {} (key {})",
        sandbox.base_url(),
        arguments.key
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
