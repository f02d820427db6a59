-- Cancelling a booking. The transaction that cancels also stores the settlement of each of its
-- payments. The calls to PayPal follow, and after a crash the next run makes them.
--
-- Functions of other files:
--   audit.sql         audit
--   bookings.sql      lock_booking
--   captures.sql      give_up_capture
--   formats.sql       money
--   listing.sql       local_day
--   payment_sums.sql  give_back, kept_amount
--   payments.sql      has_live_lease, latest_payment
--   refunds.sql       common_refund_status, dispute_code, is_automatic_refund, refundable_amount
--   voids.sql         is_to_be_voided, voidable_authorization

DROP FUNCTION IF EXISTS public.cancel_booking(uuid, text, text, boolean, boolean, text, timestamptz);
DROP FUNCTION IF EXISTS public.cancel_booking(uuid, text, text, boolean, boolean, text, boolean, timestamptz);
DROP FUNCTION IF EXISTS internal.cancellation_refusal(public.bookings, public.payments, boolean, boolean, timestamptz);
DROP FUNCTION IF EXISTS internal.settle_cancellation(public.payments, integer, text, timestamptz);
DROP FUNCTION IF EXISTS internal.cancellation_json(text, public.bookings);

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

-- Locks the payments of a booking. A claim that has expired without an open capture was for a
-- reauthorization. It is released, so the payment is authorized again. Returns the payment whose
-- capture is running (has_live_lease) or in doubt, or a row of NULLs.
CREATE OR REPLACE FUNCTION internal.lock_payments_to_settle(p_booking_id uuid, p_now timestamptz) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    PERFORM FROM public.payments WHERE booking_id = p_booking_id ORDER BY id FOR UPDATE;
    UPDATE public.payments AS p SET status = 'authorized', lease_id = NULL, lease_expires_at = NULL, updated_at = p_now
    WHERE p.booking_id = p_booking_id AND p.status = 'capturing' AND NOT internal.has_live_lease(p, p_now) AND NOT EXISTS (
        SELECT FROM public.payment_operations AS o WHERE o.payment_id = p.id AND o.operation = 'capture' AND o.status = 'open');
    SELECT p.* INTO v_payment FROM public.payments AS p
    WHERE p.booking_id = p_booking_id AND p.status = 'capturing'
    ORDER BY internal.has_live_lease(p, p_now) DESC, p.id LIMIT 1;
    RETURN v_payment;
END;
$$;

