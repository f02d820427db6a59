-- Voiding authorizations. The mark (void_reason) is written first, and capture runs skip a marked
-- payment.
--
-- A reauthorization cannot be voided. PayPal voids the authorization that it extends, and both end.
--
-- Uses internal.close_operation, internal.known_operation, internal.open_operation of payments.sql.

-- The authorization that PayPal is to void for a payment.
CREATE OR REPLACE FUNCTION internal.voidable_authorization(p_payment public.payments) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(p_payment.original_authorization_id, p_payment.authorization_id);
END;
$$;

-- Whether PayPal may still reserve money for a payment that is marked to be voided. It may do so
-- even after a final refusal to capture.
CREATE OR REPLACE FUNCTION internal.is_to_be_voided(p_payment public.payments) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_payment.void_reason IS NOT NULL AND p_payment.authorization_id IS NOT NULL
       AND (p_payment.status = 'authorized' OR (p_payment.status = 'failed' AND p_payment.voided_at IS NULL));
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
    IF EXISTS (SELECT FROM public.payment_operations
               WHERE payment_id = p_payment_id AND operation = 'void' AND subject_id = p_authorization_id AND status = 'succeeded') THEN
        RETURN jsonb_build_object('outcome', 'already_voided', 'requestId', NULL);
    END IF;
    IF v_payment.id IS NULL OR p_authorization_id IS NULL
       OR (v_own AND v_payment.status NOT IN ('authorized', 'failed')) THEN
        RETURN jsonb_build_object('outcome', 'not_voidable', 'requestId', NULL);
    END IF;
    IF v_own THEN
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
    'record_void); already_voided; not_voidable (being captured, captured, or nothing '
    'authorized). An authorization that is not the payment''s own (a second one) is voided '
    'without touching the payment. Locks the payment. Writes the mark and the operation.';

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
        UPDATE public.payments
        SET status = CASE WHEN status = 'failed' OR void_reason = 'payment_mismatch' THEN 'failed' ELSE 'voided' END,
            failure_code = CASE WHEN void_reason = 'payment_mismatch' THEN void_reason ELSE failure_code END,
            voided_at = p_now, updated_at = p_now
        WHERE id = p_payment_id AND internal.voidable_authorization(v_payment) = v_operation.subject_id AND status IN ('authorized', 'failed');
        IF FOUND THEN
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
    'After PayPal has voided. Outcome: recorded, also the second time. The payment becomes '
    'voided, or failed after a mismatch. Locks the payment.';

CREATE OR REPLACE FUNCTION public.authorizations_to_void(p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(due.item), '[]') FROM (
            SELECT jsonb_build_object('paymentId', p.id, 'bookingId', b.id, 'reference', b.reference,
                'authorizationId', internal.voidable_authorization(p), 'reason', coalesce(p.void_reason, 'booking_' || b.status)) AS item
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE p.status IN ('authorized', 'failed') AND p.authorization_id IS NOT NULL AND p.voided_at IS NULL
              AND (internal.is_to_be_voided(p) OR (b.status IN ('cancelled', 'expired')
                   -- The part that a cancellation keeps is captured, unless PayPal refused it.
                   AND (p.capture_amount IS NULL OR p.status = 'failed')))
              AND p.updated_at <= p_now - interval '2 minutes'
            ORDER BY p.updated_at, p.id LIMIT p_limit
        ) AS due);
END;
$$;
COMMENT ON FUNCTION public.authorizations_to_void IS
    'Authorizations that stand for no booking and were not voided, for example after a crash: '
    '[{paymentId, bookingId, reference, authorizationId, reason}]. Each is left alone for 2 '
    'minutes. begin_void, PayPal and record_void settle them. Reads only.';
