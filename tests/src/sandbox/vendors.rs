//! Every fake vendor by its name, for whoever wants one without knowing its type.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::complyadvantage::ComplyAdvantage;
use super::hubspot::HubSpot;
use super::paypal::PayPal;
use super::plaid::Plaid;
use super::quickbooks::QuickBooks;
use super::salesforce::Salesforce;
use super::stripe::{Settings, Stripe};
use super::tink::Tink;
use super::xero::Xero;
use super::{Clock, Faults, RequestLog, Sandbox, Vendor};

/// What a fake vendor is started with. The same seed and size give the same records.
#[derive(Debug, Clone)]
pub struct Start {
    /// What every value is drawn from.
    pub seed: u64,
    /// How many records the vendor's largest entities hold; the others follow in proportion.
    pub size: u64,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long to wait before every answer.
    pub latency: Duration,
    /// The time inside.
    pub clock: Clock,
}

impl Start {
    /// On a free loopback port, without latency, at the real time.
    pub fn new(seed: u64, size: u64) -> Self {
        Self {
            seed,
            size,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            clock: Clock::default(),
        }
    }

    /// Stops the clock at this Unix second.
    #[must_use]
    pub fn at(self, unix_s: i64) -> Self {
        self.clock.set(unix_s);
        self
    }

    /// Serves the vendor that this constructor makes.
    ///
    /// # Panics
    /// When it cannot listen; on a free loopback port that does not happen.
    pub fn serve<V: Vendor + Clone>(&self, vendor: fn(&Self) -> V) -> Sandbox<V> {
        match Sandbox::serve(vendor(self), self.listen, self.latency) {
            Ok(sandbox) => sandbox,
            Err(error) => panic!("the sandbox cannot start: {error}"),
        }
    }
}

/// A running sandbox of any vendor. It stops when it is dropped.
pub trait Running: Send {
    /// Where it is, without a slash at the end.
    fn base_url(&self) -> String;
    /// What is to go wrong.
    fn faults(&self) -> &Faults;
    /// What was asked.
    fn requests(&self) -> &RequestLog;
    /// The vendor itself.
    fn vendor(&self) -> &dyn Vendor;
}

impl<V: Vendor> Running for Sandbox<V> {
    fn base_url(&self) -> String {
        Self::base_url(self)
    }

    fn faults(&self) -> &Faults {
        Self::faults(self)
    }

    fn requests(&self) -> &RequestLog {
        Self::requests(self)
    }

    fn vendor(&self) -> &dyn Vendor {
        Self::vendor(self)
    }
}

type Starter = fn(&Start) -> io::Result<Box<dyn Running>>;

/// The vendors there are: one line for each.
const VENDORS: &[(&str, Starter)] = &[
    ("stripe", |start| run(start, stripe)),
    ("paypal", |start| run(start, PayPal::new)),
    ("plaid", |start| run(start, Plaid::new)),
    ("quickbooks", |start| run(start, QuickBooks::new)),
    ("tink", |start| run(start, Tink::new)),
    ("complyadvantage", |start| run(start, ComplyAdvantage::new)),
    ("hubspot", |start| run(start, HubSpot::new)),
    ("salesforce", |start| run(start, Salesforce::new)),
    ("xero", |start| run(start, Xero::new)),
];

/// The names of all vendors: the connectors' ids.
pub fn names() -> impl Iterator<Item = &'static str> {
    VENDORS.iter().map(|(name, _)| *name)
}

/// Starts a vendor by its name; `None` when there is none of that name.
pub fn start(name: &str, start: &Start) -> Option<io::Result<Box<dyn Running>>> {
    let (_, starter) = VENDORS.iter().find(|(known, _)| *known == name)?;
    Some(starter(start))
}

fn run<V: Vendor + Clone>(start: &Start, vendor: fn(&Start) -> V) -> io::Result<Box<dyn Running>> {
    Ok(Box::new(Sandbox::serve(
        vendor(start),
        start.listen,
        start.latency,
    )?))
}

fn stripe(start: &Start) -> Stripe {
    let settings = Settings::new(start.seed).with_business(start.size);
    Stripe::new(settings.clock(start.clock.clone()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_starts_by_the_name_of_its_connector_and_tells_what_opens_it() {
        for name in names() {
            let sandbox = start(name, &Start::new(3, 4)).unwrap().unwrap();
            assert_eq!(sandbox.vendor().connector(), name);
            let credentials = sandbox.vendor().credentials();
            assert!(
                credentials.as_object().is_some_and(|it| !it.is_empty()),
                "{name}"
            );
        }
        assert!(start("nobody", &Start::new(3, 4)).is_none());
    }
}
