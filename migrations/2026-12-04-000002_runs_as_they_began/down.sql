ALTER TABLE exports DROP COLUMN writing_run;
ALTER TABLE export_runs DROP COLUMN definition;
ALTER TABLE export_runs DROP COLUMN due_at;
