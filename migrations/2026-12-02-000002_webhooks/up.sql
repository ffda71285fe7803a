-- Where events are sent to: each webhook follows its tenant's log. A delivery job with the same id as the webhook lives
-- as long as it does; while there is nothing to send, it is due in the far future.
CREATE TABLE webhooks (
    id                uuid        PRIMARY KEY,
    tenant_id         uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    url               text        NOT NULL,
    description       text,
    -- Which events; all when null.
    event_types       text[],
    connection_ids    uuid[],
    max_per_second    integer,
    -- Signing secrets and headers, in an envelope.
    sealed            bytea       NOT NULL,
    sealed_by         text        NOT NULL,
    header_names      text[]      NOT NULL,
    status            text        NOT NULL DEFAULT 'ENABLED' CONSTRAINT webhooks_status_known CHECK
                      (status IN ('ENABLED', 'PAUSED', 'DISABLED')),
    status_reason     text,
    -- What the log holds up to here was delivered, given up or left to a row of webhook_lanes.
    read_seq          bigint      NOT NULL,
    -- Attempts in a row that failed, since when, and until when nothing is tried.
    failures          integer     NOT NULL DEFAULT 0,
    failing_since     timestamptz,
    retry_at          timestamptz,
    last_delivered_at timestamptz,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

-- How far the events of one connection (of none: the nil uuid) were delivered: each lane keeps its order.
CREATE TABLE webhook_lanes (
    webhook_id    uuid        NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    connection_id uuid        NOT NULL,
    done_seq      bigint      NOT NULL,
    -- Attempts at the event after done_seq, and since when they fail.
    attempts      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    -- When it goes on, where it is behind read_seq.
    due_at        timestamptz,
    PRIMARY KEY (webhook_id, connection_id)
);
CREATE INDEX webhook_lanes_behind ON webhook_lanes (webhook_id, due_at) WHERE due_at IS NOT NULL;

-- Events that somebody wants sent once more.
CREATE TABLE webhook_resends (
    webhook_id uuid        NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    seq        bigint      NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    asked_at   timestamptz NOT NULL DEFAULT now(),
    -- How often it was asked for: what is asked for while it is being sent is sent once more.
    asks       integer     NOT NULL DEFAULT 1,
    due_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (webhook_id, seq)
);

CREATE TABLE webhook_attempts (
    id         uuid        PRIMARY KEY,
    webhook_id uuid        NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    seq        bigint      NOT NULL,
    event_id   uuid        NOT NULL,
    event_type text        NOT NULL,
    attempt    integer     NOT NULL,
    outcome    text        NOT NULL CONSTRAINT webhook_attempts_outcome_known CHECK
               (outcome IN ('DELIVERED', 'RETRY', 'GIVEN_UP')),
    -- What was answered: the beginning of the body, as text. No status: there was no answer.
    status     integer,
    answer     text,
    error      text,
    latency_ms integer     NOT NULL,
    started_at timestamptz NOT NULL
);
CREATE INDEX webhook_attempts_by_webhook ON webhook_attempts (webhook_id, id);
CREATE INDEX webhook_attempts_by_event ON webhook_attempts (webhook_id, event_id);
CREATE INDEX webhook_attempts_given_up ON webhook_attempts (webhook_id, seq) WHERE outcome = 'GIVEN_UP';

ALTER TABLE jobs DROP CONSTRAINT jobs_kind_known,
    ADD CONSTRAINT jobs_kind_known CHECK (kind IN ('sync', 'export', 'delivery'));
