ALTER TABLE exports
    -- What is read in place of the current records: what a snapshot holds, or what changed since the last completed run.
    -- No foreign key: a snapshot may be deleted, and a run says so.
    ADD snapshot_id uuid,
    ADD incremental boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT exports_read_one_thing CHECK (NOT (incremental AND snapshot_id IS NOT NULL)),
    -- While set, it does not run by itself.
    ADD paused_at timestamptz;

ALTER TABLE export_runs
    -- Where its files went: the export may be changed.
    ADD destination jsonb,
    -- As of when its records were read, and about how many it expected then.
    ADD viewed_at timestamptz,
    ADD expected_rows bigint,
    -- Of each entity, the number of the last change that it saw: where the next incremental run begins.
    ADD marks jsonb NOT NULL DEFAULT '{}',
    -- As `files`: the schemas of XML files, and the manifest, written after everything.
    ADD beside jsonb NOT NULL DEFAULT '[]';
