-- The sums of a payment: the money that PayPal captured and gave back. They are counted from the
-- rows of the captures and refunds, and written here only.
--
-- Functions of other files:
--   refunds.sql  is_automatic_refund, order_refund, refundable_amount

-- Locks the booking of a payment, then the payment. A payment that PayPal shows to hold money again
-- must not meet another one of its booking. Returns a row of NULLs for an unknown payment.
CREATE OR REPLACE FUNCTION internal.lock_payment_of_booking(p_payment_id uuid) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    PERFORM FROM public.bookings
    WHERE id = (SELECT booking_id FROM public.payments WHERE id = p_payment_id) FOR NO KEY UPDATE;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    RETURN v_payment;
END;
$$;

-- Whether another payment of the booking holds or took money.
CREATE OR REPLACE FUNCTION internal.is_replaced(p_payment public.payments) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM public.payments AS other
        WHERE other.booking_id = p_payment.booking_id AND other.id <> p_payment.id AND other.void_reason IS NULL
          AND other.status NOT IN ('created', 'voided', 'failed', 'expired', 'refunded'));
END;
$$;

-- Stores a capture at PayPal, its new state, or the true amount of a completed one. A completed
-- capture stays completed, and a declined one does not become pending again, because PayPal may
-- show an older state than the last. Returns whether anything changed.
CREATE OR REPLACE FUNCTION internal.put_capture(
    p_payment_id uuid, p_capture_id text, p_amount numeric, p_status text, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('pending', 'completed', 'declined') THEN
        RAISE EXCEPTION 'a capture is not %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO public.payment_captures AS c (capture_id, payment_id, amount, status, first_seen_at, updated_at)
    VALUES (p_capture_id, p_payment_id, p_amount, p_status, p_now, p_now)
    ON CONFLICT (capture_id) DO UPDATE
        SET status = excluded.status, amount = excluded.amount, updated_at = excluded.updated_at
        WHERE c.payment_id = excluded.payment_id AND ((c.status, excluded.status) IN (
            ('pending', 'completed'), ('pending', 'declined'), ('declined', 'completed'))
            OR (c.status = 'completed' AND excluded.status = 'completed' AND c.amount <> excluded.amount));
    RETURN FOUND;
END;
$$;

-- The sums of the captures and refunds of a payment. captured is NULL without a completed capture.
-- No more of a capture counts as refunded than was captured.
CREATE OR REPLACE FUNCTION internal.payment_sums(
    p_payment_id uuid, OUT captured numeric, OUT capture_id text, OUT captured_at timestamptz, OUT refunded numeric,
    OUT pending_id text, OUT pending_since timestamptz
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    SELECT sum(c.amount) FILTER (WHERE c.status = 'completed'),
        (array_agg(c.capture_id ORDER BY c.first_seen_at, c.capture_id) FILTER (WHERE c.status = 'completed'))[1],
        min(c.first_seen_at) FILTER (WHERE c.status = 'completed'),
        coalesce(sum(least(c.amount, back.amount)) FILTER (WHERE c.status = 'completed'), 0),
        (array_agg(c.capture_id ORDER BY c.first_seen_at DESC, c.capture_id) FILTER (WHERE c.status = 'pending'))[1],
        max(c.first_seen_at) FILTER (WHERE c.status = 'pending')
    INTO captured, capture_id, captured_at, refunded, pending_id, pending_since
    FROM public.payment_captures AS c CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.amount), 0) AS amount FROM public.refunds AS r
        WHERE r.capture_id = c.capture_id AND r.status = 'refunded'
    ) AS back
    WHERE c.payment_id = p_payment_id;
END;
$$;

-- The state of a payment by its sums. A pending capture that was declined leaves a failed payment,
-- unless there is another.
CREATE OR REPLACE FUNCTION internal.counted_status(
    p_status text, p_captured numeric, p_refunded numeric, p_pending_id text
) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_captured IS NOT NULL THEN
            CASE WHEN p_refunded >= p_captured THEN 'refunded' WHEN p_refunded > 0 THEN 'partially_refunded' ELSE 'captured' END
        WHEN p_pending_id IS NOT NULL THEN 'capture_pending'
        WHEN p_status = 'capture_pending' THEN 'failed'
        ELSE p_status
    END;
END;
$$;

-- Counts the captures and refunds of a payment, and orders the refund of money that nobody is owed.
-- Every writer of these rows calls it. The caller holds the locks of lock_payment_of_booking.
--
-- A payment whose money is found after another one of its booking was paid counts as replaced. A
-- declined capture may succeed a day later, while the authorization lives.
CREATE OR REPLACE FUNCTION internal.recount_payment(p_payment_id uuid, p_now timestamptz) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
    v_sums    record;
    v_status  text;
    v_taken   boolean;
    v_before  public.payments;
