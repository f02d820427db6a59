-- Refunds. The transaction that decides on a refund also stores it. It is then made at PayPal once.
--
-- Functions of other files:
--   audit.sql     audit
--   bookings.sql  lock_booking
--   formats.sql   money
--   payments.sql  close_operation, known_operation, open_operation

-- The captured amount that is neither refunded nor part of an ordered refund.
CREATE OR REPLACE FUNCTION internal.refundable_amount(p_payment public.payments) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(p_payment.captured_amount, 0) - p_payment.refunded_amount - (
        SELECT coalesce(sum(r.amount), 0) FROM public.refunds AS r WHERE r.payment_id = p_payment.id AND r.status = 'ordered');
END;
$$;

-- Orders a refund once per key. The caller holds the payment's lock and has checked the amount.
CREATE OR REPLACE FUNCTION internal.order_refund(
    p_payment_id uuid, p_amount numeric, p_key text, p_actor text, p_reason text, p_now timestamptz
) RETURNS uuid
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO public.refunds (payment_id, amount, idempotency_key, actor, reason, ordered_at)
    VALUES (p_payment_id, p_amount, p_key, p_actor, p_reason, p_now)
    ON CONFLICT ON CONSTRAINT refunds_once DO NOTHING
    RETURNING id INTO v_id;
    IF v_id IS NULL THEN
        SELECT id INTO v_id FROM public.refunds WHERE payment_id = p_payment_id AND idempotency_key = p_key;
    END IF;
    RETURN v_id;
END;
$$;

