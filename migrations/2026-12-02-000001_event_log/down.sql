DROP FUNCTION event_payload;
DROP INDEX events_by_id, events_by_connection;
ALTER TABLE events DROP data;
