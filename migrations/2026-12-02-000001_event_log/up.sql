-- What an event says beside its ids, as it was when it happened.
ALTER TABLE events ADD data jsonb NOT NULL DEFAULT '{}';
-- A reader of one connection's events passes over those of all others; a webhook goes on with the one connection whose
-- events it could not deliver.
CREATE INDEX events_by_connection ON events (tenant_id, connection_id, seq);
-- One by its id; ids rise with time, so that this grows at its end.
CREATE UNIQUE INDEX events_by_id ON events (tenant_id, id);

-- What is known of the subject of an event now. A function, because a session keeps its plans: as part of the statement
-- that appends, planning these joins would cost more than all else.
CREATE FUNCTION event_payload(event_type text, subject uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF event_type LIKE 'integration.sync.%' THEN
        RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
                    'mode', mode, 'trigger', trigger, 'attempt', attempt, 'error', error,
                    'stats', (SELECT jsonb_object_agg(entity, jsonb_build_object(
                                  'fetched', fetched, 'created', created, 'updated', updated,
                                  'unchanged', unchanged, 'deleted', deleted, 'errors', errors))
                              FROM sync_entities WHERE sync_id = subject)))
                FROM syncs JOIN jobs USING (id) WHERE syncs.id = subject);
    ELSIF event_type LIKE 'integration.export.%' THEN
        RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
                    'exportId', export_id, 'rows', rows, 'bytes', bytes, 'attempt', attempt, 'error', error))
                FROM export_runs JOIN jobs USING (id) WHERE export_runs.id = subject);
    ELSIF event_type LIKE 'integration.webhook.%' THEN
        RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('url', url, 'reason', status_reason))
                FROM webhooks WHERE webhooks.id = subject);
    END IF;
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('connectorId', connector_id, 'name', name, 'reason', status_reason))
            FROM connections WHERE connections.id = subject);
END $$;
