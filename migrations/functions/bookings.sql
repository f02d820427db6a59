-- Reading bookings, and starting and completing them by date.
--
-- Functions of other files:
--   cancellations.sql  cancellation_json
--   capture_rules.sql  capture_rule, capture_scheduled_at
--   formats.sql        money, utc
--   listing.sql        local_day
--   payment_sums.sql   is_replaced
--   payments.sql       latest_payment
--   pricing.sql        price_json
--   voids.sql          holds_money

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

-- When the cron captures a payment next, as far as it is known. NULL: it does not. The cron's own
-- rules are in lock_due_captures.
CREATE OR REPLACE FUNCTION internal.next_capture_at(
    p_booking public.bookings, p_payment public.payments, p_now timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_confirmed boolean := p_booking.status IN ('upcoming', 'active', 'completed');
    v_due       timestamptz;
BEGIN
    IF p_payment.void_reason IS NOT NULL OR NOT internal.holds_money(p_payment, p_now) THEN
        RETURN NULL;
    END IF;
    IF p_payment.status = 'failed' THEN
        RETURN CASE WHEN v_confirmed AND NOT internal.is_replaced(p_payment) THEN p_payment.next_attempt_at END;
    END IF;
    IF p_payment.status NOT IN ('authorized', 'capturing') THEN
        RETURN NULL;
    END IF;
    v_due := CASE
        -- A capture that was ordered before its schedule and did not succeed is retried.
        WHEN p_payment.status = 'authorized' AND EXISTS (
            SELECT FROM public.payment_operations AS o
            WHERE o.payment_id = p_payment.id AND o.operation = 'capture' AND o.status = 'open') THEN p_payment.updated_at
        WHEN v_confirmed THEN internal.capture_scheduled_at(p_booking)
        -- The part that a cancellation keeps is due at once.
        WHEN p_booking.status = 'cancelled' AND p_payment.capture_amount IS NOT NULL THEN p_booking.cancelled_at
    END;
    RETURN CASE WHEN v_due IS NOT NULL THEN greatest(v_due, p_payment.next_attempt_at) END;
END;
$$;

-- Since when PayPal has not decided about an authorization, a capture or a refund of a booking.
-- NULL: PayPal has decided about all of them.
CREATE OR REPLACE FUNCTION internal.waits_for_paypal_since(p_booking_id uuid) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT min(waiting.since) FROM public.payments AS p CROSS JOIN LATERAL (
            SELECT p.pending_since WHERE p.status IN ('authorization_pending', 'capture_pending')
            UNION ALL
            SELECT r.pending_since FROM public.refunds AS r WHERE r.payment_id = p.id AND r.status = 'pending'
        ) AS waiting (since)
        WHERE p.booking_id = p_booking_id);
END;
$$;

-- Earlier versions without p_now.
DROP FUNCTION IF EXISTS internal.payment_json(public.bookings);
DROP FUNCTION IF EXISTS internal.plan_facts_json(public.bookings);

-- The latest payment of a booking as get_booking returns it, or NULL.
CREATE OR REPLACE FUNCTION internal.payment_json(p_booking public.bookings, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'paymentId', p.id, 'status', p.status, 'orderId', p.order_id,
            'amount', internal.money(p.amount), 'currency', p.currency,
            'authorizationId', p.authorization_id, 'authorizationExpiresAt', internal.utc(p.authorization_expires_at),
            'captureId', p.capture_id, 'capturedAt', internal.utc(p.captured_at), 'captureScheduledAt', internal.utc(due.at),
            'captureAmount', CASE WHEN due.at IS NOT NULL THEN internal.money(coalesce(p.capture_amount, p.amount)) END,
            'waitsForPayPalSince', internal.utc(internal.waits_for_paypal_since(p_booking.id)), 'failureCode', p.failure_code)
        FROM internal.latest_payment(p_booking.id) AS p
        CROSS JOIN LATERAL (SELECT internal.next_capture_at(p_booking, p, p_now) AS at) AS due
        WHERE p.id IS NOT NULL);
END;
$$;

