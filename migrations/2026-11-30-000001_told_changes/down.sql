UPDATE syncs SET trigger = 'REQUEST' WHERE trigger = 'WEBHOOK';
ALTER TABLE syncs DROP CONSTRAINT syncs_trigger_known,
    ADD CONSTRAINT syncs_trigger_known CHECK (trigger IN ('REQUEST', 'SCHEDULE'));
DROP TABLE told_changes;
DROP TABLE inbound_events;
