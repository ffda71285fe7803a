//! The tables as diesel sees them; `migrations/` is where they are made.

#![allow(missing_docs, reason = "the columns are described in migrations/")]

diesel::table! {
    tenants (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        digest -> Bytea,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        tenant_id -> Uuid,
        key_id -> Uuid,
        action -> Text,
        subject -> Text,
        request_id -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (tenant_id, key) {
        tenant_id -> Uuid,
        key -> Text,
        sealed_answer -> Nullable<Bytea>,
        sealed_by -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    connections (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connector_id -> Text,
        name -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        sealed_credentials -> Bytea,
        sealed_by -> Text,
        settings -> Jsonb,
        sync_interval -> Nullable<Text>,
        auto_sync -> Bool,
        next_sync_at -> Nullable<Timestamptz>,
        last_sync_at -> Nullable<Timestamptz>,
        max_delete_fraction -> Nullable<Double>,
        max_error_rate -> Nullable<Double>,
        consecutive_failures -> Integer,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    jobs (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connection_id -> Nullable<Uuid>,
        kind -> Text,
        state -> Text,
        due_at -> Timestamptz,
        dispatch_no -> Integer,
        attempt -> Integer,
        barren_attempts -> Integer,
        fence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<Timestamptz>,
        error -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        cancel_requested_at -> Nullable<Timestamptz>,
        progress_at -> Timestamptz,
    }
}

diesel::table! {
    job_attempts (job_id, fence) {
        job_id -> Uuid,
        fence -> BigInt,
        attempt -> Integer,
        worker -> Text,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        error -> Nullable<Jsonb>,
    }
}

diesel::table! {
    streams (id) {
        id -> BigInt,
        tenant_id -> Uuid,
        connection_id -> Nullable<Uuid>,
        entity -> Text,
        checkpoint -> Nullable<Jsonb>,
        last_sync_id -> Nullable<Uuid>,
        last_read_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    records (stream_id, external_id) {
        stream_id -> BigInt,
        external_id -> Text,
        payload -> Jsonb,
        fingerprint -> Bytea,
        source_created_at -> Nullable<Timestamptz>,
        source_updated_at -> Nullable<Timestamptz>,
        as_of -> Timestamptz,
        changed_at -> Timestamptz,
        change_set -> BigInt,
        first_change_set -> BigInt,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    syncs (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        connection_id -> Uuid,
        mode -> Text,
        date_from -> Nullable<Date>,
        date_to -> Nullable<Date>,
        max_delete_fraction -> Nullable<Double>,
        max_error_rate -> Nullable<Double>,
        trigger -> Text,
        targets -> Nullable<Jsonb>,
    }
}

diesel::table! {
    sync_entities (sync_id, entity) {
        sync_id -> Uuid,
        entity -> Text,
        place -> Integer,
        cursor -> Nullable<Jsonb>,
        complete -> Bool,
        fetched -> BigInt,
        created -> BigInt,
        updated -> BigInt,
        unchanged -> BigInt,
        deleted -> BigInt,
        vanished -> BigInt,
        errors -> BigInt,
    }
}

diesel::table! {
    exports (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        name -> Text,
        format -> Text,
        entities -> Array<Text>,
        filter -> Nullable<Jsonb>,
        options -> Jsonb,
        schedule -> Nullable<Jsonb>,
        destination -> Jsonb,
        snapshot_id -> Nullable<Uuid>,
        incremental -> Bool,
        paused_at -> Nullable<Timestamptz>,
        next_run_at -> Nullable<Timestamptz>,
        last_run_at -> Nullable<Timestamptz>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    export_runs (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        export_id -> Uuid,
        rows -> BigInt,
        bytes -> BigInt,
        destination -> Nullable<Jsonb>,
        expected_rows -> Nullable<BigInt>,
        viewed_at -> Nullable<Timestamptz>,
        files -> Jsonb,
        beside -> Jsonb,
        marks -> Jsonb,
        due_at -> Nullable<Timestamptz>,
        definition -> Nullable<Jsonb>,
        replacing -> Jsonb,
    }
}

diesel::table! {
    grants (connection_id) {
        connection_id -> Uuid,
        tenant_id -> Uuid,
        sealed -> Nullable<Bytea>,
        sealed_by -> Nullable<Text>,
        expires_at -> Nullable<Timestamptz>,
        version -> BigInt,
        refreshing_by -> Nullable<Text>,
        refreshing_until -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    consents (state_digest) {
        state_digest -> Bytea,
        tenant_id -> Uuid,
        connection_id -> Uuid,
        key_id -> Uuid,
        sealed_verifier -> Bytea,
        sealed_by -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Uuid,
        tenant_id -> Uuid,
        url -> Text,
        description -> Nullable<Text>,
        event_types -> Nullable<Array<Text>>,
        connection_ids -> Nullable<Array<Uuid>>,
        max_per_second -> Nullable<Integer>,
        sealed -> Bytea,
        sealed_by -> Text,
        header_names -> Array<Text>,
        status -> Text,
        status_reason -> Nullable<Text>,
        read_seq -> BigInt,
        failures -> Integer,
        failing_since -> Nullable<Timestamptz>,
        retry_at -> Nullable<Timestamptz>,
        last_delivered_at -> Nullable<Timestamptz>,
        version -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_attempts (id) {
        id -> Uuid,
        webhook_id -> Uuid,
        seq -> BigInt,
        event_id -> Uuid,
        event_type -> Text,
        attempt -> Integer,
        outcome -> Text,
        status -> Nullable<Integer>,
        answer -> Nullable<Text>,
        error -> Nullable<Text>,
        latency_ms -> Integer,
        started_at -> Timestamptz,
    }
}

diesel::joinable!(syncs -> jobs (id));
diesel::joinable!(export_runs -> jobs (id));
diesel::allow_tables_to_appear_in_same_query!(syncs, jobs);
diesel::allow_tables_to_appear_in_same_query!(export_runs, jobs);
