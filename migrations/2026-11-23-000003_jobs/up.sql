-- The truth about work: Redis only rings. A row is written in the transaction that accepts the work.
CREATE TABLE jobs (
    id              uuid        PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id   uuid        REFERENCES connections ON DELETE CASCADE,
    kind            text        NOT NULL CONSTRAINT jobs_kind_known CHECK (kind IN ('sync', 'export')),
    state           text        NOT NULL DEFAULT 'QUEUED' CONSTRAINT jobs_state_known CHECK
                    (state IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- Raised whenever the job is put back, so that a ring of an earlier dispatch claims nothing.
    dispatch_no     integer     NOT NULL DEFAULT 0,
    -- Attempts spent; snoozes and shutdowns spend none.
    attempt         integer     NOT NULL DEFAULT 0,
    -- Attempts in a row that committed nothing: what the retry budget counts.
    barren_attempts integer     NOT NULL DEFAULT 0,
    -- Raised by every claim; every write of a job carries the fence it was claimed with.
    fence           bigint      NOT NULL DEFAULT 0,
    lease_owner     text,
    lease_until     timestamptz,
    error           jsonb,
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    finished_at     timestamptz,
    CONSTRAINT jobs_lease_while_running CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CONSTRAINT jobs_finished_when_over CHECK
        ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL))
);
CREATE INDEX jobs_due ON jobs (due_at) WHERE state = 'QUEUED';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'RUNNING';
CREATE UNIQUE INDEX jobs_one_active_sync ON jobs (connection_id)
    WHERE kind = 'sync' AND state IN ('QUEUED', 'RUNNING');

CREATE TABLE job_attempts (
    job_id     uuid        NOT NULL REFERENCES jobs ON DELETE CASCADE,
    fence      bigint      NOT NULL,
    attempt    integer     NOT NULL,
    worker     text        NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    outcome    text        CONSTRAINT job_attempts_outcome_known CHECK
               (outcome IN ('DONE', 'SNOOZED', 'CANCELLED', 'RETRY', 'FAILED', 'LEASE_LOST')),
    error      jsonb,
    PRIMARY KEY (job_id, fence)
);
