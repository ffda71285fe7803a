//! Webhooks: signed with a key made for this sandbox, and checked as PayPal's own endpoint does.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::PayPal;
use super::errors::PayPalError;
use crate::draw::mix;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::kit::times;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;

/// The webhook that the sandbox signs for.
pub const WEBHOOK_ID: &str = "3WR84205WR621401X";
const ALGORITHM: &str = "SHA256withRSA";
/// Where the certificate is.
pub(super) const CERTIFICATE_PATH: &str = "/v1/notifications/certs/CERT-rail-sandbox";

/// A key and its certificate, made when they are first needed: that takes a moment.
#[derive(Debug)]
pub(super) struct Signer {
    key: KeyPair,
    certificate: String,
}

impl Signer {
    pub(super) fn new() -> Self {
        match Self::try_new() {
            Ok(signer) => signer,
            Err(error) => panic!("no key for the sandbox's webhooks: {error}"),
        }
    }

    fn try_new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let host = "messageverificationcerts.paypal.com".to_owned();
        let mut about = CertificateParams::new(vec![host.clone()])?;
        about.distinguished_name.push(DnType::CommonName, host);
        let certificate = about.self_signed(&key)?.pem();
        Ok(Self { key, certificate })
    }

    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The headers of a webhook sent now.
    pub(super) fn headers(
        &self,
        body: &[u8],
        now_s: i64,
        base_url: &str,
    ) -> Vec<(&'static str, String)> {
        let crc = crc32fast::hash(body);
        let id = format!("sandbox-{:016x}", mix(u64::from(crc) ^ now_s as u64));
        let time = times::zulu(now_s);
        vec![
            ("paypal-transmission-sig", self.signature(&id, &time, crc)),
            ("paypal-transmission-id", id),
            ("paypal-transmission-time", time),
            ("paypal-cert-url", format!("{base_url}{CERTIFICATE_PATH}")),
            ("paypal-auth-algo", ALGORITHM.to_owned()),
        ]
    }

    fn signature(&self, id: &str, time: &str, crc: u32) -> String {
        let message = format!("{id}|{time}|{WEBHOOK_ID}|{crc}");
        match self.key.sign(message.as_bytes()) {
            Ok(signature) => STANDARD.encode(signature),
            Err(error) => panic!("the sandbox's key does not sign: {error}"),
        }
    }
}

/// What the checking endpoint is asked. The event is taken as it is written, or its checksum would be another.
#[derive(Deserialize)]
struct Question<'q> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    #[serde(borrow)]
    webhook_event: &'q RawValue,
}

/// PayPal's own check of a webhook's headers.
pub(super) fn verify(paypal: &PayPal, request: &Request) -> Result<Value, PayPalError> {
    let question: Question<'_> = serde_json::from_slice(&request.body)
        .map_err(|_| PayPalError::body("/", "MALFORMED_REQUEST_JSON"))?;
    let crc = crc32fast::hash(question.webhook_event.get().as_bytes());
    let certificate = format!("{}{CERTIFICATE_PATH}", paypal.base_url());
    // RSA with PKCS #1 padding gives the same signature for the same message, so comparing is checking.
    let expected =
        paypal
            .signer()
            .signature(&question.transmission_id, &question.transmission_time, crc);
    let right = question.auth_algo == ALGORITHM
        && question.cert_url == certificate
        && question.webhook_id == WEBHOOK_ID
        && question.transmission_sig == expected;
    Ok(json!({ "verification_status": if right { "SUCCESS" } else { "FAILURE" } }))
}

/// The certificate, for whoever checks a signature themselves. It needs no token.
pub(super) fn certificate(paypal: &PayPal) -> Answer {
    let pem = paypal.certificate().to_owned();
    Answer::typed(StatusCode::OK, "application/x-pem-file", pem)
}

/// The events a webhook can be about, as far as the sandbox has their records.
pub(super) fn event_types() -> Value {
    let types = [
        ("PAYMENT.CAPTURE.COMPLETED", "A payment capture completes."),
        (
            "PAYMENT.CAPTURE.REFUNDED",
            "A merchant refunds a payment capture.",
        ),
        (
            "INVOICING.INVOICE.PAID",
            "An invoice is paid, in part or whole.",
        ),
        ("INVOICING.INVOICE.CANCELLED", "An invoice is cancelled."),
        ("BILLING.SUBSCRIPTION.CREATED", "A subscription is created."),
        (
            "BILLING.SUBSCRIPTION.CANCELLED",
            "A subscription is cancelled.",
        ),
        ("CATALOG.PRODUCT.CREATED", "A product is created."),
        ("CUSTOMER.DISPUTE.CREATED", "A dispute is opened."),
        ("CUSTOMER.DISPUTE.RESOLVED", "A dispute is resolved."),
    ];
    let types: Vec<Value> = types
        .iter()
        .map(|(name, description)| {
            json!({ "name": name, "description": description, "status": "ENABLED" })
        })
        .collect();
    json!({ "event_types": types })
}
