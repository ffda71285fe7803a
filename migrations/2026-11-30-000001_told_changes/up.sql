-- Events that vendors told by webhook, so that one that comes again is known.
CREATE TABLE inbound_events (
    connection_id uuid        NOT NULL REFERENCES connections ON DELETE CASCADE,
    -- Of what tells the event from all others of the connection.
    digest        bytea       NOT NULL,
    -- False: another event of the same moment may look the same, so one that does is taken once more.
    settled       boolean     NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connection_id, digest),
    CONSTRAINT inbound_events_digest_is_sha256 CHECK (octet_length(digest) = 32)
);
CREATE INDEX inbound_events_by_age ON inbound_events (received_at);

-- What they told and no sync has read since: of each record, or (without an id) each entity, once, and beside it once
-- more what an active sync took up. No foreign key to syncs: to check one is to hold the sync's row.
CREATE TABLE told_changes (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id uuid        NOT NULL REFERENCES connections ON DELETE CASCADE,
    entity        text        NOT NULL,
    external_id   text COLLATE "C",
    -- The sync that is to read it; none yet when null.
    sync_id       uuid,
    -- Put off when a sync that was to read it did not complete, longer each time.
    due_at        timestamptz NOT NULL DEFAULT now(),
    failures      integer     NOT NULL DEFAULT 0,
    told_at       timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX told_changes_once ON told_changes (connection_id, entity, external_id NULLS FIRST)
    NULLS NOT DISTINCT WHERE sync_id IS NULL;
CREATE INDEX told_changes_taken_up ON told_changes (sync_id) WHERE sync_id IS NOT NULL;

ALTER TABLE syncs DROP CONSTRAINT syncs_trigger_known,
    ADD CONSTRAINT syncs_trigger_known CHECK (trigger IN ('REQUEST', 'SCHEDULE', 'WEBHOOK'));