-- A refund as the API returns it.
CREATE OR REPLACE FUNCTION internal.refund_json(p_outcome text, p_refund public.refunds, p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN jsonb_build_object('outcome', p_outcome, 'refundId', p_refund.id, 'paymentId', p_payment.id, 'bookingId', p_payment.booking_id,
        'amount', internal.money(p_refund.amount), 'currency', p_payment.currency, 'status', p_refund.status,
        'paypalRefundId', p_refund.paypal_refund_id, 'failureCode', p_refund.failure_code);
END;
$$;

CREATE OR REPLACE FUNCTION public.order_refund(
    p_booking_id uuid, p_actor text, p_amount numeric DEFAULT NULL, p_idempotency_key text DEFAULT NULL, p_reason text DEFAULT NULL,
    p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_refund  public.refunds;
    v_key     text := 'operator:' || p_idempotency_key;
    v_rest    numeric;
    v_id      uuid;
BEGIN
    PERFORM internal.lock_booking(p_booking_id);
    SELECT * INTO v_payment FROM public.payments WHERE booking_id = p_booking_id AND capture_id IS NOT NULL
    ORDER BY captured_at DESC, id LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', CASE WHEN EXISTS (SELECT FROM public.bookings WHERE id = p_booking_id)
            THEN 'not_captured' ELSE 'booking_not_found' END);
    END IF;
    IF v_key IS NULL THEN
        -- A refund that PayPal refused can be ordered again.
        SELECT 'operator' || coalesce(nullif(count(*), 0)::text, '') INTO v_key FROM public.refunds
        WHERE payment_id = v_payment.id AND status = 'refused' AND idempotency_key ~ '^operator[0-9]*$';
    END IF;
    SELECT * INTO v_refund FROM public.refunds WHERE payment_id = v_payment.id AND idempotency_key = v_key;
    IF FOUND THEN
        RETURN internal.refund_json(
            CASE WHEN v_refund.amount = coalesce(p_amount, v_refund.amount) THEN 'replayed' ELSE 'idempotency_key_reused' END, v_refund, v_payment);
    END IF;
    v_rest := internal.refundable_amount(v_payment);
    IF v_rest <= 0 OR p_amount > v_rest THEN
        RETURN jsonb_build_object('outcome', 'refund_exceeds_rest', 'rest', internal.money(v_rest), 'currency', v_payment.currency);
    END IF;
    v_id := internal.order_refund(v_payment.id, coalesce(p_amount, v_rest), v_key, p_actor, p_reason, p_now);
    SELECT * INTO v_refund FROM public.refunds WHERE id = v_id;
    PERFORM internal.audit(p_actor, 'refund.ordered', 'payment', v_payment.id::text, jsonb_build_object(
        'bookingId', p_booking_id, 'refundId', v_refund.id, 'amount', internal.money(v_refund.amount), 'reason', p_reason), p_request_id, p_now);
    RETURN internal.refund_json('ordered', v_refund, v_payment);
END;
$$;
COMMENT ON FUNCTION public.order_refund IS
    'An operator orders a refund of a captured booking: p_amount, or the remaining amount. One '
    'refund per key. Without a key one refund, and another after PayPal refused it. Outcomes: '
    'ordered; replayed (the refund of that key: status, paypalRefundId); idempotency_key_reused '
    '(another amount); refund_exceeds_rest (rest); not_captured; booking_not_found. Locks car, '
    'booking, payment. Writes the refund and the audit log. begin_refund makes it.';

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
        RETURN internal.refund_json('nothing_to_do', v_refund, v_payment);
    END IF;
    IF v_refund.lease_expires_at > p_now THEN
        RETURN internal.refund_json('payment_in_progress', v_refund, v_payment);
    END IF;
    UPDATE public.refunds SET attempts = attempts + 1, lease_expires_at = p_now + interval '1 minute' WHERE id = p_refund_id
    RETURNING * INTO v_refund;
    SELECT o.request_id INTO v_request_id FROM internal.open_operation(v_payment.id, 'refund', p_refund_id::text, p_now) AS o;
    RETURN internal.refund_json('refund', v_refund, v_payment)
        || jsonb_build_object('requestId', v_request_id, 'captureId', v_payment.capture_id, 'attempt', v_refund.attempts);
END;
$$;
COMMENT ON FUNCTION public.begin_refund IS
    'Before a refund is made. Outcomes: refund (call PayPal for captureId and amount with '
    'requestId, then record_refund or record_refund_failure); payment_in_progress (another caller '
    'has claimed it for 1 minute); nothing_to_do (made, refused or unknown). An open operation is '
    'repeated under its id, with its amount. Locks payment, refund.';

-- Sets the refunded total of a payment. It never shrinks.
CREATE OR REPLACE FUNCTION internal.add_refunded(p_payment_id uuid, p_total numeric, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payments
    SET refunded_amount = p_total, status = CASE WHEN p_total >= captured_amount THEN 'refunded' ELSE 'partially_refunded' END, updated_at = p_now
    WHERE id = p_payment_id AND p_total > refunded_amount;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_refund(
    p_refund_id uuid, p_request_id text, p_paypal_refund_id text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_refund  public.refunds;
BEGIN
    SELECT * INTO v_payment FROM public.payments
    WHERE id = (SELECT payment_id FROM public.refunds WHERE id = p_refund_id) FOR UPDATE;
    PERFORM internal.known_operation(v_payment.id, p_request_id);
    SELECT * INTO v_refund FROM public.refunds WHERE id = p_refund_id FOR UPDATE;
    IF v_refund.status = 'refunded' THEN
        RETURN internal.refund_json('replayed', v_refund, v_payment);
    END IF;
    PERFORM internal.close_operation(p_request_id, 'succeeded', p_paypal_refund_id, NULL, p_now);
    UPDATE public.refunds
    SET status = 'refunded', paypal_refund_id = p_paypal_refund_id, failure_code = NULL, lease_expires_at = NULL, next_attempt_at = NULL,
        finished_at = p_now
    WHERE id = p_refund_id RETURNING * INTO v_refund;
    PERFORM internal.add_refunded(v_payment.id, v_payment.refunded_amount + v_refund.amount, p_now);
    RETURN internal.refund_json('recorded', v_refund, v_payment);
END;
$$;
COMMENT ON FUNCTION public.record_refund IS
    'After PayPal has refunded. Outcomes: recorded, replayed (recorded before). The payment '
    'becomes partially_refunded or refunded. It is recorded even when the claim expired. Locks '
    'payment, refund.';

CREATE OR REPLACE FUNCTION public.record_refund_failure(
    p_refund_id uuid, p_request_id text, p_error_code text, p_kind text, p_retry_at timestamptz DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_operation public.payment_operations;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'final', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of refund failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments
    WHERE id = (SELECT payment_id FROM public.refunds WHERE id = p_refund_id) FOR UPDATE;
    v_operation := internal.known_operation(v_payment.id, p_request_id);
    IF v_operation.status <> 'open' THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    IF p_kind = 'final' THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSE
        UPDATE public.payment_operations SET in_doubt = (p_kind = 'unknown'), error_code = p_error_code WHERE request_id = p_request_id;
    END IF;
    UPDATE public.refunds
    SET status = CASE WHEN p_kind = 'final' THEN 'refused' ELSE status END, finished_at = CASE WHEN p_kind = 'final' THEN p_now END,
        failure_code = p_error_code, lease_expires_at = NULL, next_attempt_at = CASE WHEN p_kind <> 'final' THEN p_retry_at END
    WHERE id = p_refund_id AND status = 'ordered';
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_refund_failure IS
    'A refund did not succeed. p_kind retryable or unknown: retried at p_retry_at under the same '
    'id, which cannot refund twice. final: refused, for an operator to decide. Outcomes: '
    'recorded, lease_lost (another caller has its outcome: nothing written). Locks payment, '
    'refund.';

CREATE OR REPLACE FUNCTION public.refunds_due(p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(due.id), '[]') FROM (
            SELECT r.id FROM public.refunds AS r
            WHERE r.status = 'ordered' AND coalesce(r.lease_expires_at <= p_now, true) AND coalesce(r.next_attempt_at <= p_now, true)
              AND r.ordered_at <= p_now
            ORDER BY r.ordered_at, r.id LIMIT p_limit
        ) AS due);
END;
$$;
COMMENT ON FUNCTION public.refunds_due IS
    'The ids of up to p_limit refunds that are ordered, due and not claimed. begin_refund claims '
    'one. Reads only.';
