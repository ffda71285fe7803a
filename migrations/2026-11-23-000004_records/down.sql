DROP TABLE record_errors;
DROP TABLE sync_entities;
DROP TABLE syncs;
DROP TABLE records;
DROP TABLE streams;
DROP FUNCTION erase_records_of_stream;
