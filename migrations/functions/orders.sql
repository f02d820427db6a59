-- From a hold to a PayPal order.
--
-- Functions of other files:
--   availability.sql  is_live, live_bookings
--   bookings.sql      lock_booking
--   formats.sql       money
--   holds.sql         expire_colliding_holds, hold_limit, hold_until
--   listing.sql       any_car
--   payments.sql      close_operation, known_operation, open_operation,
--                     payment_refusal, unpaid_payment
--   pricing.sql       record_price_mismatch

-- Extends a hold to 15 minutes from now, but not beyond p_latest. Before p_latest, revives an
-- expired hold while its days are free. A confirmed booking needs no hold. Returns NULL, or the
-- reason why the days cannot be held: dates_unavailable, hold_expired (the days are free, and
-- p_latest has passed) or booking_not_payable. The caller holds the locks.
CREATE OR REPLACE FUNCTION internal.keep_hold(p_booking public.bookings, p_latest timestamptz, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_until timestamptz := least(internal.hold_until(p_now), p_latest);
BEGIN
    IF p_booking.status IN ('upcoming', 'active', 'completed') THEN
        RETURN NULL;
    ELSIF internal.is_live(p_booking.status, p_booking.hold_expires_at, p_now) THEN
        v_until := greatest(p_booking.hold_expires_at, v_until);
    ELSIF v_until <= p_now THEN
        RETURN CASE WHEN EXISTS (SELECT FROM internal.live_bookings(p_booking.car_id, p_booking.blocked, p_now))
            THEN 'dates_unavailable' ELSE 'hold_expired' END;
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

-- The response of open_payment. resumed: an earlier request for the order has no known outcome.
CREATE OR REPLACE FUNCTION internal.open_payment_json(
    p_outcome text, p_booking public.bookings, p_payment public.payments, p_request_id text, p_resumed boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'paymentId', p_payment.id, 'bookingId', p_booking.id, 'reference', p_booking.reference,
            'carName', c.name, 'carId', c.id, 'carSlug', c.slug, 'amount', internal.money(p_payment.amount), 'currency', p_payment.currency,
            'requestId', p_request_id, 'resumed', p_resumed,
            'orderId', CASE WHEN p_request_id IS NULL THEN p_payment.order_id END,
            'approveUrl', CASE WHEN p_request_id IS NULL THEN p_payment.approve_url END)
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- Ends order requests without a known outcome after 5 hours. Until then they are retried under
-- their id, which PayPal remembers for 6 hours.
CREATE OR REPLACE FUNCTION internal.forget_stale_order_request(p_payment_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations
    SET status = 'failed', in_doubt = false, error_code = 'abandoned', finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'order' AND status = 'open'
      AND started_at <= p_now - interval '5 hours';
END;
$$;

-- Ends an order that can never be authorized. Its operation keeps the reason, and the payment's
-- next order is a new one. The caller has locked the payment.
CREATE OR REPLACE FUNCTION internal.end_order(
    p_payment_id uuid, p_order_id text, p_error_code text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations SET error_code = p_error_code
    WHERE payment_id = p_payment_id AND operation = 'order' AND result_id = p_order_id;
    UPDATE public.payments SET order_id = NULL, approve_url = NULL, order_created_at = NULL, updated_at = p_now
    WHERE id = p_payment_id AND order_id = p_order_id AND status = 'created';
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
    v_operation  record;
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
        internal.keep_hold(v_booking, internal.hold_limit(v_booking), p_now));
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal);
    END IF;

    v_payment := internal.unpaid_payment(v_booking, p_now);
    -- A payer can approve an order for 3 hours.
    IF v_payment.order_created_at > p_now - interval '3 hours' THEN
        RETURN internal.open_payment_json('order_exists', v_booking, v_payment, NULL, false);
    END IF;
    PERFORM internal.forget_stale_order_request(v_payment.id, p_now);
    SELECT * INTO v_operation FROM internal.open_operation(v_payment.id, 'order', NULL, p_now);
    RETURN internal.open_payment_json(
        'create_order', v_booking, v_payment, v_operation.request_id, v_operation.resumed);
END;
$$;
COMMENT ON FUNCTION public.open_payment IS
    'Prepares a booking for payment. Outcomes: create_order (call PayPal with requestId, then '
    'record_paypal_order or record_payment_failure); order_exists (orderId, approveUrl of an order '
    'younger than 3 h); booking_not_found; booking_mismatch (other car or dates); price_mismatch '
    '(one row in security_events, nothing else); dates_unavailable (the hold expired and the days '
    'are taken); hold_expired (60 min after its creation, the days are free: a new booking is '
    'needed); booking_not_payable (cancelled, started, car not listed, price older than a day); '
    'already_paid (a payment holds or keeps money); payment_in_progress (PayPal reviews one). '
    'Extends the hold to p_now + 15 min, at most to 60 min after its creation, and revives an '
    'expired one within the same limit. A confirmed booking without money is paid again. Locks '
    'car, booking, payment. Writes the hold, the payment and the operation.';

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
    -- A late response does not replace a later order.
    UPDATE public.payments
    SET order_id = p_order_id, approve_url = p_approve_url, order_created_at = p_now, updated_at = p_now
    WHERE id = p_payment_id AND status = 'created' AND NOT EXISTS (
        SELECT FROM public.payment_operations AS later
        WHERE later.payment_id = p_payment_id AND later.operation = 'order' AND later.seq > v_operation.seq
          AND later.status = 'succeeded');
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_paypal_order IS
    'Stores the order that PayPal made for an operation of open_payment. Outcomes: recorded, '
    'replayed (stored before; the first stays). Locks the payment. An operation that open_payment '
    'never returned raises P0002.';

CREATE OR REPLACE FUNCTION public.end_paypal_order(
    p_order_id text, p_error_code text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment_id uuid;
BEGIN
    SELECT p.id INTO v_payment_id
    FROM public.payment_operations AS o JOIN public.payments AS p ON p.id = o.payment_id
    WHERE o.operation = 'order' AND o.result_id = p_order_id FOR UPDATE OF p;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'order_not_found');
    END IF;
    PERFORM internal.end_order(v_payment_id, p_order_id, p_error_code, p_now);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.end_paypal_order IS
    'PayPal shows that an order can never be authorized: it has forgotten or voided it. Outcomes: '
    'recorded (create-paypal-order makes a new one), order_not_found. Locks the payment.';

CREATE OR REPLACE FUNCTION public.lost_orders(p_limit integer DEFAULT 50, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(lost.item), '[]') FROM (
            SELECT jsonb_build_object('paymentId', p.id, 'bookingId', b.id, 'reference', b.reference, 'carName', c.name,
                'startDate', b.start_date, 'endDate', b.end_date, 'amount', internal.money(p.amount),
                'currency', p.currency, 'requestId', o.request_id) AS item
            FROM public.payment_operations AS o
            JOIN public.payments AS p ON p.id = o.payment_id
            JOIN public.bookings AS b ON b.id = p.booking_id
            JOIN public.cars AS c ON c.id = b.car_id
            WHERE o.operation = 'order' AND o.status = 'open' AND o.in_doubt
              AND o.started_at <= p_now - interval '10 minutes' AND o.started_at > p_now - interval '5 hours'
            -- Not always the same ones first: a failed search must not stand in the way of others.
            ORDER BY md5(o.request_id || p_now::text) LIMIT p_limit
        ) AS lost);
