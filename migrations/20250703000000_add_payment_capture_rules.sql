-- When an authorized payment is captured.
--
-- The active rule with the highest priority whose moment is known decides:
--   on_contract          the moment the contract was signed (bookings.contract_signed_at)
--   hours_before_rental  so many hours before pickup: start_date at the car's pickup_time, in the car's time zone
--   on_approval          the moment an operator approved the booking (bookings.approved_at)
-- Never later than 48 hours before the authorization lapses, which leaves a day to renew it first, never before the booking was confirmed.
-- hours_before_rental is always known, so a rule below an active one of that kind waits until it is switched off.
--
-- The columns and triggers may be dropped (the runbook's rollback) and come back by applying this file again; every
-- function works without them. Hence the schedule is written here only: by the triggers and by note_capture_attempt.

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
