DROP INDEX jobs_running;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'RUNNING';
DROP INDEX jobs_by_tenant;
DROP INDEX jobs_to_cancel;
DROP INDEX jobs_waiting;
CREATE INDEX jobs_due ON jobs (due_at) WHERE state = 'QUEUED';
ALTER TABLE jobs DROP progress_at, DROP cancel_requested_at;