END;
$$;
COMMENT ON FUNCTION public.lost_orders IS
    'Order requests whose response was lost 10 minutes to 5 hours ago, and that nobody repeated: '
    '[{paymentId, bookingId, reference, carName, startDate, endDate, amount, currency, '
    'requestId}]. The same request id gives the order that PayPal made. Reads only.';

CREATE OR REPLACE FUNCTION public.close_lost_orders(p_limit integer DEFAULT 100, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_count   integer := 0;
BEGIN
    FOR v_payment IN
        SELECT p.* FROM public.payments AS p
        WHERE p.id IN (
            SELECT o.payment_id FROM public.payment_operations AS o
            JOIN public.payments AS owner ON owner.id = o.payment_id
            WHERE o.status = 'open' AND ((o.operation = 'order' AND o.started_at <= p_now - interval '5 hours')
                OR (o.operation = 'authorize' AND owner.status IN ('voided', 'failed', 'expired')))
            UNION ALL
            SELECT idle.id FROM public.payments AS idle
            WHERE idle.status = 'created' AND idle.void_reason IS NULL AND idle.order_id IS NULL AND idle.updated_at <= p_now - interval '5 hours'
              AND NOT EXISTS (SELECT FROM public.payment_operations AS o
                              WHERE o.payment_id = idle.id AND o.status = 'open'))
        ORDER BY p.created_at, p.id LIMIT p_limit FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM internal.forget_stale_order_request(v_payment.id, p_now);
        UPDATE public.payment_operations
        SET status = 'failed', in_doubt = false, error_code = coalesce(error_code, 'abandoned'), finished_at = p_now
        WHERE payment_id = v_payment.id AND operation = 'authorize' AND status = 'open'
          AND v_payment.status IN ('voided', 'failed', 'expired');
        UPDATE public.payments SET status = 'expired', failure_code = 'order_abandoned', updated_at = p_now
        WHERE id = v_payment.id AND status = 'created' AND order_id IS NULL AND NOT EXISTS (
            SELECT FROM public.payment_operations AS o WHERE o.payment_id = v_payment.id AND o.status = 'open');
        v_count := v_count + 1;
    END LOOP;
    RETURN jsonb_build_object('outcome', 'closed', 'count', v_count);
END;
$$;
COMMENT ON FUNCTION public.close_lost_orders IS
    'Closes up to p_limit payments whose order nobody can find any more, 5 hours after its request: '
    'the operation fails as abandoned, and a payment without any order becomes expired. The '
    'customer may pay by a new payment. Also closes an authorization request of an ended payment. '
    'Returns {outcome: closed, count}. Skips locked payments.';
