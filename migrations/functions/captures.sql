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
--   payment_sums.sql      is_replaced, lock_payment_of_booking, put_capture, recount_payment
--   payments.sql          close_operation, has_live_lease, known_operation, latest_payment,
--                         open_operation
--   reauthorizations.sql  should_reauthorize
--   voids.sql             holds_money, retry_later, voidable_authorization

DROP FUNCTION IF EXISTS public.record_capture(uuid, uuid, text, text, numeric, timestamptz);
DROP FUNCTION IF EXISTS internal.capture_is_due(public.bookings, public.payments, timestamptz);
DROP FUNCTION IF EXISTS internal.record_unexpected_capture(public.payments, text, numeric, timestamptz);
DROP FUNCTION IF EXISTS internal.give_back_what_is_not_kept(public.payments, timestamptz);
DROP FUNCTION IF EXISTS internal.set_captured(uuid, text, numeric, timestamptz);

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
    IF p_reauthorize THEN
        -- It is sent after the outcome of the reauthorization is recorded.
        UPDATE public.payment_operations AS o SET in_doubt = false WHERE o.request_id = open_capture.request_id;
    END IF;
END;
$$;

-- Whether the outcome of the open capture is to be looked up and the capture not repeated: the
-- booking was cancelled after it began, or the payment is to be voided.
CREATE OR REPLACE FUNCTION internal.is_look_only(p_payment public.payments) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM public.payment_operations AS o JOIN public.bookings AS b ON b.id = p_payment.booking_id
        WHERE o.payment_id = p_payment.id AND o.operation = 'capture' AND o.status = 'open'
          AND (p_payment.void_reason IS NOT NULL OR o.started_at <= b.cancelled_at));
END;
$$;

-- Claims one payment for two minutes and returns the claim.
CREATE OR REPLACE FUNCTION internal.claim_capture(p_payment_id uuid, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment     public.payments;
    v_capture     record;
    v_reauthorize text;
    v_look_only   boolean;
BEGIN
    UPDATE public.payments
    SET status = 'capturing', lease_id = gen_random_uuid(), lease_expires_at = p_now + interval '2 minutes',
        attempts = attempts + 1, updated_at = p_now
    WHERE id = p_payment_id RETURNING * INTO v_payment;
    PERFORM internal.note_capture_attempt(v_payment.booking_id, p_now);
    v_look_only := internal.is_look_only(v_payment);
    IF NOT v_look_only AND internal.should_reauthorize(v_payment, p_now) THEN
        SELECT o.request_id INTO v_reauthorize FROM internal.open_operation(
            p_payment_id, 'reauthorize', internal.voidable_authorization(v_payment), p_now) AS o;
    END IF;
    SELECT * INTO v_capture FROM internal.open_capture(v_payment, v_reauthorize IS NOT NULL, p_now);
    RETURN (
        SELECT jsonb_build_object(
            'paymentId', v_payment.id, 'bookingId', b.id, 'reference', b.reference, 'lease', v_payment.lease_id,
            'authorizationId', v_payment.authorization_id, 'originalAuthorizationId', internal.voidable_authorization(v_payment),
            'authorizedAt', internal.utc(v_payment.authorized_at),
            'authorizationExpiresAt', internal.utc(v_payment.authorization_expires_at), 'orderId', v_payment.order_id,
            'amount', internal.money(coalesce(v_payment.capture_amount, v_payment.amount)),
            'authorizedAmount', internal.money(v_payment.amount), 'currency', v_payment.currency, 'attempt', v_payment.attempts,
            'requestId', v_capture.request_id, 'resumed', v_capture.resumed, 'lookOnly', v_look_only,
            'reauthorizeRequestId', v_reauthorize)
        FROM public.bookings AS b WHERE b.id = v_payment.booking_id);
END;
$$;

-- The payments whose capture is due, locked. Those without a failed attempt come first, by their
-- schedule, so that a capture that fails again delays none. Other callers' rows are skipped. Due
-- are
--   authorized payments of confirmed bookings whose scheduled time has come, or whose capture was
--     ordered before and did not succeed,
--   failed ones of confirmed bookings, because a payer who could not pay may pay later,
--   the part that a cancellation keeps,
--   captures without a known outcome, whatever became of the booking.
-- The SQL is dynamic, so that it works without the column of the schedule and reads it fast with
-- it.
CREATE OR REPLACE FUNCTION internal.lock_due_captures(p_limit integer, p_now timestamptz) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_schedule text;
    v_due      uuid[];
BEGIN
    SELECT coalesce(min('b.' || attname), 'NULL::timestamptz') INTO v_schedule FROM pg_catalog.pg_attribute
    WHERE attrelid = 'public.bookings'::pg_catalog.regclass AND attname = 'payment_capture_scheduled_at' AND NOT attisdropped;
    EXECUTE replace($query$
        SELECT coalesce(array_agg(due.id), '{}') FROM (
            SELECT p.id
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            CROSS JOIN LATERAL (SELECT p.id IN (
                SELECT o.payment_id FROM public.payment_operations AS o WHERE o.operation = 'capture' AND o.status = 'open') AS is_open) AS capture
            WHERE (p.status IN ('authorized', 'capturing') OR (p.status = 'failed' AND p.next_attempt_at IS NOT NULL))
              AND (p.lease_expires_at IS NULL OR p.lease_expires_at <= $2)
              AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= $2)
              AND CASE
                WHEN p.status = 'capturing' AND capture.is_open THEN true
                WHEN p.void_reason IS NOT NULL THEN false
                WHEN b.status = 'cancelled' THEN p.status = 'authorized' AND p.capture_amount IS NOT NULL
                WHEN b.status NOT IN ('upcoming', 'active', 'completed') THEN false
                WHEN p.status = 'failed' THEN p.hold_ended_at IS NULL AND p.authorization_expires_at > $2 AND NOT internal.is_replaced(p)
                ELSE capture.is_open OR coalesce({schedule} <= $2, false)
              END
            ORDER BY p.next_attempt_at NULLS FIRST, {schedule}, p.id
            LIMIT $1 FOR UPDATE OF b, p SKIP LOCKED
        ) AS due $query$, '{schedule}', v_schedule) INTO v_due USING p_limit, p_now;
    RETURN v_due;
