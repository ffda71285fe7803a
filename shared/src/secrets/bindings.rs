//! What sealed secrets belong to.

use crate::domain::{ConnectionId, TenantId, WebhookId};

/// What an envelope belongs to.
pub trait Bound {
    /// As authenticated: different for everything that an envelope can belong to.
    fn bytes(self) -> Vec<u8>;
}

/// A connection, whose credentials are sealed.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Bound for Binding {
    fn bytes(self) -> Vec<u8> {
        [
            self.tenant_id.uuid().as_bytes().as_slice(),
            self.connection_id.uuid().as_bytes(),
        ]
        .concat()
    }
}

/// A connection's grant: what a vendor gave for it.
#[derive(Debug, Clone, Copy)]
pub struct GrantBinding(pub Binding);

impl Bound for GrantBinding {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the grant of a connection";
        [KIND, &self.0.bytes()].concat()
    }
}

/// A consent that was begun, whose verifier is sealed.
#[derive(Debug, Clone, Copy)]
pub struct ConsentBinding<'a> {
    /// For which connection.
    pub of: Binding,
    /// The digest of its state.
    pub state_digest: &'a [u8],
}

impl Bound for ConsentBinding<'_> {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the verifier of a consent that was begun";
        [KIND, &self.of.bytes(), self.state_digest].concat()
    }
}

/// A webhook, whose secrets are sealed.
#[derive(Debug, Clone, Copy)]
pub struct WebhookBinding {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The webhook.
    pub webhook_id: WebhookId,
}

impl Bound for WebhookBinding {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the secrets of a webhook";
        [
            KIND,
            self.tenant_id.uuid().as_bytes(),
            self.webhook_id.uuid().as_bytes(),
        ]
        .concat()
    }
}

/// A request's Idempotency-Key, whose answer is sealed.
#[derive(Debug, Clone, Copy)]
pub struct AnswerBinding<'a> {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The key.
    pub key: &'a str,
}

impl Bound for AnswerBinding<'_> {
    fn bytes(self) -> Vec<u8> {
        // Longer than the 32 bytes of a connection's.
        const KIND: &[u8] = b"the answer of a request that came with an Idempotency-Key";
        [KIND, self.tenant_id.uuid().as_bytes(), self.key.as_bytes()].concat()
    }
}
