-- Retention: logs lose their rows after a time. Each deletion leaves a mark that says since when a
-- table is complete. Operators' lists get the indexes that they are read by.
--
-- The triggers of functions/triggers.sql keep each row of the three logs for 90 days, whoever
-- deletes. The privilege alone is therefore no danger to them.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.retention_marks (
    table_name text PRIMARY KEY,
    kept_since timestamptz NOT NULL
);
ALTER TABLE public.retention_marks ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE public.retention_marks IS
    'One row for each table that has lost rows to retention. All rows since kept_since are there.';
GRANT SELECT, INSERT, UPDATE ON public.retention_marks TO service_role;

GRANT DELETE ON public.audit_log, public.security_events, public.booking_events TO service_role;

-- Retention deletes the oldest first. audit_log_by_time is there already.
CREATE INDEX IF NOT EXISTS security_events_by_time ON public.security_events (occurred_at);
CREATE INDEX IF NOT EXISTS booking_events_by_time ON public.booking_events (occurred_at);
CREATE INDEX IF NOT EXISTS webhook_events_processed ON public.webhook_events (received_at) WHERE status = 'processed';
CREATE INDEX IF NOT EXISTS cron_runs_by_time ON public.cron_runs (started_at);

-- A request of an operator has one row of each kind, however often it is recorded.
CREATE UNIQUE INDEX IF NOT EXISTS audit_log_request_once ON public.audit_log (request_id, action)
    WHERE action IN ('operator.read', 'operator.change', 'operator.outcome');
CREATE INDEX IF NOT EXISTS audit_log_by_request ON public.audit_log (request_id, id) WHERE request_id IS NOT NULL;
-- Without a filter, the audit log is read by its primary key.
CREATE INDEX IF NOT EXISTS audit_log_by_action ON public.audit_log (action, id);
CREATE INDEX IF NOT EXISTS audit_log_by_actor ON public.audit_log (actor, id);

-- The list of bookings, by each of its filters.
CREATE INDEX IF NOT EXISTS bookings_newest ON public.bookings (created_at DESC, id);
CREATE INDEX IF NOT EXISTS bookings_by_status ON public.bookings (status, created_at DESC, id);
CREATE INDEX IF NOT EXISTS bookings_by_days ON public.bookings (start_date, end_date);
CREATE INDEX IF NOT EXISTS payments_by_status ON public.payments (status, booking_id);
-- The texts that operators search, a line each.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA extensions;
CREATE INDEX IF NOT EXISTS bookings_by_text ON public.bookings USING gin ((
    reference || E'\n' || coalesce(contact ->> 'email', '') || E'\n' || coalesce(contact ->> 'fullName', '')
    || E'\n' || coalesce(shop_reference, '')) extensions.gin_trgm_ops);
-- bookings_newest serves the reads of this one.
DROP INDEX IF EXISTS public.bookings_recent;

INSERT INTO public.schema_migrations (version) VALUES ('20250721000000_add_retention') ON CONFLICT DO NOTHING;
COMMIT;
