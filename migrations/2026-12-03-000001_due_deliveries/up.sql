-- A webhook's job waits for as long as it lives, nearly always for nothing: workers look twice a second for those that are due,
-- and that costs what is due and not how many webhooks there are.
CREATE INDEX jobs_due_deliveries ON jobs (due_at) WHERE state = 'QUEUED' AND kind = 'delivery';
