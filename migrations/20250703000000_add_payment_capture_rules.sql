-- The rules of automatic captures, and a booking's schedule. functions/capture_rules.sql says how a
-- rule decides.
--
-- The runbook's rollback may drop the three columns. functions/triggers.sql adds them again.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.payment_capture_rules (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
    kind         text NOT NULL CHECK (kind IN ('on_contract', 'hours_before_rental', 'on_approval')),
    hours_before integer CHECK (hours_before BETWEEN 0 AND 720),
    priority     integer NOT NULL,
    active       boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payment_capture_rules_hours CHECK ((kind = 'hours_before_rental') = (hours_before IS NOT NULL))
);
ALTER TABLE public.payment_capture_rules ENABLE ROW LEVEL SECURITY;

INSERT INTO public.payment_capture_rules (name, kind, hours_before, priority)
SELECT seed.name, seed.kind, seed.hours_before, seed.priority
FROM (VALUES
    ('On contract', 'on_contract', NULL::integer, 30),
    ('24 hours before rental', 'hours_before_rental', 24, 20),
    ('On approval', 'on_approval', NULL::integer, 10)
) AS seed (name, kind, hours_before, priority)
WHERE NOT EXISTS (SELECT FROM public.payment_capture_rules);

ALTER TABLE public.bookings
    ADD COLUMN IF NOT EXISTS payment_capture_scheduled_at timestamptz,
    ADD COLUMN IF NOT EXISTS payment_capture_attempted_at timestamptz,
    ADD COLUMN IF NOT EXISTS payment_capture_rule_id uuid REFERENCES public.payment_capture_rules ON DELETE SET NULL;

INSERT INTO public.schema_migrations (version) VALUES ('20250703000000_add_payment_capture_rules') ON CONFLICT DO NOTHING;
COMMIT;
