-- Recording what PayPal shows of a payment: authorizations, captures, refunds and ends, whoever
-- made them. PayPal's record decides, and may be repeated, late or a minute old.
--
-- Functions of other files:
--   authorizations.sql  end_review, settle_authorization
--   bookings.sql        lock_booking
--   captures.sql        end_captured_hold, store_capture
--   payment_sums.sql    lock_payment_of_booking, recount_payment
--   payments.sql        has_live_lease
--   refunds.sql         set_refund
--   voids.sql           voidable_authorization

DROP FUNCTION IF EXISTS public.record_observed_capture(uuid, text, numeric, timestamptz);
DROP FUNCTION IF EXISTS public.record_observed_capture(uuid, text, numeric, text, timestamptz);
DROP FUNCTION IF EXISTS public.record_observed_refunds(uuid, numeric, timestamptz);

-- Whether an authorization that PayPal shows changes the record of a payment. An end that PayPal
-- itself confirmed to our void is not undone by an older view of the order.
CREATE OR REPLACE FUNCTION internal.is_new_authorization(
    p_payment public.payments, p_authorization_id text, p_status text
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_payment.status = 'created' THEN true
        WHEN p_payment.status = 'authorization_pending' THEN p_status = 'authorized'
        WHEN p_payment.status IN ('voided', 'expired', 'failed') THEN p_status = 'authorized'
            AND (p_payment.status <> 'failed' OR p_payment.hold_ended_at IS NOT NULL OR p_payment.authorization_id IS NULL
                 OR p_payment.failure_code = 'authorization_denied' OR p_payment.authorization_id <> p_authorization_id)
            AND NOT EXISTS (
                SELECT FROM public.payment_operations AS o
                WHERE o.payment_id = p_payment.id AND o.operation = 'void' AND o.status = 'succeeded'
                  AND o.subject_id = internal.voidable_authorization(p_payment) AND o.result_id IS NOT NULL)
        ELSE false
    END;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_observed_authorization(
    p_payment_id uuid, p_order_id text, p_authorization_id text, p_status text, p_expires_at timestamptz DEFAULT NULL,
    p_amount numeric DEFAULT NULL, p_currency text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking public.bookings;
    v_payment public.payments;
    v_outcome text;
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('authorized', 'authorization_pending') THEN
        RAISE EXCEPTION 'an authorization is not observed as %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_booking := internal.lock_booking((SELECT booking_id FROM public.payments WHERE id = p_payment_id));
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    IF v_payment.id IS NULL OR internal.has_live_lease(v_payment, p_now) THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    IF v_payment.status IN ('authorized', 'capturing') AND p_status = 'authorized'
       AND p_authorization_id NOT IN (v_payment.authorization_id, internal.voidable_authorization(v_payment)) THEN
        -- A reauthorization whose response was lost, or one made in PayPal's console.
        UPDATE public.payments AS p
        SET original_authorization_id = internal.voidable_authorization(p), authorization_id = p_authorization_id,
            authorized_amount = CASE WHEN p_currency = currency THEN p_amount ELSE authorized_amount END,
            reauthorized_at = p_now, authorization_expires_at = coalesce(p_expires_at, authorization_expires_at), updated_at = p_now
        WHERE p.id = p_payment_id;
        RETURN jsonb_build_object('outcome', 'recorded');
    END IF;
    IF NOT internal.is_new_authorization(v_payment, p_authorization_id, p_status) THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    UPDATE public.payments
    SET hold_ended_at = NULL, next_attempt_at = NULL,
        original_authorization_id = CASE WHEN p_authorization_id = authorization_id THEN original_authorization_id END
    WHERE id = p_payment_id RETURNING * INTO v_payment;
    IF v_booking.status = 'cancelled' AND v_payment.capture_amount IS NOT NULL AND v_payment.void_reason IS NULL THEN
        -- The part that the cancellation keeps is captured.
        UPDATE public.payments
        SET status = p_status, authorization_expires_at = coalesce(p_expires_at, authorization_expires_at),
            pending_since = CASE WHEN p_status = 'authorization_pending' THEN pending_since END, voided_at = NULL, failure_code = NULL,
            updated_at = p_now
        WHERE id = p_payment_id;
        v_outcome := 'kept';
    ELSE
        v_outcome := internal.settle_authorization(v_booking, v_payment, p_order_id, p_authorization_id, p_status,
            coalesce(p_amount, v_payment.amount), coalesce(p_currency, v_payment.currency), p_expires_at, p_now);
    END IF;
    RETURN (SELECT jsonb_build_object('outcome', 'recorded', 'result', v_outcome, 'carId', c.id, 'carSlug', c.slug,
                'voidReason', p.void_reason, 'voidAuthorizationId', internal.voidable_authorization(p))
            FROM public.cars AS c, public.payments AS p WHERE c.id = v_booking.car_id AND p.id = p_payment_id);
END;
$$;
COMMENT ON FUNCTION public.record_observed_authorization IS
    'PayPal shows an authorization that holds money (p_status authorized), or that it reviews '
    '(authorization_pending). It confirms the booking like record_authorization, or is marked to be '
    'voided. A payment that had ended is reopened. Without p_amount it has the price. Outcomes: '
    'recorded (result; carId and carSlug if days may have changed; voidReason, and voidAuthorizationId '
    'to void at PayPal, if it is marked); unchanged (known, claimed, or voided by us). Locks car, '
    'booking, payments.';

-- Whether a capture that PayPal shows is one that we ordered: it has the ordered amount, and a call
-- of ours made it or has no known outcome. A cancellation may have changed the amount since.
CREATE OR REPLACE FUNCTION internal.is_our_capture(p_payment public.payments, p_capture_id text, p_amount numeric) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN p_amount IN (coalesce(p_payment.capture_amount, p_payment.amount), p_payment.amount) AND EXISTS (
        SELECT FROM public.payment_operations AS o
        WHERE o.payment_id = p_payment.id AND o.operation = 'capture' AND (o.status = 'open' OR o.result_id = p_capture_id));
END;
$$;

-- Ends calls without a known outcome that a capture by other hands has overtaken: a
-- reauthorization, because an operator decides about the rest, and a void if nothing is left.
CREATE OR REPLACE FUNCTION internal.forget_calls_before_capture(p_payment_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_operations AS o
    SET status = 'failed', in_doubt = false, error_code = coalesce(o.error_code, 'captured_elsewhere'), finished_at = p_now
    FROM public.payments AS p
    WHERE p.id = p_payment_id AND o.payment_id = p.id AND o.status = 'open'
      AND (o.operation = 'reauthorize' OR (o.operation = 'void' AND p.hold_ended_at IS NOT NULL));
END;
$$;

CREATE OR REPLACE FUNCTION public.record_observed_capture(
    p_payment_id uuid, p_capture_id text, p_amount numeric, p_status text DEFAULT 'completed', p_returns_hold boolean DEFAULT false,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments := internal.lock_payment_of_booking(p_payment_id);
    v_is_ours boolean := internal.is_our_capture(v_payment, p_capture_id, p_amount);
    v_outcome text;
BEGIN
    IF v_payment.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    v_outcome := internal.store_capture(v_payment, p_capture_id, p_amount, p_status, p_now);
    -- A call without a known outcome need not be retried. After a capture by other hands, an
    -- operator decides about the rest.
    UPDATE public.payment_operations
    SET status = CASE WHEN v_is_ours THEN 'succeeded' ELSE 'failed' END, in_doubt = false,
        result_id = CASE WHEN v_is_ours THEN p_capture_id END,
        error_code = CASE WHEN NOT v_is_ours THEN 'captured_elsewhere' END, finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'capture' AND status = 'open'
      AND v_outcome IN ('captured', 'capture_pending');
    IF v_outcome = 'captured' THEN
        PERFORM internal.forget_calls_before_capture(p_payment_id, p_now);
    END IF;
    IF v_is_ours AND (p_status = 'completed' OR (p_status = 'pending' AND p_amount = v_payment.capture_amount)) THEN
        PERFORM internal.end_captured_hold(p_payment_id, p_now);
    ELSIF p_returns_hold AND v_outcome = 'capture_declined' THEN
        UPDATE public.payments SET hold_ended_at = NULL WHERE id = p_payment_id AND status = 'failed' AND voided_at IS NULL;
    END IF;
    RETURN jsonb_build_object('outcome', v_outcome);
END;
$$;
COMMENT ON FUNCTION public.record_observed_capture IS
    'PayPal shows a capture of a payment, for example one made in its console. p_status: completed, '
    'pending or declined. One of the ordered amount is ours and ends the hold. p_returns_hold: it was '
    'declined, and the authorization holds all of its money again. Outcomes: captured; '
    'capture_pending; capture_declined; replayed (nothing new); unchanged (no such payment). A sum '
    'beyond what was ordered goes to security_events as duplicate_capture. Locks booking, payment.';

-- The row of a refund that PayPal shows: the one with its id, otherwise ours by its custom id,
-- otherwise an ordered one of the same amount whose answer may have been lost.
CREATE OR REPLACE FUNCTION internal.refund_row(
    p_payment_id uuid, p_paypal_refund_id text, p_refund_id uuid, p_capture_id text, p_amount numeric
) RETURNS public.refunds
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_refund public.refunds;
BEGIN
    SELECT r.* INTO v_refund FROM public.refunds AS r
    WHERE r.payment_id = p_payment_id
      AND (r.paypal_refund_id = p_paypal_refund_id OR r.id = p_refund_id
           OR (r.status = 'ordered' AND r.attempts > 0 AND r.capture_id = p_capture_id AND r.amount = p_amount AND p_refund_id IS NULL))
    ORDER BY coalesce(r.paypal_refund_id = p_paypal_refund_id, false) DESC, coalesce(r.id = p_refund_id, false) DESC, r.ordered_at, r.id
    LIMIT 1 FOR UPDATE;
    RETURN v_refund;
END;
$$;

-- Whether a refund may go from one state to the other. One that PayPal completed may fail later. A
-- refused one that PayPal knew stays refused, because PayPal may show an older state than the last.
CREATE OR REPLACE FUNCTION internal.refund_may_become(p_refund public.refunds, p_status text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE p_refund.status
        WHEN 'ordered' THEN true
        WHEN 'pending' THEN p_status <> 'pending'
        WHEN 'refunded' THEN p_status = 'refused'
        ELSE p_status = 'refunded' OR (p_status = 'pending' AND p_refund.paypal_refund_id IS NULL)
    END;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_observed_refund(
    p_payment_id uuid, p_paypal_refund_id text, p_capture_id text, p_amount numeric, p_status text, p_refund_id uuid DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment    public.payments := internal.lock_payment_of_booking(p_payment_id);
    v_capture_id text := coalesce(p_capture_id, v_payment.capture_id);
    v_refund     public.refunds;
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('pending', 'refunded', 'refused') THEN
        RAISE EXCEPTION 'a refund at PayPal is not %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_refund := internal.refund_row(p_payment_id, p_paypal_refund_id, p_refund_id, v_capture_id, p_amount);
    IF v_refund.id IS NULL THEN
        IF p_status = 'refused' OR NOT EXISTS (
            SELECT FROM public.payment_captures WHERE capture_id = v_capture_id AND payment_id = p_payment_id) THEN
            RETURN jsonb_build_object('outcome', 'unchanged');
        END IF;
        INSERT INTO public.refunds (payment_id, capture_id, amount, idempotency_key, actor, reason, paypal_refund_id, status,
            pending_since, ordered_at, finished_at)
        VALUES (p_payment_id, v_capture_id, p_amount, 'paypal:' || p_paypal_refund_id, 'paypal', 'seen_at_paypal', p_paypal_refund_id,
            p_status, CASE WHEN p_status = 'pending' THEN p_now END, p_now, CASE WHEN p_status = 'refunded' THEN p_now END);
    ELSIF internal.refund_may_become(v_refund, p_status) THEN
        PERFORM internal.set_refund(v_refund.id, p_paypal_refund_id, p_status, p_now);
        UPDATE public.payment_operations
        SET status = CASE WHEN p_status = 'refused' THEN 'failed' ELSE 'succeeded' END, in_doubt = false,
            result_id = p_paypal_refund_id, finished_at = p_now
        WHERE payment_id = p_payment_id AND operation = 'refund' AND subject_id = v_refund.id::text AND status = 'open';
    ELSIF v_refund.status = 'refunded' AND p_status = 'refunded' AND v_refund.paypal_refund_id = p_paypal_refund_id
          AND v_refund.amount <> p_amount THEN
        UPDATE public.refunds SET amount = p_amount WHERE id = v_refund.id;
    ELSE
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    PERFORM internal.recount_payment(p_payment_id, p_now);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_observed_refund IS
    'PayPal shows a refund of a capture, ours (p_refund_id) or one made in its console, or a '
    'reversal, whose id is <capture>:reversal. p_status: pending, refunded or refused, which takes a '
    'recorded one back. A completed refund gets the amount that PayPal shows. Outcomes: recorded; '
    'unchanged (known, or the capture is not ours). Locks '
    'booking, payment, refund.';

CREATE OR REPLACE FUNCTION public.record_observed_end(
    p_payment_id uuid, p_status text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_ends    boolean;
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('voided', 'expired', 'denied', 'captured') THEN
        RAISE EXCEPTION 'an authorization does not end as %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_payment := internal.lock_payment_of_booking(p_payment_id);
    -- PayPal may show a reauthorized original as voided, and our reauthorization may have no known
    -- outcome. The next capture run asks for it again.
    IF p_status = 'voided' AND EXISTS (
        SELECT FROM public.payment_operations
        WHERE payment_id = p_payment_id AND operation = 'reauthorize' AND status = 'open' AND (in_doubt OR error_code IS NULL)) THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    v_ends := v_payment.status IN ('authorization_pending', 'authorized', 'capturing') OR (v_payment.status = 'created' AND p_status = 'expired');
    IF v_payment.id IS NULL OR internal.has_live_lease(v_payment, p_now)
       OR NOT (v_ends OR (v_payment.hold_ended_at IS NULL AND v_payment.authorization_id IS NOT NULL
                          AND v_payment.status <> 'created' AND (v_payment.status <> 'capture_pending' OR p_status = 'captured'))) THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    IF p_status = 'captured' THEN
        -- The captures say what became of the payment.
        UPDATE public.payments SET hold_ended_at = p_now, updated_at = p_now
        WHERE id = p_payment_id AND (captured_amount IS NOT NULL OR status = 'capture_pending');
        IF NOT FOUND THEN
            RETURN jsonb_build_object('outcome', 'unchanged');
        ELSIF v_payment.captured_amount IS NOT NULL THEN
            PERFORM internal.forget_calls_before_capture(p_payment_id, p_now);
        END IF;
        RETURN jsonb_build_object('outcome', 'recorded');
    END IF;
    -- No call about an order or authorization that has ended can have an effect.
    UPDATE public.payment_operations
    SET status = CASE WHEN operation = 'void' AND p_status = 'voided' THEN 'succeeded' ELSE 'failed' END,
        in_doubt = false, error_code = coalesce(error_code, 'authorization_' || p_status), finished_at = p_now
    WHERE payment_id = p_payment_id AND operation <> 'refund' AND status = 'open';
    UPDATE public.payments
    SET status = CASE WHEN NOT v_ends THEN status WHEN void_reason = 'payment_mismatch' OR p_status = 'denied' THEN 'failed' ELSE p_status END,
        failure_code = CASE WHEN NOT v_ends THEN failure_code WHEN p_status = 'denied' THEN 'authorization_denied'
            ELSE coalesce(void_reason, failure_code, 'authorization_' || p_status) END,
        voided_at = CASE WHEN p_status = 'voided' THEN p_now ELSE voided_at END,
        hold_ended_at = CASE WHEN authorization_id IS NOT NULL THEN p_now END,
        pending_since = NULL, lease_id = NULL, lease_expires_at = NULL, next_attempt_at = NULL, updated_at = p_now
    WHERE id = p_payment_id;
    IF v_payment.status = 'authorization_pending' THEN
        PERFORM internal.end_review(v_payment.booking_id, p_now);
    END IF;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_observed_end IS
    'PayPal shows that an authorization is void (p_status voided), was denied (denied), or that it, '
    'or an order that was never authorized, has expired (expired). A payment that failed or captured '
    'a part stays what it is, and holds nothing more. captured: a final capture of a part has closed '
    'the authorization, also while PayPal reviews it. A payment without captures stays unchanged. '
    'Outcomes: recorded, unchanged '
    '(ended before, claimed, or void while the outcome of a reauthorization is unknown). Locks '
    'booking, payment.';
