DROP TABLE sync_log;
ALTER TABLE syncs DROP targets;

CREATE TEMPORARY TABLE met ON COMMIT DROP AS
SELECT l.sync_id, t.entity, e.external_id, e.code, e.message, coalesce(e.payload, '') AS payload, e.created_at
FROM sync_record_errors l JOIN record_errors e ON e.id = l.error_id JOIN streams t ON t.id = e.stream_id;
DROP TABLE sync_record_errors;
DROP TABLE record_errors;
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
INSERT INTO record_errors (sync_id, entity, external_id, code, message, payload, created_at)
SELECT sync_id, entity, external_id, code, message, payload, created_at FROM met ORDER BY created_at;
