-- Cancelling a booking. The transaction that cancels also stores the settlement. The calls to
-- PayPal follow, and after a crash the next run makes them.
--
-- Functions of other files:
--   audit.sql     audit
--   bookings.sql  lock_booking
--   captures.sql  give_up_capture
--   formats.sql   money
--   listing.sql   local_day
--   payments.sql  latest_payment, lock_payment
--   refunds.sql   order_refund, refundable_amount
--   voids.sql     is_to_be_voided, voidable_authorization

-- The percentage of the price that a cancellation at this moment refunds. Of the rules whose days
-- are left, the one with the most days applies.
CREATE OR REPLACE FUNCTION internal.refund_percent(p_booking public.bookings, p_now timestamptz) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce((
        SELECT rule.refund_percent
        FROM public.cancellation_rules AS rule
        JOIN public.cars AS c ON c.id = p_booking.car_id
        WHERE rule.days_before_pickup <= p_booking.start_date - internal.local_day(c, p_now)
        ORDER BY rule.days_before_pickup DESC LIMIT 1), 0);
END;
$$;

-- The reason why this actor cannot cancel the booking at this moment, or NULL.
CREATE OR REPLACE FUNCTION internal.cancellation_refusal(
    p_booking public.bookings, p_payment public.payments, p_by_operator boolean, p_void_only boolean, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN p_void_only AND p_payment.capture_id IS NOT NULL THEN 'already_captured'
            WHEN p_booking.status = 'completed' THEN 'booking_not_cancellable'
            WHEN p_booking.status IN ('upcoming', 'active') AND NOT p_by_operator
                 AND p_booking.start_date <= internal.local_day(c, p_now) THEN 'booking_not_cancellable'
            -- The refund depends on the capture, whose outcome is known soon.
            WHEN p_payment.status = 'capturing' THEN 'payment_in_progress'
        END
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- Writes the settlement of a cancellation: a void, a capture of the part that we keep, a refund, or
-- none. Returns its name, the refund if one was ordered, and the amount that goes back. The caller
-- holds the locks.
CREATE OR REPLACE FUNCTION internal.settle_cancellation(
    p_payment public.payments, p_percent integer, p_actor text, p_now timestamptz, OUT settlement text, OUT refund_id uuid, OUT amount numeric
)
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_kept numeric;
BEGIN
    settlement := 'none';
    amount := 0;
    IF p_payment.status = 'authorized' THEN
        amount := round(p_payment.amount * p_percent / 100, 2);
        v_kept := p_payment.amount - amount;
        settlement := CASE WHEN v_kept = 0 THEN 'void' ELSE 'capture' END;
        UPDATE public.payments
        SET void_reason = CASE WHEN v_kept = 0 THEN 'booking_cancelled' END, capture_amount = nullif(v_kept, 0),
            next_attempt_at = NULL, updated_at = p_now
        WHERE id = p_payment.id;
        PERFORM internal.give_up_capture(p_payment.id, 'booking_cancelled', p_now);
    ELSIF p_payment.status = 'failed' THEN
        -- PayPal refused to capture, so no part can be kept.
        amount := p_payment.amount;
        settlement := 'void';
        UPDATE public.payments SET void_reason = 'booking_cancelled', updated_at = p_now WHERE id = p_payment.id;
    ELSIF p_payment.status IN ('captured', 'partially_refunded') THEN
        amount := least(round(p_payment.captured_amount * p_percent / 100, 2), internal.refundable_amount(p_payment));
        IF amount > 0 THEN
            settlement := 'refund';
            refund_id := internal.order_refund(p_payment.id, amount, 'cancellation', p_actor, 'booking_cancelled', p_now);
        END IF;
    END IF;
END;
$$;

-- The response of a cancellation. A repeated request gets the same one.
CREATE OR REPLACE FUNCTION internal.cancellation_json(p_outcome text, p_booking public.bookings) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_payment public.payments := internal.latest_payment(p_booking.id);
    v_refund  public.refunds;
BEGIN
    SELECT * INTO v_refund FROM public.refunds WHERE payment_id = v_payment.id AND idempotency_key = 'cancellation';
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'bookingId', p_booking.id, 'reference', p_booking.reference, 'carId', c.id, 'carSlug', c.slug,
            'percent', p_booking.refund_percent, 'currency', p_booking.currency,
            'amount', internal.money(CASE
                WHEN v_refund.id IS NOT NULL THEN v_refund.amount
                WHEN v_payment.void_reason = 'booking_cancelled' THEN v_payment.amount
                WHEN v_payment.capture_amount IS NOT NULL THEN v_payment.amount - v_payment.capture_amount
                ELSE 0 END),
            'refundStatus', CASE
                WHEN v_refund.status = 'refunded' THEN 'refunded'
                WHEN v_refund.id IS NOT NULL THEN 'pending'
                WHEN v_payment.void_reason = 'booking_cancelled' THEN
                    CASE WHEN internal.is_to_be_voided(v_payment) THEN 'pending' ELSE 'voided' END
                WHEN v_payment.capture_amount < v_payment.amount THEN
                    CASE WHEN v_payment.status IN ('authorized', 'capturing') THEN 'pending' ELSE 'voided' END
                ELSE 'none' END,
            'settlement', CASE
                WHEN v_refund.status = 'ordered' THEN 'refund'
                WHEN internal.is_to_be_voided(v_payment) THEN 'void'
                WHEN v_payment.status = 'authorized' AND v_payment.capture_amount IS NOT NULL THEN 'capture'
                ELSE 'none' END,
            'paymentId', v_payment.id, 'authorizationId', internal.voidable_authorization(v_payment), 'refundId', v_refund.id)
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.cancel_booking(
    p_booking_id uuid, p_actor text, p_reason text DEFAULT NULL, p_by_operator boolean DEFAULT false,
    p_void_only boolean DEFAULT false, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking public.bookings := internal.lock_booking(p_booking_id);
    v_payment public.payments;
    v_refusal text;
    v_percent integer;
    v_settled record;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    IF v_booking.status = 'cancelled' THEN
        RETURN internal.cancellation_json('already_cancelled', v_booking);
    END IF;
    v_payment := internal.lock_payment(p_booking_id, p_now);
    IF v_payment.id IS NULL THEN
        -- PayPal refused to capture, but may still hold the money.
        SELECT * INTO v_payment FROM public.payments
        WHERE booking_id = p_booking_id AND status = 'failed' AND void_reason IS NULL AND authorization_id IS NOT NULL AND voided_at IS NULL
        ORDER BY created_at DESC, id LIMIT 1 FOR UPDATE;
    END IF;
    v_refusal := internal.cancellation_refusal(v_booking, v_payment, p_by_operator, p_void_only, p_now);
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal)
            || CASE WHEN v_refusal = 'payment_in_progress' THEN jsonb_build_object('paymentId', v_payment.id) ELSE '{}' END;
    END IF;
    v_percent := CASE WHEN p_by_operator OR v_booking.status IN ('pending_payment', 'expired')
        THEN 100 ELSE internal.refund_percent(v_booking, p_now) END;
    UPDATE public.bookings
    SET status = 'cancelled', cancelled_at = p_now, cancelled_by = p_actor, cancellation_reason = p_reason, refund_percent = v_percent,
        updated_at = p_now
    WHERE id = p_booking_id RETURNING * INTO v_booking;
    SELECT * INTO v_settled FROM internal.settle_cancellation(v_payment, v_percent, p_actor, p_now);
    PERFORM internal.audit(p_actor, 'booking.cancelled', 'booking', p_booking_id::text, jsonb_build_object(
        'percent', v_percent, 'settlement', v_settled.settlement, 'amount', internal.money(v_settled.amount), 'reason', p_reason),
        p_request_id, p_now);
    RETURN internal.cancellation_json('cancelled', v_booking);
END;
$$;
COMMENT ON FUNCTION public.cancel_booking IS
    'Cancels a booking and writes its settlement. A hold, or a cancellation by an operator, '
    'refunds the whole price. Otherwise cancellation_rules decide. Outcomes: cancelled; '
    'already_cancelled (the same response as the first time); booking_not_found; '
    'booking_not_cancellable (completed, or its first day has come and no operator cancels); '
    'payment_in_progress (a capture is running or in doubt; paymentId); already_captured '
    '(p_void_only, and there is a capture). The first two have percent, amount and currency of '
    'the refund, refundStatus none|voided|pending|refunded, and settlement, the call to make at '
    'PayPal: void (authorizationId), capture (the part that is kept), refund (refundId) or none. '
    'Locks car, booking, payment. Writes the booking, the mark or the refund, and the audit log.';
