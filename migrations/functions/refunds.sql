-- Refunds. The transaction that decides on a refund also stores it. It is then made at PayPal once.
--
-- A refund is of one capture. An order that needs several captures has a row for each, its parts,
-- under one key. The newest capture gives first, which is the one in excess if money was captured
-- twice. PayPal refunds a capture for 180 days.
--
-- Functions of other files:
--   audit.sql         audit
--   bookings.sql      lock_booking
--   disputes.sql      is_disputed
--   findings.sql      open_finding
--   formats.sql       money, utc
--   payment_sums.sql  lock_payment_of_booking, recount_payment
--   payments.sql      close_operation, known_operation, open_operation
--   voids.sql         retry_later

DROP FUNCTION IF EXISTS public.order_refund(uuid, text, numeric, text, text, text, timestamptz);
DROP FUNCTION IF EXISTS public.record_refund(uuid, text, text, timestamptz);
DROP FUNCTION IF EXISTS internal.refund_json(text, public.refunds, public.payments);

-- The end of the time in which PayPal refunds a capture.
CREATE OR REPLACE FUNCTION internal.refundable_until(p_captured_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_captured_at + interval '4320 hours';
END;
$$;

-- Whether a refund was ordered by a cancellation, or for money that was captured too late.
CREATE OR REPLACE FUNCTION internal.is_automatic_refund(p_refund public.refunds) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_refund.idempotency_key = 'cancellation' OR p_refund.idempotency_key LIKE 'cancellation:%';
END;
$$;

-- PayPal's reason why an ordered refund waits for the end of a dispute, or NULL. PayPal may show
-- the capture of a disputed payment as pending.
CREATE OR REPLACE FUNCTION internal.dispute_code(p_refund public.refunds) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE WHEN p_refund.status = 'ordered' AND (p_refund.failure_code = 'TRANSACTION_DISPUTED'
        OR (p_refund.failure_code = 'PENDING_CAPTURE' AND internal.is_disputed(p_refund.payment_id))) THEN p_refund.failure_code END;
END;
$$;

-- The captured amount that is neither refunded nor on its way back.
CREATE OR REPLACE FUNCTION internal.refundable_amount(p_payment public.payments) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(p_payment.captured_amount, 0) - p_payment.refunded_amount - (
        SELECT coalesce(sum(r.amount), 0) FROM public.refunds AS r
        WHERE r.payment_id = p_payment.id AND r.status IN ('ordered', 'pending'));
END;
$$;

-- The completed captures of a payment with the rest that can be refunded, newest first. is_open:
-- PayPal still refunds it.
CREATE OR REPLACE FUNCTION internal.capture_rests(p_payment_id uuid, p_now timestamptz)
RETURNS TABLE (capture_id text, rest numeric, is_open boolean)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
        SELECT c.capture_id, c.amount - coalesce(back.amount, 0), internal.refundable_until(c.first_seen_at) > p_now
        FROM public.payment_captures AS c CROSS JOIN LATERAL (
            SELECT sum(r.amount) AS amount FROM public.refunds AS r
            WHERE r.capture_id = c.capture_id AND r.status <> 'refused'
        ) AS back
        WHERE c.payment_id = p_payment_id AND c.status = 'completed' AND c.amount > coalesce(back.amount, 0)
        ORDER BY c.first_seen_at DESC, c.capture_id;
END;
$$;

-- Orders a refund once per key, as one part for each capture that it needs. A part of a capture
-- that PayPal no longer refunds is refused at once. The caller holds the payment's lock and has
-- checked the amount. Returns the first part.
CREATE OR REPLACE FUNCTION internal.order_refund(
    p_payment_id uuid, p_amount numeric, p_key text, p_actor text, p_reason text, p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_left    numeric := p_amount;
    v_part    integer := 0;
    v_capture record;
BEGIN
    IF p_amount <= 0 THEN
        RAISE EXCEPTION 'a refund of % is no refund', p_amount USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM public.refunds WHERE payment_id = p_payment_id AND idempotency_key = p_key) THEN
        FOR v_capture IN SELECT * FROM internal.capture_rests(p_payment_id, p_now) LOOP
            EXIT WHEN v_left <= 0;
            v_part := v_part + 1;
            INSERT INTO public.refunds (payment_id, capture_id, part, amount, idempotency_key, actor, reason, ordered_at,
                status, failure_code, finished_at)
            VALUES (p_payment_id, v_capture.capture_id, v_part, least(v_capture.rest, v_left), p_key, p_actor, p_reason, p_now,
                CASE WHEN v_capture.is_open THEN 'ordered' ELSE 'refused' END,
                CASE WHEN NOT v_capture.is_open THEN 'refund_window_over' END,
                CASE WHEN NOT v_capture.is_open THEN p_now END);
            v_left := v_left - v_capture.rest;
        END LOOP;
    END IF;
    RETURN (SELECT id FROM public.refunds WHERE payment_id = p_payment_id AND idempotency_key = p_key ORDER BY part LIMIT 1);
END;
$$;

-- The state of a refund with these parts: ordered or pending while a part is, then refused if a
-- part is, otherwise refunded.
CREATE OR REPLACE FUNCTION internal.common_refund_status(p_statuses text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN 'ordered' = ANY (p_statuses) THEN 'ordered'
        WHEN 'pending' = ANY (p_statuses) THEN 'pending'
        WHEN 'refused' = ANY (p_statuses) THEN 'refused'
        ELSE 'refunded'
    END;
END;
$$;

-- A refund with all its parts, as the API returns it. The refund of a part is that of all parts
-- under its key. NULL members for an unknown refund.
CREATE OR REPLACE FUNCTION internal.refund_json(p_outcome text, p_refund_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('outcome', p_outcome, 'refundId', (array_agg(r.id ORDER BY r.part))[1],
            'paymentId', min(p.id::text), 'bookingId', min(p.booking_id::text),
            'amount', internal.money(sum(r.amount)), 'currency', min(p.currency),
            'status', CASE WHEN count(*) > 0 THEN internal.common_refund_status(array_agg(r.status)) END,
            'paypalRefundId', (array_agg(r.paypal_refund_id ORDER BY r.part))[1],
            'failureCode', coalesce(min(r.failure_code) FILTER (WHERE r.status = 'refused'), min(internal.dispute_code(r))),
            'parts', coalesce(jsonb_agg(jsonb_build_object('refundId', r.id, 'captureId', r.capture_id,
                'amount', internal.money(r.amount), 'status', r.status, 'failureCode', r.failure_code) ORDER BY r.part), '[]'))
        FROM public.refunds AS named
        JOIN public.refunds AS r ON r.payment_id = named.payment_id AND r.idempotency_key = named.idempotency_key
        JOIN public.payments AS p ON p.id = r.payment_id
        WHERE named.id = p_refund_id);
END;
$$;

-- Locks the payment of a booking from which an operator refunds: the one whose refund has this key,
-- otherwise the newest with money that can be refunded, otherwise the newest that captured.
CREATE OR REPLACE FUNCTION internal.lock_refunded_payment(p_booking_id uuid, p_key text) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    PERFORM FROM public.payments WHERE booking_id = p_booking_id ORDER BY id FOR UPDATE;
    SELECT p.* INTO v_payment FROM public.payments AS p
    WHERE p.booking_id = p_booking_id AND p.captured_amount IS NOT NULL
    ORDER BY EXISTS (SELECT FROM public.refunds AS r WHERE r.payment_id = p.id AND r.idempotency_key = p_key) DESC,
        internal.refundable_amount(p) > 0 DESC, p.captured_at DESC, p.id LIMIT 1;
    RETURN v_payment;
END;
$$;

-- The reason why PayPal cannot refund this amount of a payment, or NULL. Without an amount all that
-- is left is meant.
CREATE OR REPLACE FUNCTION internal.refund_refusal(
    p_payment public.payments, p_amount numeric, p_currency text, p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_rest numeric;
    v_open numeric;
BEGIN
    IF p_currency <> p_payment.currency THEN
        RETURN jsonb_build_object('outcome', 'currency_mismatch', 'currency', p_payment.currency);
    END IF;
    SELECT coalesce(sum(c.rest), 0), coalesce(sum(c.rest) FILTER (WHERE c.is_open), 0) INTO v_rest, v_open
    FROM internal.capture_rests(p_payment.id, p_now) AS c;
    IF v_rest <= 0 OR p_amount > v_rest THEN
        RETURN jsonb_build_object('outcome', 'refund_exceeds_rest', 'rest', internal.money(v_rest), 'currency', p_payment.currency);
    END IF;
    IF v_open <= 0 OR p_amount > v_open THEN
        RETURN jsonb_build_object('outcome', 'refund_window_over', 'rest', internal.money(v_open), 'currency', p_payment.currency,
            'refundableUntil', internal.utc(internal.refundable_until(p_payment.captured_at)));
    END IF;
    RETURN NULL;
END;
$$;

CREATE OR REPLACE FUNCTION public.order_refund(
    p_booking_id uuid, p_actor text, p_amount numeric DEFAULT NULL, p_idempotency_key text DEFAULT NULL, p_reason text DEFAULT NULL,
    p_request_id text DEFAULT NULL, p_currency text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_key     text := 'operator:' || p_idempotency_key;
    v_id      uuid;
    v_amount  numeric;
    v_refusal jsonb;
BEGIN
    PERFORM internal.lock_booking(p_booking_id);
    v_payment := internal.lock_refunded_payment(p_booking_id, v_key);
    IF v_payment.id IS NULL THEN
        RETURN jsonb_build_object('outcome', CASE
            WHEN NOT EXISTS (SELECT FROM public.bookings WHERE id = p_booking_id) THEN 'booking_not_found'
            WHEN EXISTS (SELECT FROM public.payments WHERE booking_id = p_booking_id AND status = 'capture_pending') THEN 'capture_pending'
            ELSE 'not_captured' END);
    END IF;
    IF v_key IS NULL THEN
        -- A refund that PayPal refused can be ordered again.
        SELECT 'operator' || coalesce(nullif(count(DISTINCT r.idempotency_key), 0)::text, '') INTO v_key FROM public.refunds AS r
        WHERE r.payment_id = v_payment.id AND r.status = 'refused' AND r.idempotency_key ~ '^operator[0-9]*$';
    END IF;
    SELECT (array_agg(r.id ORDER BY r.part))[1], sum(r.amount) INTO v_id, v_amount
    FROM public.refunds AS r WHERE r.payment_id = v_payment.id AND r.idempotency_key = v_key;
    v_refusal := internal.refund_refusal(v_payment, p_amount, p_currency, p_now);
    IF v_refusal ->> 'outcome' = 'currency_mismatch' THEN
        RETURN v_refusal;
    END IF;
    IF v_id IS NOT NULL THEN
        RETURN internal.refund_json(CASE WHEN v_amount = coalesce(p_amount, v_amount) THEN 'replayed' ELSE 'idempotency_key_reused' END, v_id);
    END IF;
    IF v_refusal IS NOT NULL THEN
        RETURN v_refusal;
    END IF;
    SELECT coalesce(p_amount, sum(c.rest)) INTO v_amount FROM internal.capture_rests(v_payment.id, p_now) AS c WHERE c.is_open;
    v_id := internal.order_refund(v_payment.id, v_amount, v_key, p_actor, p_reason, p_now);
    PERFORM internal.audit(p_actor, 'refund.ordered', 'payment', v_payment.id::text, jsonb_build_object(
        'bookingId', p_booking_id, 'refundId', v_id, 'amount', internal.money(v_amount), 'reason', p_reason), p_request_id, p_now);
    RETURN internal.refund_json('ordered', v_id);
END;
$$;
COMMENT ON FUNCTION public.order_refund IS
    'An operator orders a refund of a captured booking: p_amount, or all that PayPal still refunds. '
    'One refund per key. Without a key one refund, and another after PayPal refused it. Outcomes: '
    'ordered; replayed (the refund of that key); idempotency_key_reused (another amount); '
    'currency_mismatch (p_currency is not the payment''s currency); refund_exceeds_rest (rest); '
    'refund_window_over (rest that PayPal still refunds, refundableUntil: the first end); '
    'not_captured; capture_pending; booking_not_found. The first three have refundId, amount, '
    'currency, status, paypalRefundId, failureCode and parts [{refundId, captureId, amount, status, '
    'failureCode}], one for each capture. Locks car, booking, payments. Writes the refund and the '
    'audit log. begin_refund makes each part.';

CREATE OR REPLACE FUNCTION public.begin_refund(p_refund_id uuid, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment    public.payments;
    v_refund     public.refunds;
    v_request_id text;
BEGIN
    SELECT * INTO v_payment FROM public.payments
    WHERE id = (SELECT payment_id FROM public.refunds WHERE id = p_refund_id) FOR UPDATE;
    SELECT * INTO v_refund FROM public.refunds WHERE id = p_refund_id FOR UPDATE;
    IF v_refund.id IS NULL OR v_refund.status <> 'ordered' THEN
        RETURN internal.refund_json('nothing_to_do', p_refund_id);
    END IF;
    IF v_refund.lease_expires_at > p_now THEN
        RETURN internal.refund_json('payment_in_progress', p_refund_id);
    END IF;
    -- PayPal refuses it for certain, unless an earlier attempt has no known outcome.
    IF (SELECT internal.refundable_until(c.first_seen_at) <= p_now FROM public.payment_captures AS c WHERE c.capture_id = v_refund.capture_id)
       AND NOT EXISTS (SELECT FROM public.payment_operations AS o WHERE o.payment_id = v_payment.id AND o.operation = 'refund'
                         AND o.subject_id = p_refund_id::text AND o.status = 'open' AND o.in_doubt) THEN
        UPDATE public.refunds
        SET status = 'refused', failure_code = 'refund_window_over', next_attempt_at = NULL, lease_expires_at = NULL, finished_at = p_now
        WHERE id = p_refund_id;
        RETURN internal.refund_json('nothing_to_do', p_refund_id);
    END IF;
    UPDATE public.refunds SET attempts = attempts + 1, lease_expires_at = p_now + interval '1 minute' WHERE id = p_refund_id
    RETURNING * INTO v_refund;
    SELECT o.request_id INTO v_request_id FROM internal.open_operation(v_payment.id, 'refund', p_refund_id::text, p_now) AS o;
    RETURN jsonb_build_object('outcome', 'refund', 'refundId', p_refund_id, 'paymentId', v_payment.id,
        'captureId', v_refund.capture_id, 'amount', internal.money(v_refund.amount), 'currency', v_payment.currency,
        'requestId', v_request_id, 'attempt', v_refund.attempts);
END;
$$;
COMMENT ON FUNCTION public.begin_refund IS
    'Before a part of a refund is made. Outcomes: refund (call PayPal for captureId and amount with '
    'requestId, then record_refund or record_refund_failure); payment_in_progress (another caller '
    'has claimed it for 1 minute); nothing_to_do (pending, made, refused or unknown). The last two '
    'have the members of order_refund. An open operation is repeated under its id, with its amount. '
    'After 180 days it is refused without a call (refund_window_over). Locks payment, refund.';

-- Sets the state that PayPal shows of a refund of ours. An id at PayPal belongs to one row: ours,
-- if the refund was seen there before its answer arrived.
CREATE OR REPLACE FUNCTION internal.set_refund(
    p_refund_id uuid, p_paypal_refund_id text, p_status text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('pending', 'refunded', 'refused') THEN
        RAISE EXCEPTION 'a refund at PayPal is not %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE public.refunds
    SET paypal_refund_id = NULL, status = 'refused', failure_code = 'seen_twice', pending_since = NULL,
        finished_at = coalesce(finished_at, p_now)
    WHERE paypal_refund_id = p_paypal_refund_id AND id <> p_refund_id;
    UPDATE public.refunds
    SET status = p_status, paypal_refund_id = coalesce(p_paypal_refund_id, paypal_refund_id),
        failure_code = CASE WHEN p_status = 'refused' THEN coalesce(failure_code, 'refund_failed') END,
        pending_since = CASE WHEN p_status = 'pending' THEN coalesce(pending_since, p_now) END,
        finished_at = CASE WHEN p_status <> 'pending' THEN p_now END, lease_expires_at = NULL, next_attempt_at = NULL
    WHERE id = p_refund_id;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_refund(
    p_refund_id uuid, p_request_id text, p_paypal_refund_id text, p_status text DEFAULT 'refunded', p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_refund  public.refunds;
BEGIN
    v_payment := internal.lock_payment_of_booking((SELECT payment_id FROM public.refunds WHERE id = p_refund_id));
    PERFORM internal.known_operation(v_payment.id, p_request_id);
    SELECT * INTO v_refund FROM public.refunds WHERE id = p_refund_id FOR UPDATE;
    IF v_refund.paypal_refund_id IS NOT NULL OR v_refund.status = 'refunded' THEN
        RETURN internal.refund_json('replayed', p_refund_id);
    END IF;
    PERFORM internal.close_operation(p_request_id, CASE WHEN p_status = 'refused' THEN 'failed' ELSE 'succeeded' END,
        p_paypal_refund_id, CASE WHEN p_status = 'refused' THEN 'refund_failed' END, p_now);
    PERFORM internal.set_refund(p_refund_id, p_paypal_refund_id, p_status, p_now);
    PERFORM internal.recount_payment(v_payment.id, p_now);
    RETURN internal.refund_json('recorded', p_refund_id);
END;
$$;
COMMENT ON FUNCTION public.record_refund IS
    'PayPal has a refund. p_status: refunded, pending (PayPal has not completed it), or refused (it '
    'failed, and the money can be refunded again). Outcomes: recorded; replayed (PayPal''s refund '
    'is known, and what PayPal shows of it is recorded by record_observed_refund). It is recorded '
    'even when the claim expired. Locks booking, payment, refund.';

CREATE OR REPLACE FUNCTION public.record_refund_failure(
    p_refund_id uuid, p_request_id text, p_error_code text, p_kind text, p_retry_at timestamptz DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_operation public.payment_operations;
    v_refund    public.refunds;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'declined', 'ended', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of refund failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments
    WHERE id = (SELECT payment_id FROM public.refunds WHERE id = p_refund_id) FOR UPDATE;
    v_operation := internal.known_operation(v_payment.id, p_request_id);
    IF v_operation.status <> 'open' THEN
        RETURN internal.refund_json('lease_lost', p_refund_id);
    END IF;
    IF p_kind IN ('declined', 'ended') THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSE
        UPDATE public.payment_operations SET in_doubt = (p_kind = 'unknown'), error_code = p_error_code WHERE request_id = p_request_id;
    END IF;
    UPDATE public.refunds
    SET status = CASE WHEN p_kind = 'ended' THEN 'refused' ELSE status END, finished_at = CASE WHEN p_kind = 'ended' THEN p_now END,
        failure_code = p_error_code, lease_expires_at = NULL, next_attempt_at = CASE WHEN p_kind <> 'ended' THEN coalesce(p_retry_at, internal.retry_later(v_operation, p_kind, p_now)) END,
        attempts = attempts - CASE WHEN p_kind = 'retryable' AND attempts > 0 THEN 1 ELSE 0 END
    WHERE id = p_refund_id AND status = 'ordered' RETURNING * INTO v_refund;
    IF internal.dispute_code(v_refund) IS NOT NULL THEN
        PERFORM internal.open_finding(v_payment.id, 'refund_delayed', p_refund_id || ' ' || p_error_code, p_now);
        -- The end of the dispute makes it due at once. The event of the end may be lost.
        UPDATE public.refunds SET next_attempt_at = p_now + interval '1 day'
        WHERE id = p_refund_id AND internal.is_disputed(v_payment.id);
    END IF;
    RETURN internal.refund_json('recorded', p_refund_id);
END;
$$;
COMMENT ON FUNCTION public.record_refund_failure IS
    'A refund did not succeed. It is retried at p_retry_at, otherwise after 10 minutes, then '
    'doubling, at most a day, or an hour in an outage of PayPal. p_kind retryable: nothing happened, '
    'retried under the same id, and the attempt does not count. declined: PayPal cannot pay now, for '
    'example for lack of funds. unknown: retried under the same id, which cannot refund twice. '
    'ended: refused, for an operator to decide. A refund that is refused because of a dispute opens '
    'the finding refund_delayed, and waits for the end of the dispute, a day at most. Outcomes, with '
    'the members of order_refund: recorded, lease_lost (another caller has its outcome: nothing '
    'written). Locks payment, refund.';

CREATE OR REPLACE FUNCTION public.refunds_due(p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(due.id), '[]') FROM (
            SELECT r.id FROM public.refunds AS r
            WHERE r.status = 'ordered' AND coalesce(r.lease_expires_at <= p_now, true) AND coalesce(r.next_attempt_at <= p_now, true)
              AND r.ordered_at <= p_now
            ORDER BY coalesce(r.next_attempt_at, r.ordered_at), r.id LIMIT p_limit
        ) AS due);
END;
$$;
COMMENT ON FUNCTION public.refunds_due IS
    'The ids of up to p_limit parts of refunds that are ordered, due and not claimed, those that wait '
    'longest first. begin_refund claims one. Reads only.';