END;
$$;

CREATE OR REPLACE FUNCTION public.process_scheduled_payment_captures(
    p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_claimed jsonb := '[]';
    v_id      uuid;
BEGIN
    FOREACH v_id IN ARRAY internal.lock_due_captures(p_limit, p_now) LOOP
        v_claimed := v_claimed || internal.claim_capture(v_id, p_now);
    END LOOP;
    RETURN v_claimed;
END;
$$;
COMMENT ON FUNCTION public.process_scheduled_payment_captures IS
    'Claims up to p_limit payments whose capture is due: status capturing, a claim of 2 minutes, '
    'the operation written. Returns [{paymentId, bookingId, reference, lease, authorizationId, '
    'originalAuthorizationId, authorizedAt, authorizationExpiresAt, orderId, amount, '
    'authorizedAmount, currency, attempt, requestId, resumed, lookOnly, reauthorizeRequestId}]. '
    'Capture amount, and reauthorize authorizedAmount. resumed: an earlier capture has no known '
    'outcome, look it up at PayPal first. lookOnly: do not repeat it, record it, or its failure as '
    'ended. reauthorizeRequestId: reauthorize originalAuthorizationId first, and record the outcome '
    '(record_reauthorization, record_reauthorization_failure) before capturing. Two runs claim '
    'disjoint payments (SKIP LOCKED). Each claim ends with record_capture or record_capture_failure.';

-- Locks the payments of a booking and returns the one that the booking shows, which an operator
-- captures or reauthorizes. An expired claim without an open capture was for a reauthorization. It
-- is released, so the payment is authorized again. Returns a row of NULLs if there is none.
CREATE OR REPLACE FUNCTION internal.lock_chargeable_payment(p_booking_id uuid, p_now timestamptz) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    PERFORM FROM public.payments WHERE booking_id = p_booking_id ORDER BY id FOR UPDATE;
    v_payment := internal.latest_payment(p_booking_id);
    IF v_payment.status = 'capturing' AND NOT internal.has_live_lease(v_payment, p_now) AND NOT EXISTS (
        SELECT FROM public.payment_operations WHERE payment_id = v_payment.id AND operation = 'capture' AND status = 'open') THEN
        UPDATE public.payments SET status = 'authorized', lease_id = NULL, lease_expires_at = NULL, updated_at = p_now
        WHERE id = v_payment.id RETURNING * INTO v_payment;
    END IF;
    RETURN v_payment;
END;
$$;

-- The reason why an operator cannot capture or reauthorize this payment of the booking, or NULL.
CREATE OR REPLACE FUNCTION internal.charge_refusal(
    p_booking public.bookings, p_payment public.payments, p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_payment.captured_amount < coalesce(p_payment.capture_amount, p_payment.amount) AND p_payment.status <> 'refunded'
            THEN jsonb_build_object('outcome', 'captured_in_part')
        WHEN p_payment.captured_amount IS NOT NULL AND p_payment.status <> 'refunded'
            THEN jsonb_build_object('outcome', 'already_captured', 'captureId', p_payment.capture_id)
        WHEN p_payment.status = 'refunded' THEN jsonb_build_object('outcome', 'already_refunded')
        WHEN p_payment.status = 'capture_pending' THEN jsonb_build_object('outcome', 'capture_pending', 'captureId', p_payment.capture_id)
        WHEN internal.has_live_lease(p_payment, p_now) THEN jsonb_build_object('outcome', 'payment_in_progress')
        WHEN p_payment.status = 'authorization_pending' THEN jsonb_build_object('outcome', 'authorization_pending')
        WHEN p_payment.void_reason IS NULL AND p_payment.authorization_id IS NOT NULL
             AND (p_payment.status IN ('voided', 'expired') OR (p_payment.status = 'failed' AND NOT internal.holds_money(p_payment, p_now)))
            THEN jsonb_build_object('outcome', 'authorization_ended')
        WHEN p_payment.void_reason IS NOT NULL OR p_payment.authorization_id IS NULL
             OR p_payment.status NOT IN ('authorized', 'capturing', 'failed')
             OR (p_booking.status NOT IN ('upcoming', 'active', 'completed')
                 AND NOT (p_booking.status = 'cancelled' AND p_payment.capture_amount IS NOT NULL AND p_payment.status <> 'failed'))
            THEN jsonb_build_object('outcome', 'not_capturable')
    END;
END;
$$;

CREATE OR REPLACE FUNCTION public.claim_payment_capture(
    p_booking_id uuid, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking public.bookings := internal.lock_booking(p_booking_id);
    v_payment public.payments;
    v_refusal jsonb;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    v_payment := internal.lock_chargeable_payment(p_booking_id, p_now);
    v_refusal := internal.charge_refusal(v_booking, v_payment, p_now);
    IF v_refusal IS NOT NULL THEN
        RETURN v_refusal;
    END IF;
    PERFORM internal.audit(p_actor, 'capture.ordered', 'payment', v_payment.id::text,
        jsonb_build_object('bookingId', p_booking_id), p_request_id, p_now);
    RETURN jsonb_build_object('outcome', 'claimed', 'claim', internal.claim_capture(v_payment.id, p_now));
END;
$$;
COMMENT ON FUNCTION public.claim_payment_capture IS
    'Claims the capture of one booking before its schedule, like '
    'process_scheduled_payment_captures. A payment that PayPal refused to capture can be claimed '
    'while its authorization lives. Outcomes: claimed (claim); already_captured (captureId); '
    'captured_in_part (in PayPal''s console: an operator decides about the rest); '
    'capture_pending (captureId: PayPal reviews it); already_refunded; payment_in_progress (claimed '
    'by another caller); authorization_pending (PayPal reviews the authorization); '
    'authorization_ended (it was voided or denied, or has expired); not_capturable (nothing is '
    'authorized for a live booking); booking_not_found. Locks car, booking, payments. Writes the '
    'claim, the operation and the audit log.';

-- Writes a security event if PayPal captured more than was ordered. p_capture_id is the new one.
CREATE OR REPLACE FUNCTION internal.note_excess_capture(
    p_before public.payments, p_after public.payments, p_capture_id text, p_amount numeric, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_before.captured_amount IS NOT NULL AND p_after.captured_amount > p_before.captured_amount
       AND p_after.captured_amount > coalesce(p_after.capture_amount, p_after.amount) THEN
        INSERT INTO public.security_events (occurred_at, kind, detail)
        VALUES (p_now, 'duplicate_capture', jsonb_build_object(
            'paymentId', p_after.id, 'bookingId', p_after.booking_id, 'captureId', p_capture_id,
            'amount', p_amount::text, 'recordedCaptureId', p_before.capture_id));
    END IF;
END;
$$;

-- Stores a capture, counts the payment, and names what became of it: captured, capture_pending,
-- capture_declined, or replayed if nothing changed. The caller holds the locks.
CREATE OR REPLACE FUNCTION internal.store_capture(
    p_payment public.payments, p_capture_id text, p_amount numeric, p_status text, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT internal.put_capture(p_payment.id, p_capture_id, p_amount, p_status, p_now) THEN
        RETURN 'replayed';
    END IF;
    PERFORM internal.note_excess_capture(
        p_payment, internal.recount_payment(p_payment.id, p_now), p_capture_id, p_amount, p_now);
    RETURN CASE p_status WHEN 'completed' THEN 'captured' ELSE 'capture_' || p_status END;
END;
$$;

-- Ends the hold of a payment after a capture of ours. It was final, so PayPal releases the rest,
-- and a part is all that it may review. After a completed one, a reauthorization without a known
-- outcome is of no use.
CREATE OR REPLACE FUNCTION internal.end_captured_hold(p_payment_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payments SET hold_ended_at = p_now WHERE id = p_payment_id AND hold_ended_at IS NULL;
    UPDATE public.payment_operations
    SET status = 'failed', in_doubt = false, error_code = coalesce(error_code, 'captured'), finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'reauthorize' AND status = 'open'
      AND EXISTS (SELECT FROM public.payments WHERE id = p_payment_id AND captured_amount IS NOT NULL);
END;
$$;

CREATE OR REPLACE FUNCTION public.record_capture(
    p_payment_id uuid, p_lease uuid, p_request_id text, p_capture_id text, p_amount numeric,
    p_status text DEFAULT 'completed', p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments := internal.lock_payment_of_booking(p_payment_id);
    v_outcome text;
BEGIN
    IF (internal.known_operation(p_payment_id, p_request_id)).status <> 'succeeded' THEN
        PERFORM internal.close_operation(p_request_id, 'succeeded', p_capture_id, NULL, p_now);
    END IF;
    v_outcome := internal.store_capture(v_payment, p_capture_id, p_amount, p_status, p_now);
    IF p_status = 'completed' OR v_payment.capture_amount IS NOT NULL THEN
        PERFORM internal.end_captured_hold(p_payment_id, p_now);
    END IF;
    RETURN jsonb_build_object('outcome', v_outcome);
END;
$$;
COMMENT ON FUNCTION public.record_capture IS
    'PayPal has a capture of ours. p_status: completed, or pending (PayPal reviews it). Outcomes: '
    'captured; capture_pending; replayed (recorded before). A sum beyond what was ordered goes to '
    'security_events as duplicate_capture. p_lease is not compared, because the capture is recorded '
    'even when the claim expired or the payment ended meanwhile. Orders a refund of money that is '
    'not kept: of a cancelled booking, or of a payment that was to be voided. Locks booking, '
    'payment.';

CREATE OR REPLACE FUNCTION public.record_capture_failure(
    p_payment_id uuid, p_lease uuid, p_request_id text, p_error_code text, p_kind text, p_retry_at timestamptz DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_operation public.payment_operations;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'declined', 'ended', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of capture failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_payment.status <> 'capturing' OR v_payment.lease_id IS DISTINCT FROM p_lease THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    IF p_kind IN ('declined', 'ended') THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSE
        -- A call that was not sent has no reason of its own.
        UPDATE public.payment_operations
        SET in_doubt = (p_kind = 'unknown'),
            error_code = CASE WHEN p_error_code IN ('time_over', 'paypal_refuses_us') THEN coalesce(error_code, p_error_code) ELSE p_error_code END
        WHERE request_id = p_request_id;
    END IF;
    UPDATE public.payments
    SET status = CASE p_kind WHEN 'declined' THEN 'failed' WHEN 'unknown' THEN 'capturing' ELSE 'authorized' END,
        failure_code = p_error_code, lease_id = NULL, lease_expires_at = NULL,
        next_attempt_at = coalesce(p_retry_at, internal.retry_later(v_operation, p_kind, p_now)),
        attempts = attempts - CASE WHEN p_kind = 'retryable' AND attempts > 0 THEN 1 ELSE 0 END, updated_at = p_now
    WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_capture_failure IS
    'A capture did not succeed. It is retried at p_retry_at, otherwise after 10 minutes, then '
    'doubling, at most an hour (retryable, unknown) or a day. p_kind retryable: nothing happened, '
    'back to authorized, retried under the same id, and the attempt does not count. declined: '
    'failed, because this payer cannot pay now. It is retried while the authorization lives. ended: '
    'this call never succeeds, back to authorized, and PayPal''s record decides whether the '
    'authorization has ended. unknown: stays capturing, and the next run looks it up at PayPal. '
    'Outcomes: recorded, lease_lost (another run has claimed it: nothing written). Locks the '
    'payment.';
