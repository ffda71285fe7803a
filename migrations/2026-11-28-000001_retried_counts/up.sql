ALTER TABLE sync_entities
    -- Of what was fetched, and of the errors: by retrying open errors after the walk. What is said of the walk leaves them out.
    ADD retried        bigint NOT NULL DEFAULT 0 CONSTRAINT sync_entities_retried_is_a_count CHECK (retried >= 0),
    ADD retried_errors bigint NOT NULL DEFAULT 0
        CONSTRAINT sync_entities_retried_errors_is_a_count CHECK (retried_errors >= 0);
