-- How long a connection that syncs by itself waits: its interval, doubled by each failure in a row up to a day (or the
-- interval, where that is longer), and up to a tenth more, so that connections made together do not sync together for ever.
CREATE FUNCTION sync_pause(sync_interval text, failures integer) RETURNS interval LANGUAGE sql VOLATILE STRICT AS $$
    SELECT make_interval(secs => least(seconds * 2 ^ least(failures, 30), greatest(seconds, 86400)) * (1 + random() / 10))
    FROM (SELECT extract(epoch FROM sync_interval::interval)::double precision AS seconds) AS written
$$;

ALTER TABLE connections
    -- Scheduled syncs in a row that ended FAILED.
    ADD consecutive_failures integer NOT NULL DEFAULT 0
        CONSTRAINT connections_failures_count CHECK (consecutive_failures >= 0);

ALTER TABLE syncs
    ADD trigger text NOT NULL DEFAULT 'REQUEST'
        CONSTRAINT syncs_trigger_known CHECK (trigger IN ('REQUEST', 'SCHEDULE'));

ALTER TABLE streams
    -- The sync that last read it to the end, and when.
    ADD last_sync_id uuid,
    ADD last_read_at timestamptz;
