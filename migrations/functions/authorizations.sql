-- From an approved order to a confirmed booking.
--
-- Functions of other files:
--   bookings.sql       lock_booking
--   capture_rules.sql  capture_scheduled_at
--   formats.sql        money, utc
--   holds.sql          expire_colliding_holds
--   orders.sql         keep_hold
--   payments.sql       close_operation, known_operation, open_operation, payment_refusal

-- The response of begin_authorization and record_authorization.
CREATE OR REPLACE FUNCTION internal.authorization_json(
    p_outcome text, p_booking_id uuid, p_payment_id uuid, p_request_id text, p_resumed boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'paymentId', p.id, 'bookingId', b.id, 'reference', b.reference,
            'amount', internal.money(p.amount), 'currency', p.currency, 'requestId', p_request_id, 'resumed', p_resumed,
            'authorizationId', p.authorization_id, 'captureScheduledAt', internal.utc(internal.capture_scheduled_at(b)),
            'carId', c.id, 'carSlug', c.slug)
        FROM public.bookings AS b
        JOIN public.payments AS p ON p.booking_id = b.id
        JOIN public.cars AS c ON c.id = b.car_id
        WHERE b.id = p_booking_id AND p.id = p_payment_id);
END;
$$;

-- The reason why an order cannot be authorized, or NULL. An attempt without a known outcome is
-- allowed again, because PayPal then returns that outcome. If PayPal had authorized it,
-- record_authorization decides, and has it voided if the days are taken.
CREATE OR REPLACE FUNCTION internal.authorization_refusal(
    p_booking public.bookings, p_payment public.payments, p_order_id text, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_subject text;
    v_refusal text;
BEGIN
    IF p_payment.status <> 'created' THEN
        RETURN 'booking_not_payable';
    END IF;
    SELECT subject_id INTO v_subject FROM public.payment_operations
    WHERE payment_id = p_payment.id AND operation = 'authorize' AND status = 'open';
    IF p_payment.lease_expires_at > p_now OR v_subject <> p_order_id THEN
        RETURN 'payment_in_progress';
    END IF;
    v_refusal := internal.payment_refusal(p_booking, p_now);
    IF v_refusal IS NULL THEN
        -- The payer has approved, so the limit of an hour does not end this extension.
        v_refusal := internal.keep_hold(p_booking, 'infinity', p_now);
    END IF;
    IF v_subject IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN CASE v_refusal WHEN 'already_paid' THEN 'booking_not_payable' ELSE v_refusal END;
END;
$$;

CREATE OR REPLACE FUNCTION public.begin_authorization(p_order_id text, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_booking   public.bookings;
    v_refusal   text;
    v_operation record;
BEGIN
    SELECT p.* INTO v_payment
    FROM public.payment_operations AS o JOIN public.payments AS p ON p.id = o.payment_id
    WHERE o.operation = 'order' AND o.result_id = p_order_id;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'order_not_found');
    END IF;
    v_booking := internal.lock_booking(v_payment.booking_id);
    SELECT * INTO v_payment FROM public.payments WHERE id = v_payment.id FOR UPDATE;

    IF v_booking.status IN ('upcoming', 'active', 'completed') AND v_payment.void_reason IS NULL
       AND v_payment.status IN ('authorized', 'capturing', 'captured', 'partially_refunded', 'refunded') THEN
        RETURN internal.authorization_json('already_authorized', v_booking.id, v_payment.id, NULL, false);
    END IF;
    v_refusal := internal.authorization_refusal(v_booking, v_payment, p_order_id, p_now);
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal);
    END IF;
    SELECT * INTO v_operation FROM internal.open_operation(v_payment.id, 'authorize', p_order_id, p_now);
    UPDATE public.payments SET lease_expires_at = p_now + interval '60 seconds', updated_at = p_now
    WHERE id = v_payment.id;
    RETURN internal.authorization_json('authorize', v_booking.id, v_payment.id, v_operation.request_id, v_operation.resumed);
END;
$$;
COMMENT ON FUNCTION public.begin_authorization IS
    'Before PayPal authorizes an order. Outcomes: authorize (call with requestId; resumed: an '
    'earlier attempt has no known outcome); already_authorized (repeat the response); '
    'order_not_found; dates_unavailable (nothing may be charged); booking_not_payable; '
    'payment_in_progress (another caller has claimed the payment for 60 s). Keeps the hold for 15 '
    'minutes. Locks car, booking, payment. Writes the hold, the claim and the operation.';

