-- Reauthorizing a payment whose funds PayPal no longer guarantees.
--
-- Functions of other files:
--   audit.sql     audit
--   bookings.sql  lock_booking
--   captures.sql  charge_refusal, give_up_capture, lock_chargeable_payment
--   formats.sql   money
--   payments.sql  close_operation, known_operation, open_operation
--   voids.sql     voidable_authorization

-- Whether a capture should reauthorize first. PayPal honors the funds for 3 days. After that a
-- reauthorization is useful while the authorization (29 days) is valid for more than a day.
--
-- None is made while the outcome of a capture is in doubt, or within 3 days of a refused one.
-- Otherwise an open one is finished first, because it may have changed the id to capture. PayPal
-- reauthorizes the original authorization, perhaps several times, but never a reauthorization.
CREATE OR REPLACE FUNCTION internal.should_reauthorize(p_payment public.payments, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT NOT coalesce(bool_or(o.operation = 'capture' AND o.status = 'open' AND o.in_doubt), false)
            AND (coalesce(bool_or(o.operation = 'reauthorize' AND o.status = 'open'), false)
                OR (p_payment.authorization_expires_at > p_now + interval '1 day'
                    AND coalesce(p_payment.reauthorized_at, p_payment.authorized_at) < p_now - interval '3 days'
                    AND NOT coalesce(bool_or(
                        o.operation = 'reauthorize' AND o.status = 'failed' AND o.finished_at > p_now - interval '3 days'), false)))
        FROM public.payment_operations AS o WHERE o.payment_id = p_payment.id);
END;
$$;

