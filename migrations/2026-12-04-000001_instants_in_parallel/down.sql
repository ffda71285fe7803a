CREATE OR REPLACE FUNCTION instant_of(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET timezone = 'UTC' AS $$
DECLARE
    spelled text := value #>> '{}';
BEGIN
    IF jsonb_typeof(value) = 'number' AND spelled::numeric BETWEEN 0 AND 253402300799 THEN
        RETURN to_timestamp(spelled::numeric);
    ELSIF jsonb_typeof(value) = 'string' AND spelled ~ '^\d{4}-\d{2}-\d{2}' AND length(spelled) <= 40 THEN
        RETURN spelled::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
