-- The lists that operators read, by key or by page.
--
-- A list by key names the last row of the page before, so each page costs the same. A list by page
-- also counts the rows, 1,000 at most, because an exact count of a long list takes seconds.
--
-- Functions of other files:
--   bookings.sql   booking_json
--   formats.sql    contains_pattern, pagination_json, utc
--   listing.sql    any_car
--   payments.sql   latest_payment
--   retention.sql  kept_since

-- Earlier versions without keys.
DROP FUNCTION IF EXISTS public.list_bookings(integer, integer, text, text, text, date, date, text, timestamptz);
DROP FUNCTION IF EXISTS public.list_audit(integer, integer, text, text, text);

-- {page, limit, total, totalPages, hasNext, hasPrev, totalIsMinimum} of a page. p_count is the
-- number of rows, 1,001 if there are more than 1,000.
CREATE OR REPLACE FUNCTION internal.counted_page_json(p_page integer, p_limit integer, p_count bigint, p_has_next boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN internal.pagination_json(p_page, p_limit, least(p_count, 1000))
        || jsonb_build_object('hasNext', p_has_next, 'totalIsMinimum', p_count > 1000);
END;
$$;

-- The keys of the bookings that match, newest first. p_before_at and p_before_id are the key of the
-- last booking before the first one. The statement has the filters that are set and no others, so
-- each has the plan that fits.
CREATE OR REPLACE FUNCTION internal.find_bookings(
    p_status text, p_payment_status text, p_car text, p_from date, p_to date, p_search text,
    p_before_at timestamptz, p_before_id uuid, p_limit integer, p_offset bigint
) RETURNS TABLE (created_at timestamptz, id uuid)
LANGUAGE plpgsql STABLE SET search_path = '' SET jit = off AS $$
DECLARE
    -- The order of the bookings says nothing about their days. The few of a short time are found
    -- first and sorted then.
    v_materialized text := CASE WHEN p_to - p_from <= 92 THEN 'MATERIALIZED' ELSE 'NOT MATERIALIZED' END;
    v_filters      text := concat_ws(' AND ', 'true',
        CASE WHEN p_status IS NOT NULL THEN 'b.status = $1' END,
        -- Nearly every booking has one payment, which is the latest.
        CASE WHEN p_payment_status IS NOT NULL THEN
            'b.id IN (SELECT p.booking_id FROM public.payments AS p WHERE p.status = $2)
             AND ((SELECT bool_and(o.status = $2) FROM public.payments AS o WHERE o.booking_id = b.id)
                  OR (internal.latest_payment(b.id)).status = $2)' END,
        CASE WHEN p_car IS NOT NULL THEN 'b.car_id = $3' END,
        -- A rental has 366 days at most, so an index can find the first of these.
        CASE WHEN p_from IS NOT NULL THEN 'b.end_date > $4 AND b.start_date > $4 - 367' END,
        CASE WHEN p_to IS NOT NULL THEN 'b.start_date < $5' END,
        -- As bookings_by_text has it. No search contains a line feed.
        CASE WHEN p_search IS NOT NULL THEN
            $sql$(b.reference || E'\n' || coalesce(b.contact ->> 'email', '') || E'\n' || coalesce(b.contact ->> 'fullName', '')
                  || E'\n' || coalesce(b.shop_reference, '')) ILIKE $6$sql$ END,
        CASE WHEN p_before_at IS NOT NULL THEN 'b.created_at <= $7 AND (b.created_at < $7 OR b.id > $8)' END);
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH found AS %s (SELECT b.created_at, b.id FROM public.bookings AS b WHERE %s)
         SELECT found.created_at, found.id FROM found ORDER BY found.created_at DESC, found.id LIMIT $9 OFFSET $10',
        v_materialized, v_filters)
    USING p_status, p_payment_status, (internal.any_car(p_car)).id, p_from, p_to, internal.contains_pattern(p_search),
        p_before_at, p_before_id, p_limit, p_offset;
END;
$$;

