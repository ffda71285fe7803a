-- A stream is an entity of a connection (or, without one, of the tenant's own platform): where records hang and the
-- checkpoint of the next INCREMENTAL is kept.
CREATE TABLE streams (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     uuid   NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id uuid   REFERENCES connections ON DELETE CASCADE,
    entity        text   NOT NULL,
    checkpoint    jsonb,
    CONSTRAINT streams_named_once UNIQUE NULLS NOT DISTINCT (tenant_id, connection_id, entity)
);
CREATE INDEX streams_by_connection ON streams (connection_id);

-- The tenant is reached through the stream: one short key instead of three long ones in the largest table and its
-- only index. No foreign key for the same reason; a trigger erases the records of an erased stream.
CREATE TABLE records (
    stream_id         bigint           NOT NULL,
    external_id       text COLLATE "C" NOT NULL,
    payload           jsonb            NOT NULL,
    fingerprint       bytea            NOT NULL,
    source_created_at timestamptz,
    source_updated_at timestamptz,
    -- The instant for which the vendor vouched for this version: an older one never overwrites a newer one.
    as_of             timestamptz      NOT NULL,
    changed_at        timestamptz      NOT NULL DEFAULT now(),
    sync_id           uuid,
    deleted_at        timestamptz,
    PRIMARY KEY (stream_id, external_id)
);

CREATE FUNCTION erase_records_of_stream() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM records WHERE stream_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER streams_erase_records AFTER DELETE ON streams
    FOR EACH ROW EXECUTE FUNCTION erase_records_of_stream();

CREATE TABLE syncs (
    id            uuid        PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    tenant_id     uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    connection_id uuid        NOT NULL REFERENCES connections ON DELETE CASCADE,
    mode          text        NOT NULL CONSTRAINT syncs_mode_known CHECK (mode IN ('FULL', 'INCREMENTAL', 'SNAPSHOT')),
    date_from     date,
    date_to       date,
    CONSTRAINT syncs_range_has_both_ends CHECK ((date_from IS NULL) = (date_to IS NULL) AND date_from <= date_to)
);
CREATE INDEX syncs_by_connection ON syncs (connection_id, id);

-- One row per entity of a sync: counts and cursor are written with the records they speak of.
CREATE TABLE sync_entities (
    sync_id   uuid    NOT NULL REFERENCES syncs ON DELETE CASCADE,
    entity    text    NOT NULL,
    place     integer NOT NULL,
    cursor    jsonb,
    complete  boolean NOT NULL DEFAULT false,
    fetched   bigint  NOT NULL DEFAULT 0,
    created   bigint  NOT NULL DEFAULT 0,
    updated   bigint  NOT NULL DEFAULT 0,
    unchanged bigint  NOT NULL DEFAULT 0,
    deleted   bigint  NOT NULL DEFAULT 0,
    errors    bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (sync_id, entity),
    CONSTRAINT sync_entities_add_up CHECK (fetched >= 0 AND created >= 0 AND updated >= 0 AND unchanged >= 0
        AND deleted >= 0 AND errors >= 0)
);

CREATE TABLE record_errors (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_id     uuid        NOT NULL REFERENCES syncs ON DELETE CASCADE,
    entity      text        NOT NULL,
    external_id text,
    code        text        NOT NULL,
    message     text        NOT NULL,
    -- The vendor's bytes as they came, bounded: what could not be stored as jsonb.
    payload     bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX record_errors_by_sync ON record_errors (sync_id, id);