-- An earlier version had no p_amount.
DROP FUNCTION IF EXISTS public.record_reauthorization(uuid, uuid, text, text, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION public.record_reauthorization(
    p_payment_id uuid, p_lease uuid, p_request_id text, p_authorization_id text, p_expires_at timestamptz DEFAULT NULL,
    p_amount numeric DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    PERFORM internal.known_operation(p_payment_id, p_request_id);
    IF v_payment.status <> 'capturing' OR v_payment.lease_id IS DISTINCT FROM p_lease THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    PERFORM internal.close_operation(p_request_id, 'succeeded', p_authorization_id, NULL, p_now);
    UPDATE public.payments
    SET original_authorization_id = internal.voidable_authorization(v_payment),
        authorization_id = p_authorization_id, reauthorized_at = p_now, authorized_amount = coalesce(p_amount, authorized_amount),
        authorization_expires_at = coalesce(p_expires_at, authorization_expires_at), updated_at = p_now
    WHERE id = p_payment_id;
    -- The capture that follows is for the new authorization.
    UPDATE public.payment_operations SET subject_id = p_authorization_id, in_doubt = true
    WHERE payment_id = p_payment_id AND operation = 'capture' AND status = 'open';
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_reauthorization IS
    'Stores the new authorization to capture. Outcomes: recorded, lease_lost (another run has '
    'claimed the payment: stop. Repeating the reauthorization under its id gives that run the '
    'same authorization). Locks the payment.';

-- An earlier version had no p_lease.
DROP FUNCTION IF EXISTS public.record_reauthorization_failure(uuid, text, text, text, timestamptz);
CREATE OR REPLACE FUNCTION public.record_reauthorization_failure(
    p_payment_id uuid, p_request_id text, p_error_code text, p_kind text, p_lease uuid DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment     public.payments;
    v_operation   public.payment_operations;
    v_capture_old boolean;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('retryable', 'declined', 'ended', 'unknown') THEN
        RAISE EXCEPTION 'unknown kind of reauthorization failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status = 'open' AND p_kind IN ('declined', 'ended') THEN
        PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
    ELSIF v_operation.status = 'open' THEN
        UPDATE public.payment_operations
        SET in_doubt = (p_kind = 'unknown'), error_code = p_error_code, failures = failures + (p_kind = 'unknown')::integer
        WHERE request_id = p_request_id;
    END IF;
    v_capture_old := v_payment.status = 'capturing' AND v_payment.lease_id = p_lease
        AND (p_kind IN ('declined', 'ended') OR (p_kind = 'unknown' AND (
            v_operation.failures > 0 OR v_payment.authorization_expires_at < p_now + interval '1 day')));
    IF v_capture_old THEN
        UPDATE public.payment_operations SET in_doubt = true
        WHERE payment_id = p_payment_id AND operation = 'capture' AND status = 'open';
    END IF;
    RETURN jsonb_build_object('outcome', CASE WHEN v_capture_old THEN 'capture_old' ELSE 'recorded' END);
END;
$$;
COMMENT ON FUNCTION public.record_reauthorization_failure IS
    'A reauthorization did not succeed. p_kind declined or ended: PayPal refused it. retryable or '
    'unknown: it is repeated under the same id. Outcomes: capture_old (PayPal refused it, or gave no '
    'usable answer twice or on the last day of the authorization: capture the old one, which may '
    'live); recorded (do not capture, also if p_lease is not the claim). The claim stays with the '
    'caller. Locks the payment.';

CREATE OR REPLACE FUNCTION public.claim_reauthorization(
    p_booking_id uuid, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking    public.bookings := internal.lock_booking(p_booking_id);
    v_payment    public.payments;
    v_refusal    jsonb;
    v_request_id text;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    v_payment := internal.lock_chargeable_payment(p_booking_id, p_now);
    IF v_payment.status = 'capturing' THEN
        RETURN jsonb_build_object('outcome', 'payment_in_progress');
    END IF;
    v_refusal := internal.charge_refusal(v_booking, v_payment, p_now);
    IF v_refusal ->> 'outcome' = 'not_capturable' OR (v_refusal IS NULL AND v_booking.status = 'cancelled') THEN
        RETURN jsonb_build_object('outcome', 'not_authorized');
    END IF;
    IF v_refusal IS NOT NULL THEN
        RETURN v_refusal;
    END IF;
    UPDATE public.payments
    SET status = 'capturing', lease_id = gen_random_uuid(), lease_expires_at = p_now + interval '2 minutes', updated_at = p_now
    WHERE id = v_payment.id RETURNING * INTO v_payment;
    SELECT o.request_id INTO v_request_id
    FROM internal.open_operation(v_payment.id, 'reauthorize', internal.voidable_authorization(v_payment), p_now) AS o;
    PERFORM internal.give_up_capture(v_payment.id, 'reauthorizing', p_now);
    PERFORM internal.audit(p_actor, 'reauthorization.ordered', 'payment', v_payment.id::text,
        jsonb_build_object('bookingId', p_booking_id), p_request_id, p_now);
    RETURN jsonb_build_object('outcome', 'claimed', 'paymentId', v_payment.id, 'lease', v_payment.lease_id,
        'authorizationId', v_payment.authorization_id, 'originalAuthorizationId', internal.voidable_authorization(v_payment),
        'amount', internal.money(v_payment.amount), 'currency', v_payment.currency, 'requestId', v_request_id);
END;
$$;
COMMENT ON FUNCTION public.claim_reauthorization IS
    'Before an operator reauthorizes a payment. Outcomes: claimed (call PayPal for '
    'originalAuthorizationId with requestId, then record_reauthorization or '
    'record_reauthorization_failure, then release_payment); payment_in_progress; not_authorized '
    '(nothing to reauthorize); those of claim_payment_capture about the payment; booking_not_found. '
    'Locks car, booking, payments. Writes a claim of 2 minutes, the operation and the audit log.';

CREATE OR REPLACE FUNCTION public.release_payment(p_payment_id uuid, p_lease uuid, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
    WITH released AS (
        UPDATE public.payments
        SET status = 'authorized', lease_id = NULL, lease_expires_at = NULL, updated_at = p_now
        WHERE id = p_payment_id AND status = 'capturing' AND lease_id = p_lease RETURNING id
    )
    SELECT jsonb_build_object('outcome', CASE WHEN EXISTS (SELECT FROM released) THEN 'released' ELSE 'lease_lost' END);
$$;
COMMENT ON FUNCTION public.release_payment IS
    'Releases the claim of claim_reauthorization: the payment is authorized again. Outcomes: '
    'released, lease_lost (nothing written).';
