-- The inbox of webhooks. An event is stored once by its id before it is acknowledged, and applied
-- from here.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.webhook_events (
    event_id      text PRIMARY KEY CHECK (length(event_id) BETWEEN 1 AND 255),
    provider      text NOT NULL DEFAULT 'paypal',
    event_type    text NOT NULL,
    resource_id   text,
    -- The verified bytes. Other parsers could read something else in them.
    raw_body      bytea NOT NULL,
    status        text NOT NULL DEFAULT 'received' CHECK (status IN ('received', 'processed', 'dead_letter')),
    request_id    text,
    received_at   timestamptz NOT NULL DEFAULT now(),
    processed_at  timestamptz,
    CONSTRAINT webhook_events_processed_at CHECK ((status = 'processed') = (processed_at IS NOT NULL))
);

CREATE TABLE IF NOT EXISTS public.webhook_retries (
    event_id         text PRIMARY KEY REFERENCES public.webhook_events ON DELETE CASCADE,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 6),
    next_attempt_at  timestamptz NOT NULL,
    lease_id         uuid,
    lease_expires_at timestamptz,
    last_error       text,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_retries_lease_whole CHECK ((lease_id IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX IF NOT EXISTS webhook_retries_due ON public.webhook_retries (next_attempt_at);
COMMENT ON TABLE public.webhook_retries IS
    'Events that are not applied yet: attempts so far, time of the next, and the claim of a worker.';

ALTER TABLE public.webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.webhook_retries ENABLE ROW LEVEL SECURITY;

INSERT INTO public.schema_migrations (version) VALUES ('20250623_add_webhook_retries') ON CONFLICT DO NOTHING;
COMMIT;