-- The reason why this actor cannot cancel the booking at this moment, or NULL. p_capturing is the
-- payment whose capture is running or in doubt. A capture in doubt is looked up first
-- (p_despite_doubt). If its outcome is still unknown, the days are freed all the same, and the
-- money is settled when PayPal shows it.
CREATE OR REPLACE FUNCTION internal.cancellation_refusal(
    p_booking public.bookings, p_capturing public.payments, p_by_operator boolean, p_void_only boolean,
    p_despite_doubt boolean, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN p_void_only AND EXISTS (
                SELECT FROM public.payments AS p WHERE p.booking_id = p_booking.id AND p.capture_id IS NOT NULL
                  AND p.status <> 'refunded') THEN 'already_captured'
            WHEN p_booking.status = 'completed' AND p_by_operator THEN 'booking_completed'
            WHEN p_booking.status = 'completed' THEN 'booking_not_cancellable'
            WHEN p_booking.status IN ('upcoming', 'active') AND NOT p_by_operator
                 AND p_booking.start_date <= internal.local_day(c, p_now) THEN 'booking_not_cancellable'
            WHEN internal.has_live_lease(p_capturing, p_now) AND p_capturing.id IS NOT NULL THEN 'payment_in_progress'
            WHEN p_capturing.id IS NOT NULL AND (p_void_only OR NOT coalesce(p_despite_doubt, false)) THEN 'payment_in_progress'
        END
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- Writes the settlement of one payment of a booking that was just cancelled. The caller holds the
-- locks.
--   authorized, or PayPal reviews it   void, or capture of the part that we keep
--   capture refused                    void, because no part can be kept
--   capture in doubt or under review   nothing yet: when PayPal has decided, what is owed goes back
--   captured                           refund of what is owed, and void of a rest that is held
CREATE OR REPLACE FUNCTION internal.settle_payment(p_payment public.payments, p_percent integer, p_actor text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_kept numeric := p_payment.amount - round(p_payment.amount * p_percent / 100, 2);
BEGIN
    IF p_payment.status IN ('authorized', 'authorization_pending', 'capturing') AND p_payment.void_reason IS NULL THEN
        UPDATE public.payments
        SET void_reason = CASE WHEN v_kept = 0 THEN 'booking_cancelled' END, capture_amount = nullif(v_kept, 0),
            next_attempt_at = NULL, updated_at = p_now
        WHERE id = p_payment.id;
        IF p_payment.status <> 'capturing' THEN
            PERFORM internal.give_up_capture(p_payment.id, 'booking_cancelled', p_now);
        END IF;
    ELSIF p_payment.status = 'failed' AND p_payment.authorization_id IS NOT NULL AND p_payment.hold_ended_at IS NULL THEN
        UPDATE public.payments SET void_reason = coalesce(void_reason, 'booking_cancelled'), next_attempt_at = NULL, updated_at = p_now
        WHERE id = p_payment.id;
    END IF;
    PERFORM internal.give_back(p_payment, p_actor, p_now);
END;
$$;

-- The amount that goes back for a payment of a cancelled booking, and its status: none, voided,
-- pending, refunded or refused.
-- failure_code: the reason of a refusal, or of a wait for the end of a dispute.
CREATE OR REPLACE FUNCTION internal.payment_settlement(
    p_payment public.payments, p_now timestamptz, OUT amount numeric, OUT status text, OUT failure_code text
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_statuses text[];
    v_disputed text;
BEGIN
    SELECT sum(r.amount), array_agg(r.status), min(r.failure_code) FILTER (WHERE r.status = 'refused'), min(internal.dispute_code(r))
    INTO amount, v_statuses, failure_code, v_disputed
    FROM public.refunds AS r
    WHERE r.payment_id = p_payment.id AND internal.is_automatic_refund(r) AND r.reason = 'booking_cancelled';
    IF v_statuses IS NOT NULL THEN
        status := internal.common_refund_status(v_statuses);
        -- The money may have gone back in another way since.
        IF status = 'refused' AND internal.refundable_amount(p_payment) <= internal.kept_amount(p_payment) THEN
            status := 'refunded';
        END IF;
        status := CASE status WHEN 'ordered' THEN 'pending' ELSE status END;
    ELSIF p_payment.void_reason = 'booking_cancelled' THEN
        amount := p_payment.amount;
        status := CASE WHEN p_payment.status IN ('capturing', 'capture_pending') OR internal.is_to_be_voided(p_payment, 'cancelled', p_now)
            THEN 'pending' ELSE 'voided' END;
    ELSIF p_payment.void_reason IS NULL AND (p_payment.capture_amount IS NOT NULL OR p_payment.status = 'capture_pending') THEN
        amount := p_payment.amount - internal.kept_amount(p_payment);
        status := CASE WHEN amount = 0 THEN 'none'
            WHEN p_payment.status IN ('authorization_pending', 'authorized', 'capturing', 'capture_pending')
                 OR internal.is_to_be_voided(p_payment, 'cancelled', p_now) THEN 'pending'
            ELSE 'voided' END;
    END IF;
    amount := coalesce(amount, 0);
    status := coalesce(status, 'none');
    failure_code := CASE status WHEN 'refused' THEN failure_code WHEN 'pending' THEN v_disputed END;
END;
$$;

-- The calls that settle a cancelled booking at PayPal: [{settlement, paymentId, authorizationId,
-- refundId}]. settlement is void, capture (the part that is kept) or refund.
CREATE OR REPLACE FUNCTION internal.open_settlements(p_booking_id uuid, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('settlement', call.settlement, 'paymentId', call.payment_id,
            'authorizationId', call.authorization_id, 'refundId', call.refund_id) ORDER BY call.payment_id, call.refund_id), '[]')
        FROM (
            SELECT 'refund' AS settlement, p.id AS payment_id, NULL AS authorization_id, r.id AS refund_id
            FROM public.payments AS p JOIN public.refunds AS r ON r.payment_id = p.id
            WHERE p.booking_id = p_booking_id AND r.status = 'ordered' AND internal.is_automatic_refund(r)
            UNION ALL
            SELECT 'void', p.id, internal.voidable_authorization(p), NULL
            FROM public.payments AS p WHERE p.booking_id = p_booking_id AND internal.is_to_be_voided(p, 'cancelled', p_now)
            UNION ALL
            SELECT 'capture', p.id, NULL, NULL
            FROM public.payments AS p
            WHERE p.booking_id = p_booking_id AND p.status = 'authorized' AND p.void_reason IS NULL AND p.capture_amount IS NOT NULL
        ) AS call);
END;
$$;

-- The response of a cancellation. A repeated request gets the same one, with the state of the money
-- at that time.
CREATE OR REPLACE FUNCTION internal.cancellation_json(p_outcome text, p_booking public.bookings, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_payment     public.payments := internal.latest_payment(p_booking.id);
    v_settlements jsonb := internal.open_settlements(p_booking.id, p_now);
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'bookingId', p_booking.id, 'reference', p_booking.reference, 'carId', c.id, 'carSlug', c.slug,
            'percent', p_booking.refund_percent, 'currency', p_booking.currency, 'amount', internal.money(money.amount),
            'refundStatus', CASE
                WHEN 'pending' = ANY (money.statuses) THEN 'pending' WHEN 'refused' = ANY (money.statuses) THEN 'refused'
                WHEN 'refunded' = ANY (money.statuses) THEN 'refunded' WHEN 'voided' = ANY (money.statuses) THEN 'voided'
                ELSE 'none' END,
            'failureCode', CASE WHEN 'pending' = ANY (money.statuses) THEN money.waiting_code ELSE money.failure_code END,
            'settlements', v_settlements, 'settlement', coalesce(v_settlements -> 0 ->> 'settlement', 'none'),
            'paymentId', v_payment.id, 'authorizationId', internal.voidable_authorization(v_payment),
            'refundId', (SELECT r.id FROM public.refunds AS r WHERE r.payment_id = v_payment.id AND internal.is_automatic_refund(r)
                         ORDER BY r.ordered_at, r.part LIMIT 1))
        FROM public.cars AS c CROSS JOIN (
            SELECT coalesce(sum(s.amount), 0) AS amount, coalesce(array_agg(s.status), '{none}') AS statuses,
                min(s.failure_code) AS failure_code, min(s.failure_code) FILTER (WHERE s.status = 'pending') AS waiting_code
            FROM public.payments AS p CROSS JOIN LATERAL internal.payment_settlement(p, p_now) AS s WHERE p.booking_id = p_booking.id
        ) AS money
        WHERE c.id = p_booking.car_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.cancel_booking(
    p_booking_id uuid, p_actor text, p_reason text DEFAULT NULL, p_by_operator boolean DEFAULT false,
    p_void_only boolean DEFAULT false, p_request_id text DEFAULT NULL, p_despite_doubt boolean DEFAULT false,
    p_look_first boolean DEFAULT false, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking   public.bookings := internal.lock_booking(p_booking_id);
    v_payment   public.payments;
    v_refusal   text;
    v_percent   integer;
    v_captured  jsonb;
    v_cancelled jsonb;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    IF v_booking.status = 'cancelled' THEN
        RETURN internal.cancellation_json('already_cancelled', v_booking, p_now);
    END IF;
    v_payment := internal.lock_payments_to_settle(p_booking_id, p_now);
    v_refusal := internal.cancellation_refusal(v_booking, v_payment, p_by_operator, p_void_only, p_despite_doubt, p_now);
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal) || CASE WHEN v_refusal = 'payment_in_progress'
            THEN jsonb_build_object('paymentId', v_payment.id) ELSE '{}' END;
    END IF;
    IF p_look_first THEN
        SELECT jsonb_agg(p.id ORDER BY p.created_at, p.id) INTO v_captured
        FROM public.payments AS p WHERE p.booking_id = p_booking_id AND p.captured_amount > p.refunded_amount;
        IF v_captured IS NOT NULL THEN
            RETURN jsonb_build_object('outcome', 'look_first', 'paymentIds', v_captured);
        END IF;
    END IF;
    v_percent := CASE WHEN p_by_operator OR v_booking.status IN ('pending_payment', 'expired')
        THEN 100 ELSE internal.refund_percent(v_booking, p_now) END;
    UPDATE public.bookings
    SET status = 'cancelled', cancelled_at = p_now, cancelled_by = p_actor, cancellation_reason = p_reason, refund_percent = v_percent,
        updated_at = p_now
    WHERE id = p_booking_id RETURNING * INTO v_booking;
    FOR v_payment IN SELECT p.* FROM public.payments AS p WHERE p.booking_id = p_booking_id ORDER BY p.created_at, p.id LOOP
        PERFORM internal.settle_payment(v_payment, v_percent, p_actor, p_now);
    END LOOP;
    v_cancelled := internal.cancellation_json('cancelled', v_booking, p_now);
    PERFORM internal.audit(p_actor, 'booking.cancelled', 'booking', p_booking_id::text, jsonb_build_object(
        'percent', v_percent, 'settlement', v_cancelled ->> 'settlement', 'amount', v_cancelled ->> 'amount', 'reason', p_reason),
        p_request_id, p_now);
    RETURN v_cancelled;
END;
$$;
COMMENT ON FUNCTION public.cancel_booking IS
    'Cancels a booking and writes its settlement. A hold, or a cancellation by an operator, '
    'refunds the whole price. Otherwise cancellation_rules decide. Money that went back before '
    'counts. Outcomes: cancelled; already_cancelled (the same response as the first time, with the '
    'state of the money); booking_not_found; booking_not_cancellable (completed, or its first day '
    'has come and no operator cancels); booking_completed (an operator cancels a completed one); '
    'payment_in_progress (a capture is running, or in doubt and not p_despite_doubt; paymentId); '
    'already_captured (p_void_only, and there is a capture); look_first (p_look_first, and money was '
    'captured: nothing is written. Some of it may have gone back at PayPal, so record what PayPal '
    'shows of paymentIds, and call again without p_look_first). The first two have percent, amount and '
    'currency of the refund, refundStatus none|voided|pending|refunded|refused, failureCode, and '
    'settlements, the calls to make at PayPal: void (authorizationId), capture (the part that is '
    'kept), refund (refundId). settlement is the first, or none. Locks car, booking, payments. '
    'Writes the booking, the marks and refunds, and the audit log.';
