-- The result of each event, and the dead letters among them. functions/webhooks.sql applies events.

BEGIN;
SET LOCAL client_min_messages = warning;

ALTER TABLE public.webhook_events ADD COLUMN IF NOT EXISTS result text;
COMMENT ON COLUMN public.webhook_events.result IS
    'applied, nothing_new, reported (for an operator), ignored (a type without effect here), or the '
    'error of a dead letter.';
CREATE INDEX IF NOT EXISTS webhook_events_dead ON public.webhook_events (received_at) WHERE status = 'dead_letter';

INSERT INTO public.schema_migrations (version) VALUES ('20250711000000_add_webhook_inbox') ON CONFLICT DO NOTHING;
COMMIT;
