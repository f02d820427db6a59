-- Voiding authorizations. The mark (void_reason) is written first, and capture runs skip a marked
-- payment.
--
-- A reauthorization cannot be voided. PayPal voids the authorization that it extends, and both end.
--
-- Functions of other files:
--   authorizations.sql  end_review
--   payments.sql        close_operation, known_operation, open_operation

DROP FUNCTION IF EXISTS internal.is_to_be_voided(public.payments);

DROP FUNCTION IF EXISTS internal.retry_later(public.payment_operations, timestamptz);

-- Whether PayPal has done anything for us within the last hour. During an outage it has not.
CREATE OR REPLACE FUNCTION internal.paypal_works(p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM public.payment_operations
        WHERE status = 'succeeded' AND result_id IS NOT NULL AND finished_at > p_now - interval '1 hour');
END;
$$;

-- Counts a failure of an operation and returns the time of its next attempt: after 10 minutes,
-- which is within one interval of the cron, then doubling. Earlier operations about the same
-- subject count.
--
-- The pause is at most a day if PayPal refused, or if it fails for this operation alone. It is at
-- most an hour in an outage, and always for a capture without a decision, because an authorization
-- ends.
CREATE OR REPLACE FUNCTION internal.retry_later(
    p_operation public.payment_operations, p_kind text, p_now timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_failures integer;
    v_longest  interval := interval '1 day';
BEGIN
    IF p_kind IN ('retryable', 'unknown') AND (p_operation.operation = 'capture' OR NOT internal.paypal_works(p_now)) THEN
        v_longest := interval '1 hour';
    END IF;
    UPDATE public.payment_operations SET failures = failures + 1 WHERE request_id = p_operation.request_id;
    SELECT sum(failures) INTO v_failures FROM public.payment_operations
    WHERE payment_id = p_operation.payment_id AND operation = p_operation.operation
      AND subject_id IS NOT DISTINCT FROM p_operation.subject_id;
    RETURN p_now + least(interval '10 minutes' * power(2, least(v_failures - 1, 10)), v_longest);
END;
$$;

-- The authorization that PayPal is to void for a payment, and that it can reauthorize.
CREATE OR REPLACE FUNCTION internal.voidable_authorization(p_payment public.payments) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(p_payment.original_authorization_id, p_payment.authorization_id);
END;
$$;

-- Whether PayPal may hold money of a payment that is not captured. A refused capture does not end
-- the authorization, and one of a part may leave the rest.
CREATE OR REPLACE FUNCTION internal.holds_money(p_payment public.payments, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_payment.authorization_id IS NOT NULL AND p_payment.hold_ended_at IS NULL
       AND p_payment.status NOT IN ('created', 'voided', 'expired')
       AND p_payment.failure_code IS DISTINCT FROM 'authorization_denied'
       -- PayPal has not begun to hold what it reviews, so the review has no end of its own.
       AND (p_payment.status = 'authorization_pending' OR coalesce(p_payment.authorization_expires_at > p_now, true));
END;
$$;

-- Whether PayPal is to release the money that it holds of a payment. The part that a cancellation
-- keeps is captured first, unless PayPal refused it. An authorization that PayPal reviews may still
-- revive its hold.
CREATE OR REPLACE FUNCTION internal.is_to_be_voided(
    p_payment public.payments, p_booking_status text, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN internal.holds_money(p_payment, p_now) AND p_payment.status NOT IN ('capturing', 'capture_pending')
       AND CASE
           WHEN p_payment.void_reason IS NOT NULL THEN true
           WHEN p_payment.status = 'authorization_pending' THEN p_booking_status = 'cancelled' AND p_payment.capture_amount IS NULL
           WHEN p_payment.status = 'authorized' THEN p_booking_status IN ('cancelled', 'expired') AND p_payment.capture_amount IS NULL
           ELSE p_booking_status IN ('cancelled', 'expired')
       END;
END;
$$;

-- PayPal denied an authorization of a payment, so it holds nothing of it. A payment that has ended
-- stays what it is, and one that has another authorization does not change.
CREATE OR REPLACE FUNCTION internal.end_denied_hold(
    p_payment public.payments, p_authorization_id text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_payment.authorization_id <> p_authorization_id THEN
        RETURN;
    END IF;
    IF p_payment.status IN ('created', 'authorization_pending') THEN
        UPDATE public.payments
        SET status = 'failed', failure_code = 'authorization_denied', pending_since = NULL, hold_ended_at = p_now, updated_at = p_now
        WHERE id = p_payment.id;
        PERFORM internal.end_review(p_payment.booking_id, p_now);
    ELSE
        UPDATE public.payments SET hold_ended_at = p_now, updated_at = p_now
        WHERE id = p_payment.id AND authorization_id IS NOT NULL AND hold_ended_at IS NULL;
    END IF;
END;
$$;

CREATE OR REPLACE FUNCTION public.begin_void(
    p_payment_id uuid, p_authorization_id text, p_reason text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment    public.payments;
    v_request_id text;
    v_own        boolean;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_own := internal.voidable_authorization(v_payment) = p_authorization_id;
    IF v_payment.id IS NULL OR p_authorization_id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'not_voidable', 'requestId', NULL);
    END IF;
    IF EXISTS (SELECT FROM public.payment_operations
               WHERE payment_id = p_payment_id AND operation = 'void' AND subject_id = p_authorization_id AND status = 'succeeded')
       AND NOT (v_own AND internal.holds_money(v_payment, p_now)) THEN
        RETURN jsonb_build_object('outcome', 'already_voided', 'requestId', NULL);
    END IF;
    IF v_own AND (v_payment.status IN ('capturing', 'capture_pending') OR NOT internal.holds_money(v_payment, p_now)) THEN
        RETURN jsonb_build_object('outcome', 'not_voidable', 'requestId', NULL);
    END IF;
    IF v_own AND v_payment.captured_amount IS NULL THEN
        UPDATE public.payments SET void_reason = coalesce(void_reason, p_reason, 'unspecified'), updated_at = p_now
        WHERE id = p_payment_id;
    END IF;
    SELECT o.request_id INTO v_request_id
    FROM internal.open_operation(p_payment_id, 'void', p_authorization_id, p_now) AS o;
    RETURN jsonb_build_object('outcome', 'void', 'requestId', v_request_id);
END;
$$;
COMMENT ON FUNCTION public.begin_void IS
    'Before an authorization is voided. Outcomes: void (call PayPal with requestId, then '
    'record_void or record_void_failure); already_voided; not_voidable (being captured, under '
    'review, or PayPal holds nothing). An authorization that is not the payment''s own (a second '
    'one) is voided without touching the payment. So is the rest of one that was captured in part: '
    'it gets no mark, because its capture may be kept. Locks the payment. Writes the mark and the '
    'operation.';

CREATE OR REPLACE FUNCTION public.record_void(
    p_payment_id uuid, p_request_id text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_operation public.payment_operations;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status <> 'succeeded' THEN
        PERFORM internal.close_operation(p_request_id, 'succeeded', v_operation.subject_id, NULL, p_now);
        IF internal.voidable_authorization(v_payment) = v_operation.subject_id THEN
            UPDATE public.payments
            SET status = CASE WHEN status NOT IN ('authorization_pending', 'authorized') THEN status
                    WHEN void_reason = 'payment_mismatch' THEN 'failed' ELSE 'voided' END,
                failure_code = CASE WHEN void_reason = 'payment_mismatch' THEN void_reason ELSE failure_code END,
                pending_since = CASE WHEN status = 'capture_pending' THEN pending_since END,
                voided_at = p_now, hold_ended_at = p_now, next_attempt_at = NULL, updated_at = p_now
            WHERE id = p_payment_id;
            -- A capture or reauthorization of a voided authorization can have no effect, whatever
            -- the outcome of its last attempt was.
            UPDATE public.payment_operations
            SET status = 'failed', in_doubt = false, error_code = coalesce(error_code, 'voided'), finished_at = p_now
            WHERE payment_id = p_payment_id AND operation IN ('capture', 'reauthorize') AND status = 'open';
        END IF;
    END IF;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_void IS
    'After PayPal has voided. Outcome: recorded, also the second time. An authorized payment '
    'becomes voided, or failed after a mismatch. A failed one stays failed, and a captured one '
    'keeps its money. Locks the payment.';

CREATE OR REPLACE FUNCTION public.record_void_failure(
    p_payment_id uuid, p_request_id text, p_error_code text, p_kind text, p_retry_at timestamptz DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_operation public.payment_operations;
    v_next      timestamptz;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'declined', 'ended', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of void failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status <> 'open' THEN
        RETURN jsonb_build_object('outcome', 'replayed');
    END IF;
    IF p_kind IN ('declined', 'ended') THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSE
        UPDATE public.payment_operations SET in_doubt = (p_kind = 'unknown'), error_code = p_error_code
        WHERE request_id = p_request_id;
    END IF;
    v_next := coalesce(p_retry_at, internal.retry_later(v_operation, p_kind, p_now));
    UPDATE public.payments AS p SET next_attempt_at = v_next
    WHERE p.id = p_payment_id AND internal.voidable_authorization(p) = v_operation.subject_id
      AND p.status NOT IN ('capturing', 'capture_pending');
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_void_failure IS
    'A void did not succeed. p_kind retryable or unknown: retried under the same id. declined or '
    'ended: PayPal refused this call, and the next one has a new id. It is retried at p_retry_at, '
    'otherwise after 10 minutes, then doubling, at most a day, or an hour in an outage of PayPal. '
    'Outcomes: recorded, replayed (another caller has its outcome: nothing written). Locks the payment.';

CREATE OR REPLACE FUNCTION public.authorizations_to_void(p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(due.item), '[]') FROM (
            SELECT jsonb_build_object('paymentId', p.id, 'bookingId', b.id, 'reference', b.reference,
                'authorizationId', internal.voidable_authorization(p), 'reason', coalesce(p.void_reason, 'booking_' || b.status)) AS item
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE p.authorization_id IS NOT NULL AND p.hold_ended_at IS NULL
              AND (p.void_reason IS NOT NULL OR b.status IN ('cancelled', 'expired'))
              AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= p_now)
              AND p.updated_at <= p_now - interval '2 minutes'
              AND internal.is_to_be_voided(p, b.status, p_now)
            ORDER BY coalesce(p.next_attempt_at, p.updated_at), p.id LIMIT p_limit
        ) AS due);
END;
$$;
COMMENT ON FUNCTION public.authorizations_to_void IS
    'Authorizations that may hold money for no booking, for example after a crash, in any state of '
    'the payment: [{paymentId, bookingId, reference, authorizationId, reason}], those that wait '
    'longest first. Each is left alone for 2 minutes, and after a failed void until its next '
    'attempt. begin_void, PayPal and record_void or record_void_failure settle them. Reads only.';
