-- Shared parts of the payment functions: locks on payments, and operations, which are written
-- before PayPal is called.
--
-- Functions of other files:
--   availability.sql  is_live
--   holds.sql         price_still_stands
--   listing.sql       local_day
--   orders.sql        end_order

-- The reason why a booking needs no other payment, or NULL: already_paid while a payment holds or
-- keeps money, payment_in_progress while PayPal reviews one. A payment that is to be voided does
-- not count, nor does one that PayPal refused to capture.
CREATE OR REPLACE FUNCTION internal.standing_refusal(p_booking_id uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN p.status IN ('authorization_pending', 'capture_pending')
            THEN 'payment_in_progress' ELSE 'already_paid' END
        FROM public.payments AS p
        WHERE p.booking_id = p_booking_id AND p.void_reason IS NULL
          AND p.status NOT IN ('created', 'voided', 'failed', 'expired', 'refunded'));
END;
$$;

-- The payment that a booking shows: one that holds or keeps money, otherwise one whose capture was
-- refused while PayPal may still hold the money. Otherwise one that the customer can still
-- authorize, then one that was captured once, then the newest. Payments that are not to be voided
-- come before others.
CREATE OR REPLACE FUNCTION internal.latest_payment(p_booking_id uuid) RETURNS public.payments
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT p FROM public.payments AS p WHERE p.booking_id = p_booking_id
        ORDER BY (p.void_reason IS NULL AND p.status NOT IN ('created', 'voided', 'failed', 'expired', 'refunded')) DESC,
                 (p.void_reason IS NULL AND p.status = 'failed' AND p.authorization_id IS NOT NULL AND p.hold_ended_at IS NULL) DESC,
                 (p.void_reason IS NULL) DESC, (p.status = 'created') DESC, (p.captured_amount IS NOT NULL) DESC,
                 p.created_at DESC, p.id LIMIT 1);
END;
$$;

-- Locks the payment of a booking that is to be authorized, and inserts one if there is none.
CREATE OR REPLACE FUNCTION internal.unpaid_payment(p_booking public.bookings, p_now timestamptz) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments
    WHERE booking_id = p_booking.id AND status = 'created' AND void_reason IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.payments (booking_id, amount, currency, created_at, updated_at)
        VALUES (p_booking.id, p_booking.final_price, p_booking.currency, p_now, p_now)
        RETURNING * INTO v_payment;
    END IF;
    RETURN v_payment;
END;
$$;

-- An earlier version locked the standing payment only.
DROP FUNCTION IF EXISTS internal.lock_payment(uuid, timestamptz);

