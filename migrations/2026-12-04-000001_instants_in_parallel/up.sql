-- An instant: an RFC 3339 text or a date (UTC where it names no zone), or Unix seconds; NULL for all else.
--
-- Nothing is tried and caught: a block with an EXCEPTION is a subtransaction, which before Postgres 17 ends every statement that
-- runs in parallel, as those over large tables do. So what reaches the cast is what it takes. It always names a zone: the
-- session's does not count. And digits are those of ASCII: which others \d takes is a matter of the collation.
CREATE OR REPLACE FUNCTION instant_of(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    spelled text := value #>> '{}';
    part text[];
    year int;
    month int;
    day int;
BEGIN
    IF jsonb_typeof(value) = 'number' THEN
        IF spelled::numeric BETWEEN 0 AND 253402300799 THEN
            RETURN to_timestamp(spelled::numeric);
        END IF;
        RETURN NULL;
    ELSIF jsonb_typeof(value) <> 'string' OR length(spelled) > 40 THEN
        RETURN NULL;
    END IF;
    part := regexp_match(spelled, '^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
        '(?:[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]+)?)?)([Zz]|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)?)?$');
    IF part IS NULL THEN
        RETURN NULL;
    END IF;
    year := part[1];
    month := part[2];
    day := part[3];
    IF year = 0 OR day > (CASE
            WHEN month IN (4, 6, 9, 11) THEN 30
            WHEN month <> 2 THEN 31
            WHEN year % 4 = 0 AND (year % 100 <> 0 OR year % 400 = 0) THEN 29
            ELSE 28
        END)
    THEN
        RETURN NULL;
    END IF;
    RETURN (part[1] || '-' || part[2] || '-' || part[3] || 'T' || coalesce(part[4], '00:00') || coalesce(part[5], 'Z'))::timestamptz;
END
$$;