-- The facts from which the product computes the amounts of a booking: each payment that PayPal
-- authorized or captured, with its captures and refunds.
CREATE OR REPLACE FUNCTION internal.amount_facts_json(p_booking_id uuid, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'amount', internal.money(coalesce(p.authorized_amount, p.amount)),
            'isAuthorized', known.is_authorized,
            'isHeld', known.is_authorized AND internal.holds_money(p, p_now),
            'captures', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('amount', internal.money(c.amount), 'status', c.status)), '[]')
                FROM public.payment_captures AS c WHERE c.payment_id = p.id),
            'refunds', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('amount', internal.money(r.amount), 'status', r.status)), '[]')
                FROM public.refunds AS r WHERE r.payment_id = p.id))), '[]')
        FROM public.payments AS p CROSS JOIN LATERAL (
            -- An authorization that PayPal reviews or denied is none.
            SELECT p.authorization_id IS NOT NULL AND p.status <> 'authorization_pending'
                AND p.failure_code IS DISTINCT FROM 'authorization_denied'
        ) AS known (is_authorized)
        WHERE p.booking_id = p_booking_id AND (p.authorization_id IS NOT NULL OR p.capture_id IS NOT NULL));
END;
$$;

-- The cancellation of a booking as get_booking returns it, or NULL. Its refund is the one that
-- cancel_booking reports.
CREATE OR REPLACE FUNCTION internal.cancellation_summary_json(p_booking public.bookings, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_settled jsonb;
BEGIN
    IF p_booking.status <> 'cancelled' THEN
        RETURN NULL;
    END IF;
    v_settled := internal.cancellation_json('cancelled', p_booking, p_now);
    RETURN jsonb_build_object(
        'cancelledAt', internal.utc(p_booking.cancelled_at), 'reason', p_booking.cancellation_reason,
        'percent', v_settled -> 'percent',
        'refund', jsonb_build_object('amount', v_settled -> 'amount', 'currency', v_settled -> 'currency',
                                     'status', v_settled -> 'refundStatus', 'failureCode', v_settled -> 'failureCode'));
END;
$$;

-- The facts from which the product computes the payment plan: when money is authorized,
-- reauthorized and captured, and until when it can be refunded.
CREATE OR REPLACE FUNCTION internal.plan_facts_json(p_booking public.bookings, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'rule', rule.name, 'moment', internal.utc(rule.moment), 'confirmedAt', internal.utc(p_booking.confirmed_at),
            'authorizedAt', internal.utc(p.authorized_at), 'renewedAt', internal.utc(p.reauthorized_at),
            'lapsesAt', internal.utc(p.authorization_expires_at), 'capturedAt', internal.utc(p.captured_at),
            'pickUpAt', internal.utc((p_booking.start_date + c.pickup_time) AT TIME ZONE c.time_zone),
            -- A confirmed booking that is paid again is paid now at the earliest.
            'assumedAt', internal.utc(CASE WHEN p_booking.confirmed_at IS NOT NULL AND p.authorized_at IS NULL THEN p_now END))
        FROM internal.capture_rule(p_booking) AS rule, internal.latest_payment(p_booking.id) AS p, public.cars AS c
        WHERE c.id = p_booking.car_id);
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
            'customer', p_booking.contact, 'payment', internal.payment_json(p_booking, p_now),
            'amountFacts', internal.amount_facts_json(p_booking.id, p_now),
            'planFacts', internal.plan_facts_json(p_booking, p_now),
            'createdAt', internal.utc(p_booking.created_at), 'cancelledAt', internal.utc(p_booking.cancelled_at),
            'cancellation', internal.cancellation_summary_json(p_booking, p_now))
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.get_booking(p_booking_id uuid, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
    SELECT internal.booking_json(b, p_now) FROM public.bookings AS b WHERE b.id = p_booking_id;
$$;
COMMENT ON FUNCTION public.get_booking IS
    'One booking as {bookingId, reference, status, carId, carSlug, carName, startDate, endDate, '
    'rentalDays, holdExpiresAt, price, customer, payment, amountFacts, planFacts, createdAt, '
    'cancelledAt, cancellation}, or NULL. A hold that has expired by p_now reads as expired. The '
    'product computes the amounts of payment from amountFacts. Reads only, takes no lock.';

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
