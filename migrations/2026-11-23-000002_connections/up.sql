CREATE TABLE connections (
    id                    uuid        PRIMARY KEY,
    tenant_id             uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connector_id          text        NOT NULL,
    name                  text        NOT NULL,
    status                text        NOT NULL CONSTRAINT connections_status_known CHECK
                          (status IN ('ACTIVE', 'PENDING_AUTHORIZATION', 'REAUTH_REQUIRED', 'PAUSED', 'ERROR')),
    status_reason         text,
    -- An envelope: opened only with the master key named beside it, for this tenant and this connection.
    sealed_credentials    bytea       NOT NULL,
    sealed_by             text        NOT NULL,
    settings              jsonb       NOT NULL DEFAULT '{}',
    sync_interval         text,
    auto_sync             boolean     NOT NULL,
    next_sync_at          timestamptz,
    last_sync_at          timestamptz,
    version               bigint      NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT connections_auto_sync_has_interval CHECK (NOT auto_sync OR sync_interval IS NOT NULL)
);
CREATE INDEX connections_by_tenant ON connections (tenant_id, id);
CREATE INDEX connections_due ON connections (next_sync_at) WHERE next_sync_at IS NOT NULL;
