-- The lists that operators read.
--
-- Functions of other files:
--   bookings.sql  booking_json
--   formats.sql   contains_pattern, pagination_json, utc
--   listing.sql   any_car
--   payments.sql  latest_payment

CREATE OR REPLACE FUNCTION public.list_bookings(
    p_page integer DEFAULT 1, p_limit integer DEFAULT 25, p_status text DEFAULT NULL, p_payment_status text DEFAULT NULL,
    p_car text DEFAULT NULL, p_from date DEFAULT NULL, p_to date DEFAULT NULL, p_search text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
DECLARE
    v_car uuid := (internal.any_car(p_car)).id;
BEGIN
    RETURN (
        WITH found AS (
            SELECT b AS booking, b.created_at, b.id
            FROM public.bookings AS b
            WHERE (p_status IS NULL OR b.status = p_status)
              AND (p_payment_status IS NULL OR (internal.latest_payment(b.id)).status = p_payment_status)
              AND (p_car IS NULL OR b.car_id = v_car)
              AND (p_from IS NULL OR b.end_date > p_from)
              AND (p_to IS NULL OR b.start_date < p_to)
              AND (p_search IS NULL OR b.reference ILIKE internal.contains_pattern(p_search)
                   OR b.contact ->> 'email' ILIKE internal.contains_pattern(p_search)
                   OR b.contact ->> 'fullName' ILIKE internal.contains_pattern(p_search)
                   OR b.shop_reference ILIKE internal.contains_pattern(p_search))
        ), page AS (
            SELECT found.* FROM found ORDER BY created_at DESC, id LIMIT p_limit OFFSET (p_page - 1) * p_limit
        )
        SELECT jsonb_build_object(
            'bookings', (SELECT coalesce(jsonb_agg(internal.booking_json(page.booking, p_now) ORDER BY page.created_at DESC, page.id), '[]') FROM page),
            'pagination', internal.pagination_json(p_page, p_limit, (SELECT count(*) FROM found))));
END;
$$;
COMMENT ON FUNCTION public.list_bookings IS
    '{bookings, pagination}: bookings as get_booking returns them, newest first. p_status as '
    'stored. p_payment_status of the latest payment. p_car is UUID or slug. p_from and p_to keep '
    'rentals with a day from p_from up to, not including, p_to. p_search is a literal part of '
    'reference, name, e-mail or shop reference. NULL means no filter. Reads only.';

CREATE OR REPLACE FUNCTION public.list_audit(
    p_page integer DEFAULT 1, p_limit integer DEFAULT 50, p_subject text DEFAULT NULL, p_action text DEFAULT NULL, p_actor text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        WITH found AS (
            SELECT a.* FROM public.audit_log AS a
            WHERE (p_subject IS NULL OR a.subject_id = p_subject OR a.detail ->> 'bookingId' = p_subject)
              AND (p_action IS NULL OR a.action = p_action) AND (p_actor IS NULL OR a.actor = p_actor)
        ), page AS (
            SELECT found.* FROM found ORDER BY id DESC LIMIT p_limit OFFSET (p_page - 1) * p_limit
        )
        SELECT jsonb_build_object(
            'success', true, 'entries', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('id', page.id, 'occurredAt', internal.utc(page.occurred_at), 'actor', page.actor,
                    'action', page.action, 'subjectType', page.subject_type, 'subjectId', page.subject_id, 'detail', page.detail,
                    'requestId', page.request_id) ORDER BY page.id DESC), '[]') FROM page),
            'pagination', internal.pagination_json(p_page, p_limit, (SELECT count(*) FROM found))));
END;
$$;
COMMENT ON FUNCTION public.list_audit IS
    '{success, entries, pagination}: the audit log, newest first. p_subject is the id of the '
    'subject, or of its booking. NULL means no filter. Reads only.';
