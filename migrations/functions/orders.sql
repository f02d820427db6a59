-- From a hold to a PayPal order.
--
-- Functions of other files:
--   availability.sql  is_live
--   bookings.sql      lock_booking
--   formats.sql       money
--   holds.sql         expire_colliding_holds, hold_until
--   listing.sql       any_car
--   payments.sql      close_operation, known_operation, open_operation,
--                     payment_refusal, standing_payment
--   pricing.sql       record_price_mismatch

-- Extends a hold to 15 minutes from now, but not beyond p_latest. Revives an expired hold while its
-- days are free. Returns NULL, or the reason why the days cannot be held. The caller holds the
-- locks.
CREATE OR REPLACE FUNCTION internal.keep_hold(p_booking public.bookings, p_latest timestamptz, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_until timestamptz := internal.hold_until(p_now);
BEGIN
    IF internal.is_live(p_booking.status, p_booking.hold_expires_at, p_now) THEN
        v_until := greatest(p_booking.hold_expires_at, least(v_until, p_latest));
    ELSIF p_booking.status = 'expired' THEN
        PERFORM internal.expire_colliding_holds(p_booking.car_id, p_booking.blocked, p_booking.shop_reference, p_now);
    END IF;
    UPDATE public.bookings SET status = 'pending_payment', hold_expires_at = v_until, updated_at = p_now
    WHERE id = p_booking.id;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        RETURN 'dates_unavailable';
    WHEN unique_violation THEN
        -- Another live booking has taken the shop reference.
        RETURN 'booking_not_payable';
END;
$$;

-- The response of open_payment.
CREATE OR REPLACE FUNCTION internal.open_payment_json(
    p_outcome text, p_booking public.bookings, p_payment public.payments, p_request_id text, p_with_order boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'paymentId', p_payment.id, 'bookingId', p_booking.id, 'reference', p_booking.reference,
            'carName', c.name, 'carId', c.id, 'carSlug', c.slug, 'amount', internal.money(p_payment.amount), 'currency', p_payment.currency,
            'requestId', p_request_id,
            'orderId', CASE WHEN p_with_order THEN p_payment.order_id END,
            'approveUrl', CASE WHEN p_with_order THEN p_payment.approve_url END)
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- Ends an order request without a known outcome after 5 hours. Until then it is retried under its
-- id, which PayPal remembers for 6 hours.
CREATE OR REPLACE FUNCTION internal.forget_stale_order_request(p_payment_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations
    SET status = 'failed', in_doubt = false, error_code = 'abandoned', finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'order' AND status = 'open'
      AND started_at <= p_now - interval '5 hours';
END;
$$;

CREATE OR REPLACE FUNCTION public.open_payment(
    p_booking_id uuid, p_car text, p_start_date date, p_end_date date, p_client_price numeric DEFAULT NULL,
    p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking    public.bookings := internal.lock_booking(p_booking_id);
    v_payment    public.payments;
    v_refusal    text;
    v_request_id text;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    IF (internal.any_car(p_car)).id IS DISTINCT FROM v_booking.car_id
       OR p_start_date IS DISTINCT FROM v_booking.start_date OR p_end_date IS DISTINCT FROM v_booking.end_date THEN
        RETURN jsonb_build_object('outcome', 'booking_mismatch');
    END IF;
    IF p_client_price <> v_booking.final_price THEN
        PERFORM internal.record_price_mismatch(v_booking.car_id, p_start_date, p_end_date, p_client_price,
            v_booking.final_price, p_request_id, p_now);
        RETURN jsonb_build_object('outcome', 'price_mismatch',
            'serverPrice', internal.money(v_booking.final_price), 'currency', v_booking.currency);
    END IF;
    v_refusal := coalesce(
        internal.payment_refusal(v_booking, p_now),
        internal.keep_hold(v_booking, v_booking.created_at + interval '60 minutes', p_now));
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal);
    END IF;

    v_payment := internal.standing_payment(v_booking, p_now);
    IF v_payment.status <> 'created' THEN
        RETURN jsonb_build_object('outcome', 'already_paid');
    END IF;
    -- A payer can approve an order for 3 hours.
    IF v_payment.order_created_at > p_now - interval '3 hours' THEN
        RETURN internal.open_payment_json('order_exists', v_booking, v_payment, NULL, true);
    END IF;
    PERFORM internal.forget_stale_order_request(v_payment.id, p_now);
    SELECT o.request_id INTO v_request_id FROM internal.open_operation(v_payment.id, 'order', NULL, p_now) AS o;
    RETURN internal.open_payment_json('create_order', v_booking, v_payment, v_request_id, false);
END;
$$;
COMMENT ON FUNCTION public.open_payment IS
    'Prepares a booking for payment. Outcomes: create_order (call PayPal with requestId, then '
    'record_paypal_order); order_exists (orderId, approveUrl of an order younger than 3 h); '
    'booking_not_found; booking_mismatch (other car or dates); price_mismatch (one row in '
    'security_events, nothing else); dates_unavailable (the hold expired and the days are taken); '
    'booking_not_payable (cancelled, completed, started, car not listed, price older than a day); '
    'already_paid. Extends the hold to p_now + 15 min, at most to 60 min after creation. Revives '
    'an expired one. Locks car, booking, payment. Writes the hold, the payment and the operation.';

CREATE OR REPLACE FUNCTION public.record_paypal_order(
    p_payment_id uuid, p_request_id text, p_order_id text, p_approve_url text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_operation public.payment_operations;
BEGIN
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status = 'succeeded' THEN
        RETURN jsonb_build_object('outcome', 'replayed');
    END IF;
    PERFORM internal.close_operation(p_request_id, 'succeeded', p_order_id, NULL, p_now);
    UPDATE public.payments
    SET order_id = p_order_id, approve_url = p_approve_url, order_created_at = p_now, updated_at = p_now
    WHERE id = p_payment_id AND status = 'created';
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_paypal_order IS
    'Stores the order that PayPal made for an operation of open_payment. Outcomes: recorded, '
    'replayed (stored before; the first stays). Locks the payment. An operation that open_payment '
    'never returned raises P0002.';