BEGIN
    SELECT * INTO v_before FROM public.payments WHERE id = p_payment_id;
    SELECT * INTO v_sums FROM internal.payment_sums(p_payment_id);
    v_status := internal.counted_status(v_before.status, v_sums.captured, v_sums.refunded, v_sums.pending_id);
    v_taken := v_status IN ('capture_pending', 'captured', 'partially_refunded', 'refunded');
    v_payment := v_before;
    v_payment.status := v_status;
    v_payment.capture_id := coalesce(v_sums.capture_id, v_sums.pending_id);
    v_payment.captured_at := v_sums.captured_at;
    v_payment.captured_amount := v_sums.captured;
    v_payment.refunded_amount := v_sums.refunded;
    IF v_taken AND v_status <> 'refunded' AND v_before.void_reason IS NULL AND internal.is_replaced(v_before) THEN
        v_payment.void_reason := 'replaced';
    END IF;
    IF v_status <> v_before.status THEN
        v_payment.lease_id := NULL;
        v_payment.lease_expires_at := NULL;
        v_payment.failure_code := CASE WHEN v_status = 'failed' THEN 'capture_declined' END;
        v_payment.next_attempt_at := CASE WHEN v_status = 'failed' AND internal.kept_amount(v_before) IS NULL
            THEN p_now + interval '1 day' END;
    END IF;
    IF v_taken OR v_before.status = 'capture_pending' THEN
        v_payment.pending_since := CASE WHEN v_sums.captured IS NULL THEN v_sums.pending_since END;
    END IF;
    IF v_sums.captured >= coalesce(v_before.authorized_amount, v_before.amount) THEN
        v_payment.hold_ended_at := coalesce(v_before.hold_ended_at, p_now);
    END IF;
    IF v_payment IS DISTINCT FROM v_before THEN
        UPDATE public.payments
        SET status = v_payment.status, capture_id = v_payment.capture_id, captured_at = v_payment.captured_at,
            captured_amount = v_payment.captured_amount, refunded_amount = v_payment.refunded_amount,
            void_reason = v_payment.void_reason, lease_id = v_payment.lease_id, lease_expires_at = v_payment.lease_expires_at,
            failure_code = v_payment.failure_code, next_attempt_at = v_payment.next_attempt_at,
            pending_since = v_payment.pending_since, hold_ended_at = v_payment.hold_ended_at, updated_at = p_now
        WHERE id = p_payment_id RETURNING * INTO v_payment;
    END IF;
    PERFORM internal.give_back(v_payment, 'system', p_now);
    RETURN v_payment;
END;
$$;

-- The part of the captured money that we keep, or NULL if all of it is for us. A payment that was
-- to be voided keeps nothing. A cancelled booking keeps the part that its percentage leaves, of its
-- price at most.
CREATE OR REPLACE FUNCTION internal.kept_amount(p_payment public.payments) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_base numeric := least(coalesce(p_payment.captured_amount, p_payment.amount), p_payment.amount);
BEGIN
    IF p_payment.void_reason IS NOT NULL THEN
        RETURN 0;
    END IF;
    RETURN (
        SELECT coalesce(p_payment.capture_amount, v_base - round(v_base * coalesce(b.refund_percent, 100) / 100, 2))
        FROM public.bookings AS b WHERE b.id = p_payment.booking_id AND b.status = 'cancelled');
END;
$$;

-- Orders the refund of captured money that we do not keep. Money that went back before, that is on
-- its way, or whose automatic refund PayPal refused is not ordered again.
CREATE OR REPLACE FUNCTION internal.give_back(p_payment public.payments, p_actor text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_kept    numeric := internal.kept_amount(p_payment);
    v_refused numeric;
    v_orders  integer;
    v_owed    numeric;
BEGIN
    IF v_kept IS NULL OR p_payment.captured_amount IS NULL THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(r.amount) FILTER (WHERE r.status = 'refused'), 0), count(DISTINCT r.idempotency_key)
    INTO v_refused, v_orders
    FROM public.refunds AS r WHERE r.payment_id = p_payment.id AND internal.is_automatic_refund(r);
    v_owed := internal.refundable_amount(p_payment) - v_kept - v_refused;
    IF v_owed > 0 THEN
        PERFORM internal.order_refund(p_payment.id, v_owed,
            'cancellation' || CASE WHEN v_orders > 0 THEN ':' || (v_orders + 1)::text ELSE '' END, p_actor,
            coalesce(p_payment.void_reason, 'booking_cancelled'), p_now);
    END IF;
END;
$$;
