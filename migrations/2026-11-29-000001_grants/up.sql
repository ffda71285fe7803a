-- What vendors gave for a connection by OAuth 2: one row each, made when the first is kept or somebody claims to fetch it.
CREATE TABLE grants (
    connection_id    uuid        PRIMARY KEY REFERENCES connections ON DELETE CASCADE,
    tenant_id        uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- An envelope with the tokens and the facts that came with them; null until there are any.
    sealed           bytea,
    sealed_by        text,
    -- When the access token ends, where the vendor said.
    expires_at       timestamptz,
    -- Raised by every change: a new grant is written over the one it was made from and over no other.
    version          bigint      NOT NULL DEFAULT 0,
    -- Who may fetch a new one, and until when nobody else does.
    refreshing_by    text,
    refreshing_until timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grants_sealed_by_a_key CHECK ((sealed IS NULL) = (sealed_by IS NULL))
);

-- Consents that were begun: a person is at the vendor and comes back with the state, once.
CREATE TABLE consents (
    state_digest    bytea       PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id   uuid        NOT NULL REFERENCES connections ON DELETE CASCADE,
    -- Who asked, for the audit log.
    key_id          uuid        NOT NULL,
    -- The verifier of PKCE, in an envelope.
    sealed_verifier bytea       NOT NULL,
    sealed_by       text        NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX consents_by_connection ON consents (connection_id);
CREATE INDEX consents_by_end ON consents (expires_at);
