-- What a car's calendar says, and how a booking is told. Availability and booking ask the same functions, so that
-- what is shown as bookable is what can be booked.

BEGIN;
SET LOCAL client_min_messages = warning;

-- A car by UUID or slug, whatever its status. No row: all fields null.
CREATE OR REPLACE FUNCTION internal.any_car(p_car text) RETURNS public.cars
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_car public.cars;
BEGIN
    IF p_car ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        SELECT * INTO v_car FROM public.cars WHERE id = p_car::uuid;
    ELSE
        SELECT * INTO v_car FROM public.cars WHERE slug = p_car;
    END IF;
    RETURN v_car;
END;
$$;

-- A car that the public may see and rent. Hidden and withdrawn ones are as unknown as those that never were.
CREATE OR REPLACE FUNCTION internal.listed_car(p_car text) RETURNS public.cars
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_car public.cars := internal.any_car(p_car);
BEGIN
    IF v_car.status IS DISTINCT FROM 'listed' THEN
        RETURN NULL;
    END IF;
    RETURN v_car;
END;
$$;

-- The day it is where the car stands.
CREATE OR REPLACE FUNCTION internal.local_day(p_car public.cars, p_now timestamptz) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (p_now AT TIME ZONE p_car.time_zone)::date;
END;
$$;

CREATE OR REPLACE FUNCTION internal.is_live(p_status text, p_hold_expires_at timestamptz, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_status IN ('upcoming', 'active') OR (p_status = 'pending_payment' AND p_hold_expires_at > p_now);
END;
$$;

-- The bookings that stand in the way of a car within a range of days; a lapsed hold does not.
CREATE OR REPLACE FUNCTION internal.live_bookings(p_car_id uuid, p_days daterange, p_now timestamptz)
RETURNS TABLE (status text, end_date date, blocked daterange)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
    SELECT b.status, b.end_date, b.blocked
    FROM public.bookings AS b
    WHERE b.car_id = p_car_id AND b.blocked && p_days
      AND b.status IN ('pending_payment', 'upcoming', 'active')
      AND internal.is_live(b.status, b.hold_expires_at, p_now);
END;
$$;

-- The days that a rental of this car would block: its own, and the turnaround after it.
CREATE OR REPLACE FUNCTION internal.days_blocked_by(p_car public.cars, p_start_date date, p_end_date date) RETURNS daterange
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN daterange(p_start_date, p_end_date + p_car.turnaround_days);
END;
$$;

-- Which of those days are taken. Days from p_end_date on mean: the turnaround would reach into the next booking.
CREATE OR REPLACE FUNCTION internal.unavailable_dates(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS date[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(DISTINCT taken.day ORDER BY taken.day), '{}')
        FROM internal.live_bookings(p_car.id, internal.days_blocked_by(p_car, p_start_date, p_end_date), p_now) AS b
        CROSS JOIN LATERAL (SELECT b.blocked * internal.days_blocked_by(p_car, p_start_date, p_end_date) AS days) AS overlap
        CROSS JOIN LATERAL (
            SELECT lower(overlap.days) + n AS day
            FROM generate_series(0, upper(overlap.days) - lower(overlap.days) - 1) AS n
        ) AS taken);
END;
$$;

-- Why these dates cannot be rented at all, whoever else wants them: the first reason is the one to tell.
CREATE OR REPLACE FUNCTION internal.rental_refusals(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN array_remove(ARRAY [
        CASE WHEN p_start_date < internal.local_day(p_car, p_now) THEN 'in_the_past' END,
        CASE WHEN p_start_date - internal.local_day(p_car, p_now) > 365 THEN 'too_far_ahead' END,
        CASE WHEN p_end_date - p_start_date < p_car.min_rental_days THEN 'too_short' END,
        CASE WHEN p_end_date - p_start_date > p_car.max_rental_days THEN 'too_long' END,
        CASE WHEN NOT EXISTS (SELECT FROM public.car_pricing WHERE car_id = p_car.id) THEN 'not_priced' END
    ], NULL);
END;
$$;

-- The only reader of the capture schedule. Through jsonb it reads "not scheduled" where an operator has dropped the
-- column, as the runbook's rollback does.
CREATE OR REPLACE FUNCTION internal.capture_scheduled_at(p_booking public.bookings) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (to_jsonb(p_booking) ->> 'payment_capture_scheduled_at')::timestamptz;
END;
$$;

-- The payment that stands for a booking: the newest that is not to be given back, else the newest.
CREATE OR REPLACE FUNCTION internal.latest_payment(p_booking_id uuid) RETURNS public.payments
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT p FROM public.payments AS p WHERE p.booking_id = p_booking_id
        ORDER BY (p.void_reason IS NULL) DESC, p.created_at DESC, p.id LIMIT 1);
END;
$$;

CREATE OR REPLACE FUNCTION internal.payment_json(p_booking public.bookings) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'paymentId', p.id, 'status', p.status, 'orderId', p.order_id,
            'amount', internal.money(p.amount), 'currency', p.currency,
            'authorizationId', p.authorization_id, 'authorizationExpiresAt', internal.utc(p.authorization_expires_at),
            'captureId', p.capture_id, 'refundedAmount', internal.money(p.refunded_amount), 'captureScheduledAt', internal.utc(internal.capture_scheduled_at(p_booking)))
        FROM internal.latest_payment(p_booking.id) AS p WHERE p.id IS NOT NULL);
