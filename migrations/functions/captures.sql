-- Capturing due payments, each once.
--
-- A run claims payments for two minutes. After a crash the claim expires and the operation stays
-- open, so the next run repeats the same call under the same request id.
--
-- Functions of other files:
--   audit.sql             audit
--   bookings.sql          lock_booking
--   capture_rules.sql     capture_scheduled_at, note_capture_attempt
--   formats.sql           money, utc
--   payments.sql          close_operation, has_live_lease, known_operation,
--                         lock_payment, open_operation
--   reauthorizations.sql  should_reauthorize
--   refunds.sql           order_refund

-- Ends the open capture operation of a payment, whose capture is known not to have happened. The
-- next capture has another authorization or amount, so it needs another request id.
CREATE OR REPLACE FUNCTION internal.give_up_capture(p_payment_id uuid, p_reason text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations
    SET status = 'failed', in_doubt = false, error_code = coalesce(error_code, p_reason), finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'capture' AND status = 'open';
END;
$$;

-- The capture operation of a claim. If the claim reauthorizes first, an open operation for the old
-- authorization ends here. PayPal has refused it or never received it.
CREATE OR REPLACE FUNCTION internal.open_capture(
    p_payment public.payments, p_reauthorize boolean, p_now timestamptz, OUT request_id text, OUT resumed boolean
)
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_reauthorize THEN
        PERFORM internal.give_up_capture(p_payment.id, 'reauthorizing', p_now);
    END IF;
    SELECT o.request_id, o.resumed INTO request_id, resumed
    FROM internal.open_operation(p_payment.id, 'capture', p_payment.authorization_id, p_now) AS o;
END;
$$;

-- Claims one payment for two minutes and returns the claim.
CREATE OR REPLACE FUNCTION internal.claim_capture(p_payment_id uuid, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment     public.payments;
    v_capture     record;
    v_reauthorize text;
BEGIN
    UPDATE public.payments
    SET status = 'capturing', lease_id = gen_random_uuid(), lease_expires_at = p_now + interval '2 minutes',
        attempts = attempts + 1, updated_at = p_now
    WHERE id = p_payment_id RETURNING * INTO v_payment;
    PERFORM internal.note_capture_attempt(v_payment.booking_id, p_now);
    IF internal.should_reauthorize(v_payment, p_now) THEN
        SELECT o.request_id INTO v_reauthorize
        FROM internal.open_operation(p_payment_id, 'reauthorize', v_payment.authorization_id, p_now) AS o;
    END IF;
    SELECT * INTO v_capture FROM internal.open_capture(v_payment, v_reauthorize IS NOT NULL, p_now);
    RETURN (
        SELECT jsonb_build_object(
            'paymentId', v_payment.id, 'bookingId', b.id, 'reference', b.reference, 'lease', v_payment.lease_id,
            'authorizationId', v_payment.authorization_id, 'authorizedAt', internal.utc(v_payment.authorized_at),
            'authorizationExpiresAt', internal.utc(v_payment.authorization_expires_at), 'orderId', v_payment.order_id,
            'amount', internal.money(coalesce(v_payment.capture_amount, v_payment.amount)),
            'authorizedAmount', internal.money(v_payment.amount), 'currency', v_payment.currency, 'attempt', v_payment.attempts,
            'requestId', v_capture.request_id, 'resumed', v_capture.resumed, 'reauthorizeRequestId', v_reauthorize)
        FROM public.bookings AS b WHERE b.id = v_payment.booking_id);
END;
$$;

-- Whether a payment is due for capture: its scheduled time has come, or an earlier capture has no
-- outcome yet, or the booking was cancelled and a part of the price is kept.
CREATE OR REPLACE FUNCTION internal.capture_is_due(
    p_booking public.bookings, p_payment public.payments, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_booking.status IN ('upcoming', 'active', 'completed') THEN coalesce(internal.capture_scheduled_at(p_booking) <= p_now, false)
            OR EXISTS (SELECT FROM public.payment_operations AS o
                       WHERE o.payment_id = p_payment.id AND o.operation = 'capture' AND o.status = 'open')
        WHEN p_booking.status = 'cancelled' THEN p_payment.capture_amount IS NOT NULL
        ELSE false
    END;
END;
$$;

CREATE OR REPLACE FUNCTION public.process_scheduled_payment_captures(
    p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_due     uuid[];
    v_claimed jsonb := '[]';
    v_id      uuid;
BEGIN
    SELECT coalesce(array_agg(due.id), '{}') INTO v_due FROM (
        SELECT p.id
        FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
        WHERE p.status IN ('authorized', 'capturing') AND p.void_reason IS NULL
          AND NOT internal.has_live_lease(p, p_now)
          AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= p_now)
          AND internal.capture_is_due(b, p, p_now)
        ORDER BY internal.capture_scheduled_at(b), p.id
        LIMIT p_limit FOR UPDATE OF b, p SKIP LOCKED
    ) AS due;
    FOREACH v_id IN ARRAY v_due LOOP
        v_claimed := v_claimed || internal.claim_capture(v_id, p_now);
    END LOOP;
    RETURN v_claimed;
END;
$$;
COMMENT ON FUNCTION public.process_scheduled_payment_captures IS
    'Claims up to p_limit payments whose capture is due: status capturing, a claim of 2 minutes, '
    'the operation written. Returns [{paymentId, bookingId, reference, lease, authorizationId, '
    'authorizedAt, authorizationExpiresAt, orderId, amount, authorizedAmount, currency, attempt, '
    'requestId, resumed, reauthorizeRequestId}]. Capture amount, and reauthorize authorizedAmount. '
    'resumed: an earlier capture has no known outcome, look it up at PayPal first. '
    'reauthorizeRequestId: reauthorize first, and record the outcome (record_reauthorization, '
    'record_payment_failure) before capturing. Two runs claim disjoint payments (SKIP LOCKED). '
    'Each claim ends with record_capture or record_capture_failure.';

CREATE OR REPLACE FUNCTION public.claim_payment_capture(
    p_booking_id uuid, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking public.bookings := internal.lock_booking(p_booking_id);
    v_payment public.payments;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    v_payment := internal.lock_payment(p_booking_id, p_now);
    IF v_payment.capture_id IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', 'already_captured', 'captureId', v_payment.capture_id);
    END IF;
    IF internal.has_live_lease(v_payment, p_now) THEN
        RETURN jsonb_build_object('outcome', 'payment_in_progress');
    END IF;
    IF v_payment.status IS NULL OR v_payment.status NOT IN ('authorized', 'capturing')
       OR (v_booking.status NOT IN ('upcoming', 'active', 'completed') AND v_payment.capture_amount IS NULL) THEN
        RETURN jsonb_build_object('outcome', 'not_capturable');
    END IF;
    PERFORM internal.audit(p_actor, 'capture.ordered', 'payment', v_payment.id::text,
        jsonb_build_object('bookingId', p_booking_id), p_request_id, p_now);
    RETURN jsonb_build_object('outcome', 'claimed', 'claim', internal.claim_capture(v_payment.id, p_now));
END;
$$;
COMMENT ON FUNCTION public.claim_payment_capture IS
    'Claims the capture of one booking before its schedule, like '
    'process_scheduled_payment_captures. Outcomes: claimed (claim); already_captured (captureId); '
    'payment_in_progress (claimed by another caller); not_capturable (nothing is authorized for a '
    'live booking); booking_not_found. Locks car, booking, payment. Writes the claim, the '
    'operation and the audit log.';

-- Writes a security event: PayPal captured a second time.
CREATE OR REPLACE FUNCTION internal.record_unexpected_capture(
    p_payment public.payments, p_capture_id text, p_amount numeric, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail)
    VALUES (p_now, 'duplicate_capture', jsonb_build_object(
        'paymentId', p_payment.id, 'bookingId', p_payment.booking_id, 'captureId', p_capture_id,
        'amount', p_amount::text, 'recordedCaptureId', p_payment.capture_id));
END;
$$;

-- Orders a refund after an unwanted capture, less the part that a cancellation keeps. A capture is
-- unwanted if the booking is cancelled or the authorization was to be voided.
CREATE OR REPLACE FUNCTION internal.give_back_what_is_not_kept(p_payment public.payments, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_owed numeric := p_payment.captured_amount - coalesce(p_payment.capture_amount, 0);
BEGIN
    IF v_owed > 0 AND (p_payment.void_reason IS NOT NULL
        OR EXISTS (SELECT FROM public.bookings WHERE id = p_payment.booking_id AND status = 'cancelled')) THEN
        PERFORM internal.order_refund(
            p_payment.id, v_owed, 'cancellation', 'system', coalesce(p_payment.void_reason, 'booking_cancelled'), p_now);
    END IF;
END;
$$;

-- Records a capture, and orders a refund if the capture is unwanted.
CREATE OR REPLACE FUNCTION internal.set_captured(
    p_payment_id uuid, p_capture_id text, p_amount numeric, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    UPDATE public.payments
    SET status = 'captured', capture_id = p_capture_id, captured_at = p_now, captured_amount = p_amount,
        lease_id = NULL, lease_expires_at = NULL, next_attempt_at = NULL, failure_code = NULL, updated_at = p_now
    WHERE id = p_payment_id RETURNING * INTO v_payment;
    PERFORM internal.give_back_what_is_not_kept(v_payment, p_now);
END;
$$;

CREATE OR REPLACE FUNCTION public.record_capture(
    p_payment_id uuid, p_lease uuid, p_request_id text, p_capture_id text, p_amount numeric,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    PERFORM internal.known_operation(p_payment_id, p_request_id);
    IF v_payment.capture_id IS NOT NULL THEN
        IF v_payment.capture_id <> p_capture_id THEN
            PERFORM internal.record_unexpected_capture(v_payment, p_capture_id, p_amount, p_now);
        END IF;
        RETURN jsonb_build_object('outcome', 'replayed');
    END IF;
    PERFORM internal.close_operation(p_request_id, 'succeeded', p_capture_id, NULL, p_now);
    PERFORM internal.set_captured(p_payment_id, p_capture_id, p_amount, p_now);
    RETURN jsonb_build_object('outcome', 'captured');
END;
$$;
COMMENT ON FUNCTION public.record_capture IS
    'After PayPal has captured. Outcomes: captured, replayed (recorded before; a different '
    'capture id goes to security_events as duplicate_capture). p_lease is not compared, because the '
    'capture is recorded even when the claim expired or the payment ended meanwhile. For a '
    'cancelled booking it orders a refund of the part that is not kept. Locks the payment.';

CREATE OR REPLACE FUNCTION public.record_capture_failure(
    p_payment_id uuid, p_lease uuid, p_request_id text, p_error_code text, p_kind text, p_retry_at timestamptz DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'final', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of capture failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    PERFORM internal.known_operation(p_payment_id, p_request_id);
    IF v_payment.status <> 'capturing' OR v_payment.lease_id IS DISTINCT FROM p_lease THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    IF p_kind = 'final' THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSE
        UPDATE public.payment_operations SET in_doubt = (p_kind = 'unknown'), error_code = p_error_code
        WHERE request_id = p_request_id;
    END IF;
    UPDATE public.payments
    SET status = CASE p_kind WHEN 'retryable' THEN 'authorized' WHEN 'final' THEN 'failed' ELSE 'capturing' END,
        failure_code = p_error_code, lease_id = NULL, lease_expires_at = NULL,
        next_attempt_at = CASE WHEN p_kind <> 'final' THEN p_retry_at END, updated_at = p_now
    WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_capture_failure IS
    'A capture did not succeed. p_kind retryable: back to authorized, retried at p_retry_at under '
    'the same id. final: failed, for an operator to decide. unknown: stays capturing, and at '
    'p_retry_at the next run looks it up at PayPal. Outcomes: recorded, lease_lost (another run '
    'has claimed it: nothing written). Locks the payment.';
