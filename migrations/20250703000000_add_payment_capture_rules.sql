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

-- The moment a rule names for a booking; NULL while it is unknown.
CREATE OR REPLACE FUNCTION internal.capture_moment(
    p_rule public.payment_capture_rules, p_booking public.bookings
) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE p_rule.kind
        WHEN 'on_contract' THEN p_booking.contract_signed_at
        WHEN 'on_approval' THEN p_booking.approved_at
        WHEN 'hours_before_rental' THEN (
            SELECT (p_booking.start_date + c.pickup_time) AT TIME ZONE c.time_zone - make_interval(hours => p_rule.hours_before)
            FROM public.cars AS c WHERE c.id = p_booking.car_id)
    END;
END;
$$;

-- The rule that decides for a booking and the moment it names; all NULL when no active rule knows its moment.
CREATE OR REPLACE FUNCTION internal.capture_rule(
    p_booking public.bookings, OUT rule_id uuid, OUT name text, OUT kind text, OUT moment timestamptz
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    SELECT known.id, known.name, known.kind, known.moment INTO rule_id, name, kind, moment
    FROM (
        SELECT r.id, r.name, r.kind, r.priority, internal.capture_moment(r, p_booking) AS moment
        FROM public.payment_capture_rules AS r WHERE r.active
    ) AS known
    WHERE known.moment IS NOT NULL
    ORDER BY known.priority DESC, known.id LIMIT 1;
END;
$$;

-- The deciding rule and the moment of capture for a confirmed booking; both NULL when no active rule knows its moment.
CREATE OR REPLACE FUNCTION internal.capture_plan(p_booking public.bookings, OUT rule_id uuid, OUT capture_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    SELECT rule.rule_id, greatest(p_booking.confirmed_at, least(rule.moment, (
        SELECT p.authorization_expires_at - interval '48 hours' FROM public.payments AS p
        WHERE p.booking_id = p_booking.id AND p.status IN ('authorized', 'capturing') AND p.void_reason IS NULL)))
    INTO rule_id, capture_at
    FROM internal.capture_rule(p_booking) AS rule WHERE rule.rule_id IS NOT NULL;
END;
$$;

CREATE OR REPLACE FUNCTION internal.schedule_payment_capture() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_plan record;
BEGIN
    SELECT * INTO v_plan FROM internal.capture_plan(NEW);
    NEW.payment_capture_scheduled_at := v_plan.capture_at;
    NEW.payment_capture_rule_id := v_plan.rule_id;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION internal.schedule_payment_capture IS
    'Trigger: sets payment_capture_scheduled_at and payment_capture_rule_id of the row by the deciding rule.';

-- A booking that is confirmed from the start; a hold has no schedule until it is paid.
CREATE OR REPLACE TRIGGER booking_creation_payment_capture BEFORE INSERT ON public.bookings
    FOR EACH ROW WHEN (NEW.status IN ('upcoming', 'active'))
    EXECUTE FUNCTION internal.schedule_payment_capture();

-- A hold that is paid, and a contract or approval that makes another rule's moment known.
CREATE OR REPLACE TRIGGER booking_confirmation_payment_capture BEFORE UPDATE ON public.bookings
    FOR EACH ROW WHEN (
        NEW.status IN ('upcoming', 'active', 'completed') AND (
            OLD.status IN ('pending_payment', 'expired')
            OR OLD.contract_signed_at IS DISTINCT FROM NEW.contract_signed_at
            OR OLD.approved_at IS DISTINCT FROM NEW.approved_at))
    EXECUTE FUNCTION internal.schedule_payment_capture();

-- The only other writer of these columns. Dynamic, because it must also work where the column was dropped.
CREATE OR REPLACE FUNCTION internal.note_capture_attempt(p_booking_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute
               WHERE attrelid = 'public.bookings'::pg_catalog.regclass
                 AND attname = 'payment_capture_attempted_at' AND NOT attisdropped) THEN
        EXECUTE 'UPDATE public.bookings SET payment_capture_attempted_at = $1, updated_at = $1 WHERE id = $2'
            USING p_now, p_booking_id;
    END IF;
END;
$$;

-- What was paid while the columns were away gets its schedule back.
UPDATE public.bookings AS b
SET payment_capture_scheduled_at = plan.capture_at, payment_capture_rule_id = plan.rule_id
FROM (
    SELECT paid.id, p.capture_at, p.rule_id
    FROM public.bookings AS paid CROSS JOIN LATERAL internal.capture_plan(paid) AS p
    WHERE paid.status IN ('upcoming', 'active', 'completed') AND paid.payment_capture_scheduled_at IS NULL
      AND EXISTS (SELECT FROM public.payments AS owed
                  WHERE owed.booking_id = paid.id AND owed.status IN ('authorized', 'capturing') AND owed.void_reason IS NULL)
) AS plan
WHERE b.id = plan.id AND plan.capture_at IS NOT NULL;

INSERT INTO public.schema_migrations (version) VALUES ('20250703000000_add_payment_capture_rules') ON CONFLICT DO NOTHING;
COMMIT;
