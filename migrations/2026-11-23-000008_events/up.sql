-- What happened, in an order without gaps: a row is written in the transaction of the change it reports, and the
-- tenant's counter is held until that transaction ends.
CREATE TABLE event_counters (
    tenant_id uuid   PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    last_seq  bigint NOT NULL
);

CREATE TABLE events (
    tenant_id     uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    seq           bigint      NOT NULL,
    id            uuid        NOT NULL,
    type          text        NOT NULL,
    -- Rows outlive what they speak of.
    connection_id uuid,
    subject_id    uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, seq)
);
