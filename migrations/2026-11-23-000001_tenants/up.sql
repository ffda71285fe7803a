CREATE TABLE tenants (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL CONSTRAINT tenants_name_taken UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The key itself is shown once and never stored: only its SHA-256.
CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY,
    tenant_id    uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name         text        NOT NULL,
    digest       bytea       NOT NULL CONSTRAINT api_keys_digest_taken UNIQUE,
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Who changed what; rows outlive what they speak of.
CREATE TABLE audit_log (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    key_id     uuid        NOT NULL,
    action     text        NOT NULL,
    subject    text        NOT NULL,
    request_id text        NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, id);
