-- Where a run that overwrites files has begun to put its own: those of earlier runs are not there any more.
ALTER TABLE export_runs ADD COLUMN replacing jsonb NOT NULL DEFAULT '[]';
