-- Typed readings of a JSON value for filters: NULL where it cannot be read so, never an error.

-- A number, also one that the vendor spells as text.
CREATE FUNCTION number_of(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric
        WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^-?[0-9]{1,100}(\.[0-9]{1,100})?$'
            THEN (value #>> '{}')::numeric
    END
$$;

-- An instant: an RFC 3339 text or a date (UTC where it names no zone), or Unix seconds.
CREATE FUNCTION instant_of(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
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
