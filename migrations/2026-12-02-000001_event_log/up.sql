-- What an event says beside its ids, as it was when it happened.
ALTER TABLE events
    ADD data      jsonb NOT NULL DEFAULT '{}',
    ADD export_id uuid;
-- A reader of one connection's events passes over those of all others; a webhook goes on with the one connection whose
-- events it could not deliver.
CREATE INDEX events_by_connection ON events (tenant_id, connection_id, seq);
-- One by its id; ids rise with time, so that this grows at its end.
CREATE UNIQUE INDEX events_by_id ON events (tenant_id, id);