END;
$$;

-- What the planner of the product needs to say when money is held, renewed and taken.
CREATE OR REPLACE FUNCTION internal.plan_facts_json(p_booking public.bookings) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'rule', rule.name, 'moment', internal.utc(rule.moment), 'confirmedAt', internal.utc(p_booking.confirmed_at),
            'authorizedAt', internal.utc(p.authorized_at), 'renewedAt', internal.utc(p.reauthorized_at),
            'lapsesAt', internal.utc(p.authorization_expires_at), 'capturedAt', internal.utc(p.captured_at))
        FROM internal.capture_rule(p_booking) AS rule, internal.latest_payment(p_booking.id) AS p);
END;
$$;

CREATE OR REPLACE FUNCTION internal.booking_json(p_booking public.bookings, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'bookingId', p_booking.id, 'reference', p_booking.reference,
            'status', CASE WHEN p_booking.status = 'pending_payment' AND p_booking.hold_expires_at <= p_now
                           THEN 'expired' ELSE p_booking.status END,
            'carId', c.id, 'carSlug', c.slug, 'carName', c.name,
            'startDate', p_booking.start_date, 'endDate', p_booking.end_date,
            'rentalDays', p_booking.end_date - p_booking.start_date,
            'holdExpiresAt', CASE WHEN p_booking.status = 'pending_payment' AND p_booking.hold_expires_at > p_now
                                  THEN internal.utc(p_booking.hold_expires_at) END,
            'price', internal.price_json(
                p_booking.currency, p_booking.end_date - p_booking.start_date, p_booking.base_price_per_day,
                p_booking.price_lines, p_booking.rental_amount, p_booking.fees, p_booking.discount_amount,
                p_booking.taxes, p_booking.deposit_amount, p_booking.final_price),
            'customer', p_booking.contact, 'payment', internal.payment_json(p_booking),
            'planFacts', internal.plan_facts_json(p_booking),
            'createdAt', internal.utc(p_booking.created_at), 'cancelledAt', internal.utc(p_booking.cancelled_at))
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.get_booking(p_booking_id uuid, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
    SELECT internal.booking_json(b, p_now) FROM public.bookings AS b WHERE b.id = p_booking_id;
$$;
COMMENT ON FUNCTION public.get_booking IS
    'One booking as {bookingId, reference, status, carId, carSlug, carName, startDate, endDate, rentalDays, holdExpiresAt, price, '
    'customer, payment, planFacts, createdAt, cancelledAt}, or NULL. A hold that has lapsed by p_now reads as expired. Reads only, takes no lock.';

INSERT INTO public.schema_migrations (version) VALUES ('20250628000000_add_booking_reads') ON CONFLICT DO NOTHING;
COMMIT;
