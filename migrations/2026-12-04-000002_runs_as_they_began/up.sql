-- The due time that a run stands for; none where somebody asked for it.
ALTER TABLE export_runs ADD COLUMN due_at timestamptz;
-- The export as it was when the run began, until the run is over: whoever goes on with it goes on with that.
ALTER TABLE export_runs ADD COLUMN definition jsonb;
-- Of an export that overwrites its files: the run that may.
ALTER TABLE exports ADD COLUMN writing_run uuid;
