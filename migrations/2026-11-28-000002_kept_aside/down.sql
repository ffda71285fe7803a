DELETE FROM seen_records WHERE NOT EXISTS (SELECT FROM syncs WHERE syncs.id = sync_id);
DELETE FROM missing_records WHERE NOT EXISTS (SELECT FROM syncs WHERE syncs.id = sync_id);
ALTER TABLE seen_records ADD CONSTRAINT seen_records_sync_id_fkey FOREIGN KEY (sync_id) REFERENCES syncs ON DELETE CASCADE;
ALTER TABLE missing_records
    ADD CONSTRAINT missing_records_sync_id_fkey FOREIGN KEY (sync_id) REFERENCES syncs ON DELETE CASCADE;
DROP TRIGGER syncs_erase_kept_aside ON syncs;
DROP FUNCTION erase_kept_aside_of_sync();
