-- The formats of values in responses.

-- A moment in RFC 3339, UTC, whole seconds.
CREATE OR REPLACE FUNCTION internal.utc(p_at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
END;
$$;

-- An amount with two decimals.
CREATE OR REPLACE FUNCTION internal.money(p_amount numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN round(p_amount, 2)::text;
END;
$$;

-- {amount, currency}, or NULL without an amount.
CREATE OR REPLACE FUNCTION internal.money_json(p_amount numeric, p_currency text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE WHEN p_amount IS NOT NULL
        THEN jsonb_build_object('amount', internal.money(p_amount), 'currency', p_currency) END;
END;
$$;

-- An ILIKE pattern that matches every value with this text in it, taken literally.
CREATE OR REPLACE FUNCTION internal.contains_pattern(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN '%' || regexp_replace(p_text, '([\\%_])', '\\\1', 'g') || '%';
END;
$$;

-- {page, limit, total, totalPages, hasNext, hasPrev} of one page.
CREATE OR REPLACE FUNCTION internal.pagination_json(p_page integer, p_limit integer, p_total bigint) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
DECLARE
    v_pages bigint := (p_total + p_limit - 1) / p_limit;
BEGIN
    RETURN jsonb_build_object('page', p_page, 'limit', p_limit, 'total', p_total, 'totalPages', v_pages,
        'hasNext', p_page < v_pages, 'hasPrev', p_page > 1 AND p_total > 0);
END;
$$;
