ALTER TABLE export_runs DROP COLUMN replacing;
