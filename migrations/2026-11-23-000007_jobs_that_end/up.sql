ALTER TABLE jobs
    -- Set while a worker holds the job, which then ends it; a job that only waits is cancelled at once.
    ADD cancel_requested_at timestamptz,
    -- When something was last committed for it: what the budget of snoozes counts from.
    ADD progress_at         timestamptz NOT NULL DEFAULT now();

-- Who waits, a tenant at a time: the first of each is found without looking at those behind it.
DROP INDEX jobs_due;
CREATE INDEX jobs_waiting ON jobs (kind, tenant_id, due_at) WHERE state = 'QUEUED';
CREATE INDEX jobs_to_cancel ON jobs (lease_owner) WHERE state = 'RUNNING' AND cancel_requested_at IS NOT NULL;
CREATE INDEX jobs_by_tenant ON jobs (tenant_id, id);
-- Not by when the lease ends: a heartbeat that moves no index entry costs next to nothing.
DROP INDEX jobs_leased;
CREATE INDEX jobs_running ON jobs (kind) WHERE state = 'RUNNING';
