-- The schedule of captures.
--
-- The active rule with the highest priority whose moment is known decides:
--   on_contract          signature of the contract (bookings.contract_signed_at)
--   hours_before_rental  hours before the pick-up (start_date, the car's pickup_time and zone)
--   on_approval          approval by an operator (bookings.approved_at)
-- A capture is never scheduled later than 48 hours before the authorization expires, which leaves a
-- day to reauthorize first, and never before the booking was confirmed. The moment of
-- hours_before_rental is always known, so rules below an active one of that kind never apply.
--
-- The runbook's rollback may drop the schedule's columns and triggers. Every function works without
-- them. Only the trigger function, note_capture_attempt and triggers.sql write these columns.

-- The only reader of the schedule. Read through jsonb, a column that the runbook's rollback dropped
-- is NULL.
CREATE OR REPLACE FUNCTION internal.capture_scheduled_at(p_booking public.bookings) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (to_jsonb(p_booking) ->> 'payment_capture_scheduled_at')::timestamptz;
END;
$$;

-- The moment that a rule sets for a booking. NULL while it is unknown.
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

-- The deciding rule of a booking and its moment. All NULL when no active rule knows its moment.
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

-- The deciding rule and the moment of capture of a confirmed booking. Both NULL when no active rule
-- knows its moment.
CREATE OR REPLACE FUNCTION internal.capture_plan(p_booking public.bookings, OUT rule_id uuid, OUT capture_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    -- least ignores the NULL of a booking without an authorization.
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
    'Trigger of bookings: sets payment_capture_scheduled_at and payment_capture_rule_id by the '
    'deciding rule.';

-- Records the time of a capture attempt. The SQL is dynamic, so that it works without the column.
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
