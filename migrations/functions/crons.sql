-- Runs of the crons, and the health check.
--
-- Uses internal.utc of formats.sql.

CREATE OR REPLACE FUNCTION public.begin_cron_run(p_name text, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO public.cron_runs (name, started_at) VALUES (p_name, p_now) RETURNING id INTO v_id;
    RETURN jsonb_build_object('outcome', 'begun', 'runId', v_id);
END;
$$;
COMMENT ON FUNCTION public.begin_cron_run IS
    'Writes the start of a cron run. Returns {outcome: begun, runId}.';

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
    'Writes the end of a cron run, once. Outcomes: recorded, replayed (finished before, or '
    'unknown: nothing written).';

CREATE OR REPLACE FUNCTION public.last_cron_run(p_name text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
    SELECT jsonb_build_object('name', name, 'startedAt', internal.utc(started_at),
        'finishedAt', internal.utc(finished_at), 'processed', processed, 'failed', failed)
    FROM public.cron_runs WHERE name = p_name
    ORDER BY started_at DESC, id DESC LIMIT 1;
$$;
COMMENT ON FUNCTION public.last_cron_run IS
    'The latest run of a cron: {name, startedAt, finishedAt or null, processed, failed}. NULL '
    'when it never ran. Reads only.';

CREATE OR REPLACE FUNCTION public.health_check() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '2s' AS $$
    SELECT jsonb_build_object('ok', true, 'schemaVersion',
        (SELECT version FROM public.schema_migrations ORDER BY version COLLATE "C" DESC LIMIT 1));
$$;
COMMENT ON FUNCTION public.health_check IS
    '{ok: true, schemaVersion}: the latest dated file in the order of names. Reads only.';
