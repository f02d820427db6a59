-- Working the inbox of webhooks off: one event is applied by one worker, once, and what cannot be applied is tried again
-- after 1, 5, 15, 60 and 60 minutes, then kept for an operator.

BEGIN;
SET LOCAL client_min_messages = warning;

ALTER TABLE public.webhook_events ADD COLUMN IF NOT EXISTS result text;
COMMENT ON COLUMN public.webhook_events.result IS 'What applying it came to: applied, nothing_new, reported (for an operator), ignored (a type that changes nothing here).';
CREATE INDEX IF NOT EXISTS webhook_events_dead ON public.webhook_events (received_at) WHERE status = 'dead_letter';

INSERT INTO public.schema_migrations (version) VALUES ('20250711000000_add_webhook_inbox') ON CONFLICT DO NOTHING;
COMMIT;