-- Whether a caller has claimed the payment and the claim has not expired.
CREATE OR REPLACE FUNCTION internal.has_live_lease(p_payment public.payments, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(p_payment.lease_expires_at > p_now, false);
END;
$$;

-- The reason why a booking cannot be paid, or NULL. Does not check whether its days are free. A
-- confirmed booking may be paid again while no payment holds or keeps money.
CREATE OR REPLACE FUNCTION internal.payment_refusal(p_booking public.bookings, p_now timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_standing text := internal.standing_refusal(p_booking.id);
BEGIN
    RETURN (
        SELECT CASE
            WHEN p_booking.status = 'cancelled' THEN 'booking_not_payable'
            WHEN v_standing IS NOT NULL THEN v_standing
            WHEN p_booking.status IN ('upcoming', 'active', 'completed') THEN NULL
            WHEN c.status <> 'listed' THEN 'booking_not_payable'
            WHEN p_booking.start_date < internal.local_day(c, p_now) THEN 'booking_not_payable'
            WHEN NOT internal.is_live(p_booking.status, p_booking.hold_expires_at, p_now)
                 AND NOT internal.price_still_stands(p_booking, p_now) THEN 'hold_expired'
        END
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- The PayPal-Request-Id for a call: that of the open operation, otherwise a new one. resumed: an
-- earlier attempt under this id may have had its effect.
CREATE OR REPLACE FUNCTION internal.open_operation(
    p_payment_id uuid, p_operation text, p_subject_id text, p_now timestamptz, OUT request_id text, OUT resumed boolean
)
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_seq integer;
BEGIN
    SELECT o.request_id, o.in_doubt INTO request_id, resumed
    FROM public.payment_operations AS o
    WHERE o.payment_id = p_payment_id AND o.operation = p_operation AND o.status = 'open'
      AND o.subject_id IS NOT DISTINCT FROM p_subject_id;
    IF FOUND THEN
        UPDATE public.payment_operations AS o SET in_doubt = true WHERE o.request_id = open_operation.request_id;
        RETURN;
    END IF;
    SELECT coalesce(max(o.seq), 0) + 1 INTO v_seq
    FROM public.payment_operations AS o WHERE o.payment_id = p_payment_id AND o.operation = p_operation;
    request_id := p_payment_id || ':' || p_operation || ':' || v_seq;
    resumed := false;
    INSERT INTO public.payment_operations (request_id, payment_id, operation, seq, subject_id, started_at)
    VALUES (request_id, p_payment_id, p_operation, v_seq, p_subject_id, p_now);
END;
$$;

-- An operation by its request id. An unknown one is a caller's mistake and raises P0002.
CREATE OR REPLACE FUNCTION internal.known_operation(p_payment_id uuid, p_request_id text) RETURNS public.payment_operations
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_operation public.payment_operations;
BEGIN
    SELECT * INTO v_operation FROM public.payment_operations
    WHERE request_id = p_request_id AND payment_id = p_payment_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'payment % has no operation %', p_payment_id, p_request_id USING ERRCODE = 'no_data_found';
    END IF;
    RETURN v_operation;
END;
$$;

-- Ends an operation with its outcome.
CREATE OR REPLACE FUNCTION internal.close_operation(
    p_request_id text, p_status text, p_result_id text, p_error_code text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations
    SET status = p_status, in_doubt = false, result_id = p_result_id, error_code = p_error_code, finished_at = p_now
    WHERE request_id = p_request_id;
END;
$$;

-- An earlier version had another last argument but one.
DROP FUNCTION IF EXISTS public.record_payment_failure(uuid, text, text, boolean, timestamptz);
CREATE OR REPLACE FUNCTION public.record_payment_failure(
    p_payment_id uuid, p_request_id text, p_error_code text, p_kind text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_operation public.payment_operations;
BEGIN
    IF (p_kind IN ('retryable', 'declined', 'ended', 'unknown')) IS NOT TRUE THEN
        RAISE EXCEPTION 'unknown kind of failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status = 'open' THEN
        IF p_kind IN ('declined', 'ended') OR (p_kind = 'retryable' AND v_operation.operation IN ('order', 'authorize')) THEN
            PERFORM internal.close_operation(p_request_id, 'failed', NULL, p_error_code, p_now);
        ELSE
            UPDATE public.payment_operations SET error_code = p_error_code WHERE request_id = p_request_id;
        END IF;
        IF v_operation.operation = 'authorize' THEN
            -- The claim of a capture run is not this caller's to release.
            UPDATE public.payments SET lease_expires_at = NULL, updated_at = p_now
            WHERE id = p_payment_id AND status = 'created';
            IF p_kind = 'ended' THEN
                PERFORM internal.end_order(p_payment_id, v_operation.subject_id, p_error_code, p_now);
            END IF;
        END IF;
    END IF;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_payment_failure IS
    'Records that an order, authorize, reauthorize or void did not succeed. Outcome: recorded. '
    'p_kind: declined (this payer cannot pay now); ended (the order or authorization cannot be '
    'used any more: an order leaves its payment, and the next one is new); retryable (nothing '
    'happened); unknown (PayPal may have acted). The first two close the operation, so that the '
    'next call has a new request id. retryable closes an order or authorize only. Otherwise the '
    'operation stays open under the same id. The payment keeps its state, so the payer may try '
    'again. Releases the claim of begin_authorization. Locks the payment.';
