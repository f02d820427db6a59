-- What must be provable later: money and operator actions (audit_log), refused manipulation (security_events) and
-- the runs of the crons (cron_runs).

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at  timestamptz NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    subject_type text NOT NULL,
    subject_id   text NOT NULL,
    detail       jsonb NOT NULL DEFAULT '{}',
    request_id   text
);
CREATE INDEX IF NOT EXISTS audit_log_by_subject ON public.audit_log (subject_type, subject_id, id);
CREATE INDEX IF NOT EXISTS audit_log_by_time ON public.audit_log (occurred_at);
COMMENT ON TABLE public.audit_log IS 'Append-only: every change of a payment''s state and every operator action.';

CREATE TABLE IF NOT EXISTS public.security_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind ~ '^[a-z0-9_]{1,60}$'),
    detail      jsonb NOT NULL DEFAULT '{}',
    request_id  text
);
CREATE INDEX IF NOT EXISTS security_events_by_kind ON public.security_events (kind, occurred_at);

CREATE TABLE IF NOT EXISTS public.cron_runs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    processed   integer NOT NULL DEFAULT 0 CHECK (processed >= 0),
    failed      integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    error       text
);
CREATE INDEX IF NOT EXISTS cron_runs_latest ON public.cron_runs (name, started_at DESC);

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.security_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.cron_runs ENABLE ROW LEVEL SECURITY;

-- Also stops the owner of the table, whom privileges do not bind.
CREATE OR REPLACE FUNCTION internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON public.audit_log
    FOR EACH ROW EXECUTE FUNCTION internal.refuse_change();
CREATE OR REPLACE TRIGGER audit_log_not_truncated BEFORE TRUNCATE ON public.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION internal.refuse_change();

-- A moment as it leaves the database: RFC 3339, UTC, whole seconds.
CREATE OR REPLACE FUNCTION internal.utc(p_at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
END;
$$;

CREATE OR REPLACE FUNCTION public.record_security_event(
    p_kind text, p_detail jsonb DEFAULT NULL, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail, request_id)
    VALUES (p_now, p_kind, coalesce(p_detail, '{}'), p_request_id);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_security_event IS
    'Writes one row to security_events. Outcome: recorded. No secrets and no personal data belong into p_detail.';

CREATE OR REPLACE FUNCTION public.begin_cron_run(p_name text, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO public.cron_runs (name, started_at) VALUES (p_name, p_now) RETURNING id INTO v_id;
    RETURN jsonb_build_object('outcome', 'begun', 'runId', v_id);
END;
$$;
COMMENT ON FUNCTION public.begin_cron_run IS 'Writes the start of a cron run; {outcome: begun, runId}.';

CREATE OR REPLACE FUNCTION public.finish_cron_run(
    p_run_id uuid, p_processed integer, p_failed integer, p_error text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    UPDATE public.cron_runs
    SET finished_at = p_now, processed = coalesce(p_processed, 0), failed = coalesce(p_failed, 0), error = p_error
    WHERE id = p_run_id AND finished_at IS NULL;
    RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'recorded' ELSE 'replayed' END);
END;
$$;
COMMENT ON FUNCTION public.finish_cron_run IS
    'Writes the end of a cron run once. Outcomes: recorded; replayed (already finished, or unknown: nothing written).';

CREATE OR REPLACE FUNCTION public.last_cron_run(p_name text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
    SELECT jsonb_build_object('name', name, 'startedAt', internal.utc(started_at),
        'finishedAt', internal.utc(finished_at), 'processed', processed, 'failed', failed)
    FROM public.cron_runs WHERE name = p_name
    ORDER BY started_at DESC, id DESC LIMIT 1;
$$;
COMMENT ON FUNCTION public.last_cron_run IS
    'The latest run of a cron, {name, startedAt, finishedAt or null, processed, failed}; NULL when it never ran. Reads only.';

CREATE OR REPLACE FUNCTION public.health_check() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '2s' AS $$
    SELECT jsonb_build_object('ok', true, 'schemaVersion',
        (SELECT version FROM public.schema_migrations ORDER BY version COLLATE "C" DESC LIMIT 1));
$$;
COMMENT ON FUNCTION public.health_check IS '{ok: true, schemaVersion}: the latest migration in the order of file names. Reads only.';

INSERT INTO public.schema_migrations (version) VALUES ('20250625000000_add_audit_and_security') ON CONFLICT DO NOTHING;
COMMIT;