-- Confirms a booking that has just been paid. Returns NULL, or the reason why it cannot be
-- confirmed. An expired hold is confirmed while its days are free.
CREATE OR REPLACE FUNCTION internal.confirm_booking(p_booking public.bookings, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_booking.status NOT IN ('pending_payment', 'expired') THEN
        RETURN 'booking_not_payable';
    END IF;
    IF p_booking.status = 'expired' THEN
        PERFORM internal.expire_colliding_holds(p_booking.car_id, p_booking.blocked, p_booking.shop_reference, p_now);
    END IF;
    UPDATE public.bookings SET status = 'upcoming', confirmed_at = p_now, updated_at = p_now WHERE id = p_booking.id;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        RETURN 'dates_unavailable';
    WHEN unique_violation THEN
        -- Another live booking has taken the shop reference.
        RETURN 'booking_not_payable';
END;
$$;

-- Writes a security event: PayPal authorized another amount or currency, or a second time.
CREATE OR REPLACE FUNCTION internal.record_payment_mismatch(
    p_payment public.payments, p_authorization_id text, p_amount numeric, p_currency text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail)
    VALUES (p_now, 'payment_mismatch', jsonb_build_object(
        'paymentId', p_payment.id, 'bookingId', p_payment.booking_id, 'authorizationId', p_authorization_id,
        'amount', p_amount::text, 'currency', p_currency,
        'expectedAmount', internal.money(p_payment.amount), 'expectedCurrency', p_payment.currency));
END;
$$;

-- The outcome of an authorization that was recorded before.
CREATE OR REPLACE FUNCTION internal.replayed_outcome(p_payment public.payments) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_payment.void_reason IS NULL THEN 'replayed'
        WHEN p_payment.void_reason IN ('payment_mismatch', 'dates_unavailable') THEN p_payment.void_reason
        ELSE 'booking_not_payable'
    END;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_authorization(
    p_payment_id uuid, p_request_id text, p_authorization_id text, p_amount numeric, p_currency text,
    p_expires_at timestamptz DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking   public.bookings;
    v_payment   public.payments;
    v_operation public.payment_operations;
    v_refusal   text;
BEGIN
    v_booking := internal.lock_booking((SELECT booking_id FROM public.payments WHERE id = p_payment_id));
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status = 'succeeded' AND v_operation.result_id = p_authorization_id THEN
        RETURN internal.authorization_json(
            internal.replayed_outcome(v_payment), v_booking.id, p_payment_id, p_request_id, false);
    END IF;
    IF v_payment.status <> 'created' THEN
        -- A second authorization for one payment: the first stands, and the caller voids this one.
        PERFORM internal.record_payment_mismatch(v_payment, p_authorization_id, p_amount, p_currency, p_now);
        RETURN internal.authorization_json('payment_mismatch', v_booking.id, p_payment_id, p_request_id, false);
    END IF;

    PERFORM internal.close_operation(p_request_id, 'succeeded', p_authorization_id, NULL, p_now);
    -- The payment comes first: confirming schedules the capture, which depends on the end of
    -- the authorization.
    UPDATE public.payments
    SET status = 'authorized', authorization_id = p_authorization_id, authorized_at = p_now,
        authorization_expires_at = coalesce(p_expires_at, p_now + interval '29 days'),
        lease_expires_at = NULL, updated_at = p_now
    WHERE id = p_payment_id;
    IF p_amount = v_payment.amount AND p_currency = v_payment.currency THEN
        v_refusal := internal.confirm_booking(v_booking, p_now);
    ELSE
        v_refusal := 'payment_mismatch';
        PERFORM internal.record_payment_mismatch(v_payment, p_authorization_id, p_amount, p_currency, p_now);
    END IF;
    IF v_refusal IS NOT NULL THEN
        UPDATE public.payments SET void_reason = v_refusal WHERE id = p_payment_id;
    END IF;
    RETURN internal.authorization_json(
        coalesce(v_refusal, 'confirmed'), v_booking.id, p_payment_id, p_request_id, false);
END;
$$;
COMMENT ON FUNCTION public.record_authorization IS
    'After PayPal has authorized. Outcomes: confirmed (booking upcoming, capture scheduled); '
    'replayed; and three that the caller must void: payment_mismatch (amount, currency, or a '
    'second authorization; one row in security_events), dates_unavailable, booking_not_payable '
    '(cancelled meanwhile). The payment is marked before the void, so it is found after a crash '
    '(authorizations_to_void) and never captured. Locks car, booking, payment.';
