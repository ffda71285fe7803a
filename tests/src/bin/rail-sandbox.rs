//! The fake vendors as a program: prints the address and serves until it is told to end.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use rail_tests::sandbox::stripe::{Counts, DEFAULT_KEY, Entity, Settings};
use rail_tests::sandbox::vendors::{self, Running, Start};
use rail_tests::sandbox::{Clock, Sandbox};
use tokio::signal::unix::{SignalKind, signal};

/// A fake vendor on loopback, filled with records that follow from a seed. Faults, changes and the request log are at
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
    /// Which vendor: the id of its connector.
    #[arg(long, default_value = "stripe", value_parser = clap::builder::PossibleValuesParser::new(vendors::names()))]
    vendor: String,
    /// Print the names of all vendors, and end.
    #[arg(long)]
    vendors: bool,
    /// How many records the largest entities of a vendor other than Stripe have.
    #[arg(long, default_value_t = 1_000)]
    size: u64,
    /// The API key that the fake Stripe accepts.
    #[arg(long, default_value = DEFAULT_KEY)]
    key: String,
    /// How long to wait before every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// How many customers the fake Stripe has. What is not given of the others follows from it.
    #[arg(long, default_value_t = 1_000)]
    customers: u64,
    #[command(flatten)]
    others: Others,
}

/// The entities whose number follows from the customers' unless it is given.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Records of Stripe's other entities (in proportion to the customers unless given)"
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
    fn start(&self) -> anyhow::Result<Box<dyn Running>> {
        if self.vendor == "stripe" {
            return Ok(Box::new(Sandbox::try_start(self.settings())?));
        }
        let start = Start {
            seed: self.seed,
            size: self.size,
            listen: self.listen,
            latency: Duration::from_millis(self.latency_ms),
            clock: Clock::default(),
        };
        let started = vendors::start(&self.vendor, &start)
            .ok_or_else(|| anyhow::anyhow!("there is no vendor '{}'", self.vendor))?;
        Ok(started?)
    }

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
    if arguments.vendors {
        vendors::names().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let sandbox = arguments.start()?;
    println!(
        "sandbox: a fake {} listens on {} and opens with {}",
        arguments.vendor,
        sandbox.base_url(),
        sandbox.vendor().credentials()
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
