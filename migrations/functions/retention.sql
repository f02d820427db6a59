-- Retention: rows of logs are deleted after a time, in small batches. No log is ever changed, and
-- three keep each row for 90 days whoever deletes.
--
-- Functions of other files:
--   formats.sql  utc

-- Trigger of the append-only logs. It binds every role, the owner included. A row older than 90
-- days may be deleted. The clock of the database decides, which no session can set.
CREATE OR REPLACE FUNCTION internal.guard_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.occurred_at < now() - interval '90 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only, and keeps each row for 90 days', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END;
$$;

-- Since when a table is complete. Without a mark it has lost nothing since the schema was made.
CREATE OR REPLACE FUNCTION internal.kept_since(p_table text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(
        (SELECT kept_since FROM public.retention_marks WHERE table_name = p_table),
        (SELECT min(applied_at) FROM public.schema_migrations));
END;
$$;

-- Deletes up to p_limit rows of a table that are older than p_before, and returns their number.
-- Waiting events, dead letters and the latest run of each cron are kept.
CREATE OR REPLACE FUNCTION internal.delete_rows_before(p_table text, p_before timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_count integer;
BEGIN
    CASE p_table
    WHEN 'audit_log' THEN
        DELETE FROM public.audit_log WHERE id = ANY (ARRAY (
            SELECT id FROM public.audit_log WHERE occurred_at < p_before ORDER BY occurred_at LIMIT p_limit));
    WHEN 'security_events' THEN
        DELETE FROM public.security_events WHERE id = ANY (ARRAY (
            SELECT id FROM public.security_events WHERE occurred_at < p_before ORDER BY occurred_at LIMIT p_limit));
    WHEN 'booking_events' THEN
        DELETE FROM public.booking_events WHERE id = ANY (ARRAY (
            SELECT id FROM public.booking_events WHERE occurred_at < p_before ORDER BY occurred_at LIMIT p_limit));
    WHEN 'webhook_events' THEN
        DELETE FROM public.webhook_events WHERE status = 'processed' AND event_id = ANY (ARRAY (
            SELECT event_id FROM public.webhook_events WHERE status = 'processed' AND received_at < p_before
            ORDER BY received_at LIMIT p_limit));
    WHEN 'cron_runs' THEN
        DELETE FROM public.cron_runs WHERE id = ANY (ARRAY (
            SELECT r.id FROM public.cron_runs AS r
            WHERE r.started_at < p_before
              AND EXISTS (SELECT FROM public.cron_runs AS later WHERE later.name = r.name AND later.started_at > r.started_at)
            ORDER BY r.started_at LIMIT p_limit));
    ELSE
        RAISE EXCEPTION 'no retention for this table' USING ERRCODE = 'invalid_parameter_value';
    END CASE;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END;
$$;

CREATE OR REPLACE FUNCTION public.delete_expired_rows(
    p_table text, p_keep_days integer, p_limit integer DEFAULT 1000, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '2s' AS $$
DECLARE
    -- Both clocks must agree, because the caller's may be wrong. keptSince has whole seconds.
    v_before timestamptz := date_trunc('second', least(p_now, now()) - make_interval(days => greatest(p_keep_days, 90)));
    v_count  integer;
BEGIN
    IF p_keep_days IS NULL OR p_limit IS NULL THEN
        RAISE EXCEPTION 'no period or no limit' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- `exo_kept` in ASCII, and the table. Two runs would wait for each other's rows.
    IF NOT pg_try_advisory_xact_lock(1702391647, hashtext(p_table)) THEN
        RETURN jsonb_build_object('outcome', 'busy', 'count', 0, 'keptSince', internal.utc(internal.kept_since(p_table)));
    END IF;
    v_count := internal.delete_rows_before(p_table, v_before, p_limit);
    IF v_count > 0 THEN
        INSERT INTO public.retention_marks AS m (table_name, kept_since) VALUES (p_table, v_before)
        ON CONFLICT (table_name) DO UPDATE SET kept_since = greatest(m.kept_since, excluded.kept_since);
    END IF;
    RETURN jsonb_build_object('outcome', 'deleted', 'count', v_count, 'keptSince', internal.utc(internal.kept_since(p_table)));
END;
$$;
COMMENT ON FUNCTION public.delete_expired_rows IS
    'Deletes the oldest rows of audit_log, security_events, booking_events, webhook_events (applied '
    'ones) or cron_runs (not the latest of a cron) that are older than p_keep_days, 90 at least. '
    'Outcomes: deleted (count, keptSince: the table is complete since then; p_limit rows mean that '
    'there may be more), busy (another run deletes from the table: nothing written).';
