ALTER TABLE sync_entities DROP retried, DROP retried_errors;
