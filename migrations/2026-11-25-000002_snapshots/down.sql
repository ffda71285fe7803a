DROP TRIGGER streams_erase_snapshots ON streams;
DROP FUNCTION erase_snapshots_of_stream();
ALTER TABLE streams DROP has_snapshots;
DROP TABLE record_versions;
DROP TABLE snapshot_records;
DROP TABLE snapshot_parts;
DROP TABLE snapshots;
