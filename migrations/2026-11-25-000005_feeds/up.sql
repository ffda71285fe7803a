-- Change sets that no record belongs to any more are removed after a while; up to this number some may be missing.
ALTER TABLE change_counters ADD pruned_to bigint NOT NULL DEFAULT 0;

-- The streams of an entity in the order in which its records are listed.
CREATE INDEX streams_by_entity ON streams (tenant_id, entity, id);
