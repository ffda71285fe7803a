ALTER TABLE streams DROP last_sync_id, DROP last_read_at;
ALTER TABLE syncs DROP trigger;
ALTER TABLE connections DROP consecutive_failures;
DROP FUNCTION sync_pause;
