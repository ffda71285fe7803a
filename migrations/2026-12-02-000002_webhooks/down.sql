DELETE FROM jobs WHERE kind = 'delivery';
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_known,
    ADD CONSTRAINT jobs_kind_known CHECK (kind IN ('sync', 'export'));
DROP TABLE webhook_attempts, webhook_resends, webhook_lanes, webhooks;
