-- What syncs keep aside goes with them, by a trigger in place of foreign keys: to check one is to hold the sync's row, and
-- whoever weighs a sweep would hold it before the job's, while erasing a connection takes the job first.
CREATE FUNCTION erase_kept_aside_of_sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM seen_records WHERE sync_id = OLD.id;
    DELETE FROM missing_records WHERE sync_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER syncs_erase_kept_aside AFTER DELETE ON syncs
    FOR EACH ROW EXECUTE FUNCTION erase_kept_aside_of_sync();

ALTER TABLE seen_records DROP CONSTRAINT seen_records_sync_id_fkey;
ALTER TABLE missing_records DROP CONSTRAINT missing_records_sync_id_fkey;
