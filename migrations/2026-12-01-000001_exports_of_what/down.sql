ALTER TABLE export_runs DROP marks, DROP expected_rows, DROP viewed_at, DROP beside, DROP destination;
ALTER TABLE exports DROP paused_at, DROP incremental, DROP snapshot_id;