CREATE OR REPLACE FUNCTION public.list_bookings(
    p_page integer DEFAULT NULL, p_limit integer DEFAULT 25, p_status text DEFAULT NULL, p_payment_status text DEFAULT NULL,
    p_car text DEFAULT NULL, p_from date DEFAULT NULL, p_to date DEFAULT NULL, p_search text DEFAULT NULL,
    p_after_at timestamptz DEFAULT NULL, p_after_id uuid DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
DECLARE
    v_page     integer := coalesce(p_page, 1);
    v_keys     uuid[];
    v_last     timestamptz;
    v_has_next boolean;
    v_count    bigint;
    v_result   jsonb;
BEGIN
    SELECT coalesce(array_agg(f.id ORDER BY f.created_at DESC, f.id), '{}') INTO v_keys
    FROM internal.find_bookings(p_status, p_payment_status, p_car, p_from, p_to, p_search, p_after_at, p_after_id,
                                p_limit + 1, (v_page - 1)::bigint * p_limit) AS f;
    v_has_next := cardinality(v_keys) > p_limit;
    v_keys := v_keys[1:p_limit];
    SELECT created_at INTO v_last FROM public.bookings WHERE id = v_keys[p_limit];
    SELECT jsonb_build_object(
        'bookings', coalesce(jsonb_agg(internal.booking_json(b, p_now) ORDER BY b.created_at DESC, b.id), '[]'),
        'next', CASE WHEN v_has_next THEN (extract(epoch FROM v_last) * 1000000)::bigint || '.' || v_keys[p_limit] END)
    INTO v_result FROM public.bookings AS b WHERE b.id = ANY (v_keys);
    IF p_after_at IS NULL THEN
        v_count := CASE WHEN v_has_next OR (v_page > 1 AND v_keys = '{}') THEN (
            SELECT count(*) FROM internal.find_bookings(p_status, p_payment_status, p_car, p_from, p_to, p_search, NULL, NULL, 1001, 0))
            ELSE (v_page - 1)::bigint * p_limit + cardinality(v_keys) END;
        v_result := v_result || jsonb_build_object('pagination', internal.counted_page_json(v_page, p_limit, v_count, v_has_next));
    END IF;
    RETURN v_result;
END;
$$;
COMMENT ON FUNCTION public.list_bookings IS
    '{bookings, next, pagination}: bookings as get_booking returns them, newest first. p_status as '
    'stored. p_payment_status of the latest payment. p_car is UUID or slug. p_from and p_to keep '
    'rentals with a day from p_from up to, not including, p_to. p_search is a literal part of '
    'reference, name, e-mail or shop reference. NULL means no filter. next is `<microseconds since '
    '1970>.<id>` of the last booking, NULL on the last page. With its parts as p_after_at and '
    'p_after_id, the next page follows, without pagination. Reads only.';

-- The rows of the audit log that match, newest first. A subject has two indexes, so two parts are
-- read in order and merged. Plans are made for the filters that are set.
CREATE OR REPLACE FUNCTION internal.find_audit_rows(
    p_subject text, p_action text, p_actor text, p_request_id text, p_before bigint, p_limit integer, p_offset bigint
) RETURNS SETOF public.audit_log
LANGUAGE plpgsql STABLE SET search_path = '' SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_before bigint := coalesce(p_before, 9223372036854775807);
BEGIN
    IF p_subject IS NULL THEN
        RETURN QUERY
        SELECT a.* FROM public.audit_log AS a
        WHERE (p_action IS NULL OR a.action = p_action) AND (p_actor IS NULL OR a.actor = p_actor)
          AND (p_request_id IS NULL OR a.request_id = p_request_id) AND a.id < v_before
        ORDER BY a.id DESC LIMIT p_limit OFFSET p_offset;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT merged.* FROM (
        (SELECT a.* FROM public.audit_log AS a
         WHERE a.subject_id = p_subject
           AND (p_action IS NULL OR a.action = p_action) AND (p_actor IS NULL OR a.actor = p_actor)
           AND (p_request_id IS NULL OR a.request_id = p_request_id) AND a.id < v_before
         ORDER BY a.id DESC LIMIT p_limit + p_offset)
        UNION ALL
        (SELECT a.* FROM public.audit_log AS a
         WHERE a.detail ->> 'bookingId' = p_subject AND a.subject_id <> p_subject
           AND (p_action IS NULL OR a.action = p_action) AND (p_actor IS NULL OR a.actor = p_actor)
           AND (p_request_id IS NULL OR a.request_id = p_request_id) AND a.id < v_before
         ORDER BY a.id DESC LIMIT p_limit + p_offset)
    ) AS merged
    ORDER BY merged.id DESC LIMIT p_limit OFFSET p_offset;
END;
$$;

CREATE OR REPLACE FUNCTION public.list_audit(
    p_page integer DEFAULT NULL, p_limit integer DEFAULT 50, p_subject text DEFAULT NULL, p_action text DEFAULT NULL,
    p_actor text DEFAULT NULL, p_request_id text DEFAULT NULL, p_after bigint DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
DECLARE
    v_page     integer := coalesce(p_page, 1);
    v_rows     public.audit_log[];
    v_has_next boolean;
    v_count    bigint;
    v_result   jsonb;
BEGIN
    SELECT coalesce(array_agg(f ORDER BY f.id DESC), '{}') INTO v_rows
    FROM internal.find_audit_rows(p_subject, p_action, p_actor, p_request_id, p_after, p_limit + 1, (v_page - 1)::bigint * p_limit) AS f;
    v_has_next := cardinality(v_rows) > p_limit;
    v_rows := v_rows[1:p_limit];
    SELECT jsonb_build_object(
        'success', true, 'entries', coalesce(jsonb_agg(jsonb_build_object(
            'id', a.id, 'occurredAt', internal.utc(a.occurred_at), 'actor', a.actor, 'action', a.action, 'subjectType', a.subject_type,
            'subjectId', a.subject_id, 'detail', a.detail, 'requestId', a.request_id) ORDER BY a.id DESC), '[]'),
        'next', CASE WHEN v_has_next THEN (v_rows[p_limit]).id::text END,
        'keptSince', internal.utc(internal.kept_since('audit_log')))
    INTO v_result FROM unnest(v_rows) AS a;
    IF p_after IS NULL THEN
        v_count := CASE WHEN v_has_next OR (v_page > 1 AND v_rows = '{}') THEN (
            SELECT count(*) FROM internal.find_audit_rows(p_subject, p_action, p_actor, p_request_id, NULL, 1001, 0))
            ELSE (v_page - 1)::bigint * p_limit + cardinality(v_rows) END;
        v_result := v_result || jsonb_build_object('pagination', internal.counted_page_json(v_page, p_limit, v_count, v_has_next));
    END IF;
    RETURN v_result;
END;
$$;
COMMENT ON FUNCTION public.list_audit IS
    '{success, entries, next, keptSince, pagination}: the audit log, newest first. p_subject is the '
    'id of the subject, or of its booking. NULL means no filter. next is the id of the last entry, '
    'NULL on the last page. With it as p_after, the next page follows, without pagination. Older '
    'entries than keptSince are deleted. Reads only.';
