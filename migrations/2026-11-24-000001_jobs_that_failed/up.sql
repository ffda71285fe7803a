-- A tenant's dead jobs, newest first, however many others it has.
CREATE INDEX jobs_failed ON jobs (tenant_id, id) WHERE state = 'FAILED';
