DROP INDEX streams_by_entity;
ALTER TABLE change_counters DROP pruned_to;
