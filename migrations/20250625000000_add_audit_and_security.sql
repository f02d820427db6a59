-- Evidence for later: money and operator actions (audit_log), refused manipulation
-- (security_events) and the runs of the crons (cron_runs).

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
COMMENT ON TABLE public.audit_log IS
    'Append-only: every change of a payment''s state and every operator action.';

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

INSERT INTO public.schema_migrations (version) VALUES ('20250625000000_add_audit_and_security') ON CONFLICT DO NOTHING;
COMMIT;
