-- Reading bookings, and starting and completing them by date.
--
-- Functions of other files:
--   capture_rules.sql  capture_rule, capture_scheduled_at
--   formats.sql        money, utc
--   listing.sql        local_day
--   payments.sql       latest_payment
--   pricing.sql        price_json

-- Locks the car, then the booking. A caller that also needs the payment locks it afterwards.
-- Returns a row of NULLs for an unknown booking.
CREATE OR REPLACE FUNCTION internal.lock_booking(p_booking_id uuid) RETURNS public.bookings
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_booking public.bookings;
BEGIN
    PERFORM FROM public.cars WHERE id = (SELECT car_id FROM public.bookings WHERE id = p_booking_id) FOR NO KEY UPDATE;
    SELECT * INTO v_booking FROM public.bookings WHERE id = p_booking_id FOR UPDATE;
    RETURN v_booking;
END;
$$;

-- The latest payment of a booking as get_booking returns it, or NULL.
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

-- The facts from which the product computes the payment plan: when money is authorized,
-- reauthorized and captured.
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

-- A booking as get_booking returns it.
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
    'One booking as {bookingId, reference, status, carId, carSlug, carName, startDate, endDate, '
    'rentalDays, holdExpiresAt, price, customer, payment, planFacts, createdAt, cancelledAt}, or '
    'NULL. A hold that has expired by p_now reads as expired. Reads only, takes no lock.';

CREATE OR REPLACE FUNCTION public.advance_bookings(p_limit integer DEFAULT 500, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_count integer;
BEGIN
    WITH due AS (
        SELECT b.id, CASE WHEN b.end_date <= internal.local_day(c, p_now) THEN 'completed' ELSE 'active' END AS status
        FROM public.bookings AS b JOIN public.cars AS c ON c.id = b.car_id
        WHERE (b.status = 'upcoming' AND b.start_date <= internal.local_day(c, p_now))
           OR (b.status = 'active' AND b.end_date <= internal.local_day(c, p_now))
        ORDER BY b.start_date, b.id LIMIT p_limit FOR UPDATE OF b SKIP LOCKED
    ), advanced AS (
        UPDATE public.bookings AS b SET status = due.status, updated_at = p_now FROM due WHERE b.id = due.id RETURNING b.id
    )
    SELECT count(*) INTO v_count FROM advanced;
    RETURN jsonb_build_object('outcome', 'advanced', 'count', v_count);
END;
$$;
COMMENT ON FUNCTION public.advance_bookings IS
    'Starts and completes bookings. A booking becomes active on its first day and completed on '
    'its last day, in the car''s time zone. Returns {outcome: advanced, count}. Skips locked '
    'bookings.';
