-- The answers of requests that came with an Idempotency-Key, for whoever repeats one. A row is written in the
-- transaction of what the request makes; whoever repeats it meanwhile waits at the primary key.
CREATE TABLE idempotency_keys (
    tenant_id     uuid             NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key           text COLLATE "C" NOT NULL,
    -- The request and its answer in an envelope: an answer may show a secret that is nowhere else. Null only while the
    -- transaction goes on.
    sealed_answer bytea,
    sealed_by     text,
    created_at    timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
