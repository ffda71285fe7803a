//! Fake vendors, for tests and for trying the rail without an account anywhere.
//!
//! A [`Sandbox`] is an HTTP server on loopback with one vendor behind it. The vendor ([`stripe::Stripe`] is the first)
//! answers parsed requests from a state that follows from a seed; everything else is here and the same for all of
//! them: the server, the [`Fault`]s it can be told to show, and the [`RequestLog`] of what was asked.
//!
//! ```no_run
//! use rail_tests::sandbox::{Fault, Sandbox, stripe::Settings};
//!
//! let sandbox = Sandbox::start(Settings::new(1).with("customers", 250));
//! sandbox.faults().on("/v1/customers", 1, Fault::RateLimited { retry_after_s: Some(1) });
//! // … point a connector at sandbox.base_url(), key sk_test_sandbox, and let it read …
//! assert_eq!(sandbox.requests().count("/v1/customers"), 4);
//! ```
//!
//! A further vendor is a module beside `stripe` with a type that implements [`Vendor`], built from the [`kit`] and named
//! in [`vendors`], which starts any of them by the id of its connector.

mod body;
mod clock;
pub mod complyadvantage;
mod control;
mod exchange;
mod faults;
pub mod hubspot;
pub mod kit;
pub mod paypal;
pub mod plaid;
pub mod quickbooks;
mod request_log;
pub mod salesforce;
mod server;
pub mod stripe;
pub mod tink;
pub mod vendors;
pub mod xero;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use self::clock::Clock;
pub use self::exchange::{Answer, Authorization, Mutation, Request, Vendor};
pub use self::faults::{Fault, Faults, Rule};
pub use self::request_log::{LoggedRequest, RequestLog};

use self::server::Shared;
use self::stripe::{Settings, Stripe};

/// A running fake vendor. It stops, and every connection to it breaks, when it is dropped.
#[derive(Debug)]
pub struct Sandbox<V = Stripe> {
    vendor: V,
    address: SocketAddr,
    faults: Faults,
    requests: RequestLog,
    /// Dropped to stop the server; nothing is ever sent.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Sandbox<Stripe> {
    /// Starts a fake Stripe.
    ///
    /// # Panics
    /// When it cannot listen; on a free loopback port that does not happen.
    pub fn start(settings: Settings) -> Self {
        match Self::try_start(settings) {
            Ok(sandbox) => sandbox,
            Err(error) => panic!("the sandbox cannot start: {error}"),
        }
    }

    /// Starts a fake Stripe, or says why it cannot listen.
    pub fn try_start(settings: Settings) -> io::Result<Self> {
        let (listen, latency) = settings.wire();
        Self::serve(Stripe::new(settings), listen, latency)
    }

    /// The fake Stripe's records.
    pub fn stripe(&self) -> &Stripe {
        &self.vendor
    }
}

impl<V: Vendor + Clone> Sandbox<V> {
    /// Serves a vendor on this address, waiting `latency` before every answer. The server has a thread of its own, so a
    /// test may block, or use any runtime it likes, while the sandbox answers.
    pub fn serve(vendor: V, listen: SocketAddr, latency: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        vendor.opened(&format!("http://{address}"));
        let (faults, requests) = (Faults::default(), RequestLog::default());
        let shared = Arc::new(Shared {
            vendor: Arc::new(vendor.clone()),
            faults: faults.clone(),
            requests: requests.clone(),
            latency,
            answered: AtomicU64::new(1),
        });
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || server::serve(listener, shared, stopped))?;
        Ok(Self {
            vendor,
            address,
            faults,
            requests,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl<V> Sandbox<V> {
    /// Where it is, without a slash at the end: `http://127.0.0.1:4711`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendor's records.
    pub fn vendor(&self) -> &V {
        &self.vendor
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked.
    pub fn requests(&self) -> &RequestLog {
        &self.requests
    }
}

impl<V> Drop for Sandbox<V> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its result does not matter any more; that its port is free again does.
            let _ = thread.join();
        }
    }
}
