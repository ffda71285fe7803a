-- What was met until now, each fault once, however often it came.
CREATE TEMPORARY TABLE met ON COMMIT DROP AS
SELECT e.sync_id, e.entity, s.tenant_id, s.connection_id, t.id AS stream_id, e.external_id, e.code, e.message, e.payload,
       CASE WHEN e.external_id IS NULL THEN sha256(e.payload) END AS digest, e.created_at
FROM record_errors e
JOIN syncs s ON s.id = e.sync_id
JOIN streams t ON t.tenant_id = s.tenant_id AND t.connection_id = s.connection_id AND t.entity = e.entity;
DROP TABLE record_errors;

-- A record that cannot be stored is one row for as long as it stays so, whichever syncs meet it: these are named in
-- sync_record_errors. Of records without an id the bytes tell which is which.
CREATE TABLE record_errors (
    id            uuid        PRIMARY KEY,
    tenant_id     uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- As the stream says, kept here for the index of open errors.
    connection_id uuid,
    stream_id     bigint      NOT NULL REFERENCES streams ON DELETE CASCADE,
    external_id   text COLLATE "C",
    code          text        NOT NULL,
    message       text        NOT NULL,
    -- The instant for which the vendor vouched for this version: what is stored as of an earlier one resolves nothing.
    -- Null where no version was seen, only that it could not be read.
    as_of         timestamptz,
    -- The vendor's bytes as they came, at most the first 64 KiB; emptied when they are old.
    payload       bytea,
    payload_of    text        NOT NULL CONSTRAINT record_errors_payload_of_known CHECK (payload_of IN ('RECORD', 'CHANGE')),
    truncated     boolean     NOT NULL,
    digest        bytea,
    -- How many syncs met it.
    attempts      integer     NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    resolved_at   timestamptz,
    -- The sync that did, where it was one. Rows outlive what they speak of.
    resolved_by   uuid,
    CONSTRAINT record_errors_told_apart CHECK ((external_id IS NULL) = (digest IS NOT NULL)),
    CONSTRAINT record_errors_payload_is_bounded CHECK (octet_length(payload) <= 65536)
);
CREATE UNIQUE INDEX record_errors_open_once ON record_errors (stream_id, external_id, code, digest)
    NULLS NOT DISTINCT WHERE resolved_at IS NULL;
CREATE INDEX record_errors_by_stream ON record_errors (stream_id, id);
CREATE INDEX record_errors_open ON record_errors (connection_id, id) WHERE resolved_at IS NULL;
CREATE INDEX record_errors_with_payload ON record_errors (last_seen_at) WHERE payload IS NOT NULL;

-- A row for each error that a sync counted.
CREATE TABLE sync_record_errors (
    sync_id  uuid NOT NULL REFERENCES syncs ON DELETE CASCADE,
    error_id uuid NOT NULL REFERENCES record_errors ON DELETE CASCADE,
    PRIMARY KEY (sync_id, error_id)
);
CREATE INDEX sync_record_errors_by_error ON sync_record_errors (error_id);

INSERT INTO record_errors (id, tenant_id, connection_id, stream_id, external_id, code, message, as_of, payload, payload_of,
                           truncated, digest, attempts, created_at, last_seen_at)
SELECT gen_random_uuid(), tenant_id, connection_id, stream_id, external_id, code, (array_agg(message ORDER BY created_at DESC))[1],
       max(created_at), (array_agg(payload ORDER BY created_at DESC))[1], 'RECORD',
       max(octet_length(payload)) > 65000, digest, count(DISTINCT sync_id), min(created_at), max(created_at)
FROM met GROUP BY tenant_id, connection_id, stream_id, external_id, code, digest;
INSERT INTO sync_record_errors (sync_id, error_id)
SELECT DISTINCT met.sync_id, e.id FROM met JOIN record_errors e
  ON e.stream_id = met.stream_id AND e.code = met.code
 AND e.external_id IS NOT DISTINCT FROM met.external_id AND e.digest IS NOT DISTINCT FROM met.digest;
-- What came twice in one sync counts once.
UPDATE sync_entities c SET errors = listed.count, unchanged = c.unchanged + c.errors - listed.count
FROM (SELECT l.sync_id, t.entity, count(*) AS count FROM sync_record_errors l
      JOIN record_errors e ON e.id = l.error_id JOIN streams t ON t.id = e.stream_id GROUP BY 1, 2) AS listed
WHERE c.sync_id = listed.sync_id AND c.entity = listed.entity AND c.errors <> listed.count;

-- [{entity, ids, errorIds}]: the single records a sync is limited to.
ALTER TABLE syncs ADD targets jsonb;

-- What a sync did, a row for each of its commits; how its attempts went is in job_attempts. Row 0 stands for those
-- that were left out.
CREATE TABLE sync_log (
    sync_id   uuid        NOT NULL REFERENCES syncs ON DELETE CASCADE,
    seq       integer     NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    entity    text        NOT NULL,
    requests  bigint      NOT NULL,
    read_ms   bigint      NOT NULL,
    fetched   bigint      NOT NULL,
    created   bigint      NOT NULL,
    updated   bigint      NOT NULL,
    unchanged bigint      NOT NULL,
    deleted   bigint      NOT NULL,
    errors    bigint      NOT NULL,
    -- Of row 0: how many rows it stands for.
    entries   integer     NOT NULL DEFAULT 1,
    PRIMARY KEY (sync_id, seq)
);
