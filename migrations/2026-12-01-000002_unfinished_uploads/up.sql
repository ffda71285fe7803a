-- Files that runs of exports have begun to write and that would stay, invisible and paid for, if the worker died: uploads
-- in parts at S3, hidden files in a folder. A row is written before the first byte is sent, and goes with the file's end.
CREATE TABLE unfinished_uploads (
    -- No foreign key: a run is erased with its export, and what it left is still there.
    run_id      uuid        NOT NULL,
    -- Of the attempt that writes it: a later one writes files of its own.
    fence       bigint      NOT NULL,
    -- Within the destination.
    key         text        NOT NULL,
    tenant_id   uuid        NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- As the export had it then.
    destination jsonb       NOT NULL,
    -- What the place knows it by: S3's upload id, the hidden file's name.
    token       text        NOT NULL,
    tries       integer     NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, fence, key, token)
);
CREATE INDEX unfinished_uploads_due ON unfinished_uploads (due_at);
