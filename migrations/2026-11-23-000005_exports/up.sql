CREATE TABLE exports (
    id          uuid        PRIMARY KEY,
    tenant_id   uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name        text        NOT NULL,
    format      text        NOT NULL CONSTRAINT exports_format_known CHECK (format IN ('CSV', 'JSON', 'PARQUET', 'XML')),
    entities    text[]      NOT NULL,
    filter      jsonb,
    options     jsonb       NOT NULL DEFAULT '{}',
    schedule    jsonb,
    destination jsonb       NOT NULL,
    next_run_at timestamptz,
    last_run_at timestamptz,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX exports_by_tenant ON exports (tenant_id, id);
CREATE INDEX exports_due ON exports (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE export_runs (
    id        uuid   PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    tenant_id uuid   NOT NULL REFERENCES tenants ON DELETE CASCADE,
    export_id uuid   NOT NULL REFERENCES exports ON DELETE CASCADE,
    rows      bigint NOT NULL DEFAULT 0,
    bytes     bigint NOT NULL DEFAULT 0,
    -- [{entity, key, location, rows, bytes, sha256}], written when every file is whole and in its place.
    files     jsonb  NOT NULL DEFAULT '[]'
);
CREATE INDEX export_runs_by_export ON export_runs (export_id, id);
