-- What a SNAPSHOT sync copied; it carries the sync's number. It is there for callers once that sync is COMPLETED: nothing
-- else says so, so that no crash can come between the two.
CREATE TABLE snapshots (
    id            uuid PRIMARY KEY REFERENCES syncs,
    tenant_id     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    -- Until upkeep has seen how its sync ended: what did not end well is removed.
    watched       boolean NOT NULL DEFAULT true
);
CREATE INDEX snapshots_by_connection ON snapshots (connection_id, id);
CREATE INDEX snapshots_watched ON snapshots (id) WHERE watched;

-- One entity of a snapshot: a part. A part without a snapshot was given up; upkeep removes its records, then it.
CREATE TABLE snapshot_parts (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    snapshot_id uuid   REFERENCES snapshots ON DELETE SET NULL,
    stream_id   bigint NOT NULL,
    -- Of the whole part; null until it is.
    records     bigint,
    errors      bigint,
    digest      bytea,
    CONSTRAINT snapshot_parts_named_once UNIQUE (snapshot_id, stream_id)
);
CREATE INDEX snapshot_parts_by_stream ON snapshot_parts (stream_id);
CREATE INDEX snapshot_parts_given_up ON snapshot_parts (no) WHERE snapshot_id IS NULL;

-- Which version of each record a part holds. The bytes are in `records` while that is the current version, and in
-- `record_versions` otherwise. No foreign keys, as with `records`.
CREATE TABLE snapshot_records (
    part_no           bigint           NOT NULL,
    external_id       text COLLATE "C" NOT NULL,
    fingerprint       bytea            NOT NULL,
    source_created_at timestamptz,
    source_updated_at timestamptz,
    as_of             timestamptz      NOT NULL,
    PRIMARY KEY (part_no, external_id)
);
CREATE TABLE record_versions (
    stream_id   bigint           NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    fingerprint bytea            NOT NULL,
    payload     jsonb            NOT NULL,
    PRIMARY KEY (stream_id, external_id, fingerprint)
);

-- Whoever overwrites a record of such a stream keeps the version that a snapshot holds.
ALTER TABLE streams ADD has_snapshots boolean NOT NULL DEFAULT false;

CREATE FUNCTION erase_snapshots_of_stream() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM snapshot_records WHERE part_no IN (SELECT no FROM snapshot_parts WHERE stream_id = OLD.id);
    DELETE FROM snapshot_parts WHERE stream_id = OLD.id;
    DELETE FROM record_versions WHERE stream_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER streams_erase_snapshots AFTER DELETE ON streams
    FOR EACH ROW EXECUTE FUNCTION erase_snapshots_of_stream();

DO $$
BEGIN
    ALTER TABLE record_versions ALTER payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
