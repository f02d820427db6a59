-- Giving a booking up, and giving its money back. What is owed is written down with the decision, in one transaction;
-- the calls to PayPal follow, and whoever crashes leaves the debt for the next run to pay.

BEGIN;
SET LOCAL client_min_messages = warning;

ALTER TABLE public.bookings
    ADD COLUMN IF NOT EXISTS cancelled_by text,
    ADD COLUMN IF NOT EXISTS cancellation_reason text CHECK (length(cancellation_reason) BETWEEN 1 AND 200),
    ADD COLUMN IF NOT EXISTS refund_percent integer CHECK (refund_percent BETWEEN 0 AND 100);
ALTER TABLE public.payments
    ADD COLUMN IF NOT EXISTS capture_amount numeric(12, 2) CHECK (capture_amount > 0),
    ADD COLUMN IF NOT EXISTS original_authorization_id text,
    ADD COLUMN IF NOT EXISTS reconciled_at timestamptz;
COMMENT ON COLUMN public.bookings.refund_percent IS 'What the cancellation policy gave back of the price.';
COMMENT ON COLUMN public.payments.capture_amount IS 'What is to be captured where that is not the whole amount: the part that a cancellation keeps.';
COMMENT ON COLUMN public.payments.original_authorization_id IS 'The first authorization, where a reauthorization took its place: the one that can be voided.';

-- The first rule whose days are still ahead decides. No rule: nothing is given back.
CREATE TABLE IF NOT EXISTS public.cancellation_rules (
    days_before_pickup integer PRIMARY KEY CHECK (days_before_pickup BETWEEN 0 AND 366),
    refund_percent     integer NOT NULL CHECK (refund_percent BETWEEN 0 AND 100)
);
COMMENT ON TABLE public.cancellation_rules IS 'Cancelled at least so many days before the day of the pick-up, so much of the price is given back.';
INSERT INTO public.cancellation_rules (days_before_pickup, refund_percent)
SELECT seed.days, seed.percent FROM (VALUES (7, 100), (2, 50), (0, 0)) AS seed (days, percent)
WHERE NOT EXISTS (SELECT FROM public.cancellation_rules);

-- One row is one refund: ordered with the decision that owes it, then made at PayPal once.
CREATE TABLE IF NOT EXISTS public.refunds (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    payment_id       uuid NOT NULL REFERENCES public.payments ON DELETE RESTRICT,
    amount           numeric(12, 2) NOT NULL CHECK (amount > 0),
    idempotency_key  text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    actor            text NOT NULL,
    reason           text,
    status           text NOT NULL DEFAULT 'ordered' CHECK (status IN ('ordered', 'refunded', 'refused')),
    paypal_refund_id text UNIQUE,
    failure_code     text,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    lease_expires_at timestamptz,
    next_attempt_at  timestamptz,
    ordered_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    CONSTRAINT refunds_once UNIQUE (payment_id, idempotency_key),
    CONSTRAINT refunds_finished CHECK ((status = 'ordered') = (finished_at IS NULL))
);
CREATE INDEX IF NOT EXISTS refunds_open ON public.refunds (ordered_at) WHERE status = 'ordered';
ALTER TABLE public.cancellation_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.refunds ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION internal.audit(
    p_actor text, p_action text, p_subject_type text, p_subject_id text, p_detail jsonb, p_request_id text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.audit_log (occurred_at, actor, action, subject_type, subject_id, detail, request_id)
    VALUES (p_now, p_actor, p_action, p_subject_type, p_subject_id, jsonb_strip_nulls(coalesce(p_detail, '{}')), p_request_id);
END;
$$;

-- What is captured and neither given back nor about to be.
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

CREATE OR REPLACE FUNCTION internal.refund_json(p_outcome text, p_refund public.refunds, p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN jsonb_build_object('outcome', p_outcome, 'refundId', p_refund.id, 'paymentId', p_payment.id, 'bookingId', p_payment.booking_id,
        'amount', internal.money(p_refund.amount), 'currency', p_payment.currency, 'status', p_refund.status,
        'paypalRefundId', p_refund.paypal_refund_id, 'failureCode', p_refund.failure_code);
END;
$$;

-- How much of the price a cancellation at this moment gives back.
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

-- Why a booking cannot be cancelled by this actor at this moment, or NULL.
CREATE OR REPLACE FUNCTION internal.cancellation_refusal(
    p_booking public.bookings, p_payment public.payments, p_by_operator boolean, p_void_only boolean, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN p_void_only AND p_payment.capture_id IS NOT NULL THEN 'already_captured'
            WHEN p_booking.status = 'completed' THEN 'booking_not_cancellable'
            WHEN p_booking.status IN ('upcoming', 'active') AND NOT p_by_operator
                 AND p_booking.start_date <= internal.local_day(c, p_now) THEN 'booking_not_cancellable'
            -- Whether the money is ours is known in a moment; what is given back depends on it.
            WHEN p_payment.status = 'capturing' THEN 'payment_in_progress'
        END
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- The payment that stands for a booking, locked. A claim whose holder never came back is taken from it where PayPal was not
-- asked for the money (a renewal): the payment is authorized again. No row: all fields null.
CREATE OR REPLACE FUNCTION internal.lock_payment(p_booking_id uuid, p_now timestamptz) RETURNS public.payments
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments
    WHERE booking_id = p_booking_id AND void_reason IS NULL AND status NOT IN ('voided', 'failed', 'expired') FOR UPDATE;
    IF v_payment.status = 'capturing' AND NOT internal.has_live_lease(v_payment, p_now) AND NOT EXISTS (
        SELECT FROM public.payment_operations WHERE payment_id = v_payment.id AND operation = 'capture' AND status = 'open') THEN
        UPDATE public.payments SET status = 'authorized', lease_id = NULL, lease_expires_at = NULL, updated_at = p_now
        WHERE id = v_payment.id RETURNING * INTO v_payment;
    END IF;
    RETURN v_payment;
END;
$$;

-- Writes down what a cancellation owes: a void, a capture of the part that is kept, a refund, or nothing. Gives the word
-- for it, and the refund where one was ordered. The caller holds the locks.
CREATE OR REPLACE FUNCTION internal.settle_cancellation(
    p_payment public.payments, p_percent integer, p_actor text, p_now timestamptz, OUT settlement text, OUT refund_id uuid, OUT amount numeric
)
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_kept numeric;
BEGIN
    settlement := 'none';
    amount := 0;
    IF p_payment.status = 'authorized' THEN
        amount := round(p_payment.amount * p_percent / 100, 2);
        v_kept := p_payment.amount - amount;
        settlement := CASE WHEN v_kept = 0 THEN 'void' ELSE 'capture' END;
        UPDATE public.payments
        SET void_reason = CASE WHEN v_kept = 0 THEN 'booking_cancelled' END, capture_amount = nullif(v_kept, 0),
            next_attempt_at = NULL, updated_at = p_now
        WHERE id = p_payment.id;
        PERFORM internal.give_up_capture(p_payment.id, 'booking_cancelled', p_now);
    ELSIF p_payment.status = 'failed' THEN
        amount := p_payment.amount;
        settlement := 'void';
        UPDATE public.payments SET void_reason = 'booking_cancelled', updated_at = p_now WHERE id = p_payment.id;
    ELSIF p_payment.status IN ('captured', 'partially_refunded') THEN
        amount := least(round(p_payment.captured_amount * p_percent / 100, 2), internal.refundable_amount(p_payment));
        IF amount > 0 THEN
            settlement := 'refund';
            refund_id := internal.order_refund(p_payment.id, amount, 'cancellation', p_actor, 'booking_cancelled', p_now);
        END IF;
    END IF;
END;
$$;

-- The answer of a cancellation, the first time and every time after.
CREATE OR REPLACE FUNCTION internal.cancellation_json(p_outcome text, p_booking public.bookings) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_payment public.payments := internal.latest_payment(p_booking.id);
    v_refund  public.refunds;
BEGIN
    SELECT * INTO v_refund FROM public.refunds WHERE payment_id = v_payment.id AND idempotency_key = 'cancellation';
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'bookingId', p_booking.id, 'reference', p_booking.reference, 'carId', c.id, 'carSlug', c.slug,
            'percent', p_booking.refund_percent, 'currency', p_booking.currency,
            'amount', internal.money(CASE
                WHEN v_refund.id IS NOT NULL THEN v_refund.amount
                WHEN v_payment.void_reason = 'booking_cancelled' THEN v_payment.amount
                WHEN v_payment.capture_amount IS NOT NULL THEN v_payment.amount - v_payment.capture_amount
                ELSE 0 END),
            'refundStatus', CASE
                WHEN v_refund.status = 'refunded' THEN 'refunded'
                WHEN v_refund.id IS NOT NULL THEN 'pending'
                WHEN v_payment.void_reason = 'booking_cancelled' THEN
                    CASE WHEN internal.is_to_be_voided(v_payment) THEN 'pending' ELSE 'voided' END
                WHEN v_payment.capture_amount < v_payment.amount THEN
                    CASE WHEN v_payment.status IN ('authorized', 'capturing') THEN 'pending' ELSE 'voided' END
                ELSE 'none' END,
            'settlement', CASE
                WHEN v_refund.status = 'ordered' THEN 'refund'
                WHEN internal.is_to_be_voided(v_payment) THEN 'void'
                WHEN v_payment.status = 'authorized' AND v_payment.capture_amount IS NOT NULL THEN 'capture'
                ELSE 'none' END,
            'paymentId', v_payment.id, 'authorizationId', internal.voidable_authorization(v_payment), 'refundId', v_refund.id)
        FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.cancel_booking(
    p_booking_id uuid, p_actor text, p_reason text DEFAULT NULL, p_by_operator boolean DEFAULT false,
    p_void_only boolean DEFAULT false, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking public.bookings := internal.lock_booking(p_booking_id);
    v_payment public.payments;
    v_refusal text;
    v_percent integer;
    v_settled record;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    IF v_booking.status = 'cancelled' THEN
        RETURN internal.cancellation_json('already_cancelled', v_booking);
    END IF;
    v_payment := internal.lock_payment(p_booking_id, p_now);
    IF v_payment.id IS NULL THEN
        -- PayPal refused to capture, and may hold the money all the same.
        SELECT * INTO v_payment FROM public.payments
        WHERE booking_id = p_booking_id AND status = 'failed' AND void_reason IS NULL AND authorization_id IS NOT NULL AND voided_at IS NULL
        ORDER BY created_at DESC, id LIMIT 1 FOR UPDATE;
    END IF;
    v_refusal := internal.cancellation_refusal(v_booking, v_payment, p_by_operator, p_void_only, p_now);
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal)
            || CASE WHEN v_refusal = 'payment_in_progress' THEN jsonb_build_object('paymentId', v_payment.id) ELSE '{}' END;
    END IF;
    v_percent := CASE WHEN p_by_operator OR v_booking.status IN ('pending_payment', 'expired')
        THEN 100 ELSE internal.refund_percent(v_booking, p_now) END;
    UPDATE public.bookings
    SET status = 'cancelled', cancelled_at = p_now, cancelled_by = p_actor, cancellation_reason = p_reason, refund_percent = v_percent,
        updated_at = p_now
    WHERE id = p_booking_id RETURNING * INTO v_booking;
    SELECT * INTO v_settled FROM internal.settle_cancellation(v_payment, v_percent, p_actor, p_now);
    PERFORM internal.audit(p_actor, 'booking.cancelled', 'booking', p_booking_id::text, jsonb_build_object(
        'percent', v_percent, 'settlement', v_settled.settlement, 'amount', internal.money(v_settled.amount), 'reason', p_reason),
        p_request_id, p_now);
    RETURN internal.cancellation_json('cancelled', v_booking);
END;
$$;
COMMENT ON FUNCTION public.cancel_booking IS
    'Cancels a booking and writes down what is owed for it: all of the price for a hold or when an operator cancels, else by cancellation_rules. Outcomes: '
    'cancelled, already_cancelled (the same answer as then), booking_not_found, booking_not_cancellable (completed, or its first day has come and no operator asks), '
    'payment_in_progress (a capture is under way or in doubt; paymentId), already_captured (p_void_only, and there is a capture). With the first two: percent, amount and currency given back, refundStatus none|voided|pending|refunded, and settlement, '
    'what the caller is to do at PayPal: void (authorizationId), capture (the part that is kept), refund (refundId) or none. Locks car, booking, payment. '
    'Writes the booking, the mark or the refund, and the audit log.';

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
        -- What PayPal refused can be ordered anew.
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
    'An operator orders a refund of what was captured for a booking: p_amount, or all that is left. Once per key; without a key, once, and again after PayPal refused. Outcomes: ordered, replayed '
    '(the refund of that key: status, paypalRefundId), idempotency_key_reused (another amount), refund_exceeds_rest (rest), not_captured, booking_not_found. '
    'Locks car, booking, payment. Writes the refund and the audit log; begin_refund makes it.';

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
    'Before a refund is made. Outcomes: refund (call PayPal for captureId and amount with requestId, then record_refund or record_refund_failure), payment_in_progress '
    '(another caller holds the lease of 1 minute), nothing_to_do (made, refused or unknown). An open operation is repeated under its id, with its amount. Locks payment, refund.';

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
    'PayPal refunded. Outcomes: recorded, replayed (recorded before). The payment becomes partially_refunded or refunded. Holds also when the lease was lost. Locks payment, refund.';

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
    'A refund did not succeed. p_kind retryable or unknown: tried again at p_retry_at under the same id, which cannot refund twice; final: refused, an operator''s matter. '
    'Outcomes: recorded, lease_lost (another caller has its outcome: nothing written). Locks payment, refund.';

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
COMMENT ON FUNCTION public.refunds_due IS 'The ids of up to p_limit refunds that are ordered and that nobody is making. begin_refund settles who does. Reads only.';

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
    'Claims the capture of one booking before its schedule, as process_scheduled_payment_captures claims what is due. Outcomes: claimed (claim), already_captured (captureId), '
    'payment_in_progress (somebody else''s lease), not_capturable (nothing is authorized for a booking that stands), booking_not_found. Locks car, booking, payment. '
    'Writes the lease, the operation and the audit log.';

CREATE OR REPLACE FUNCTION public.claim_reauthorization(
    p_booking_id uuid, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking    public.bookings := internal.lock_booking(p_booking_id);
    v_payment    public.payments;
    v_request_id text;
BEGIN
    IF v_booking.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'booking_not_found');
    END IF;
    v_payment := internal.lock_payment(p_booking_id, p_now);
    IF v_payment.status = 'capturing' OR internal.has_live_lease(v_payment, p_now) THEN
        RETURN jsonb_build_object('outcome', 'payment_in_progress');
    END IF;
    IF v_payment.status IS DISTINCT FROM 'authorized' OR v_booking.status NOT IN ('upcoming', 'active', 'completed') THEN
        RETURN jsonb_build_object('outcome', 'not_authorized');
    END IF;
    UPDATE public.payments
    SET status = 'capturing', lease_id = gen_random_uuid(), lease_expires_at = p_now + interval '2 minutes', updated_at = p_now
    WHERE id = v_payment.id RETURNING * INTO v_payment;
    SELECT o.request_id INTO v_request_id
    FROM internal.open_operation(v_payment.id, 'reauthorize', v_payment.authorization_id, p_now) AS o;
    PERFORM internal.give_up_capture(v_payment.id, 'reauthorizing', p_now);
    PERFORM internal.audit(p_actor, 'reauthorization.ordered', 'payment', v_payment.id::text,
        jsonb_build_object('bookingId', p_booking_id), p_request_id, p_now);
    RETURN jsonb_build_object('outcome', 'claimed', 'paymentId', v_payment.id, 'lease', v_payment.lease_id,
        'authorizationId', v_payment.authorization_id, 'amount', internal.money(v_payment.amount), 'currency', v_payment.currency,
        'requestId', v_request_id);
END;
$$;
COMMENT ON FUNCTION public.claim_reauthorization IS
    'Before an operator has an authorization renewed. Outcomes: claimed (call PayPal with requestId, then record_reauthorization or record_payment_failure, then '
    'release_payment), payment_in_progress, not_authorized (nothing to renew), booking_not_found. Locks car, booking, payment. Writes a lease of 2 minutes, the operation, the audit log.';

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
    'Gives the lease of claim_reauthorization back: the payment is authorized again. Outcomes: released, lease_lost (nothing written).';

CREATE OR REPLACE FUNCTION public.advance_bookings(p_limit integer DEFAULT 500, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_count integer;
BEGIN
    WITH due AS (
        SELECT b.id, CASE WHEN b.end_date <= internal.local_day(c, p_now) THEN 'completed' ELSE 'active' END AS status
        FROM public.bookings AS b JOIN public.cars AS c ON c.id = b.car_id
        WHERE (b.status = 'upcoming' AND b.start_date <= internal.local_day(c, p_now))
           OR (b.status = 'active' AND b.end_date <= internal.local_day(c, p_now))
        ORDER BY b.start_date, b.id LIMIT p_limit FOR UPDATE OF b SKIP LOCKED
    ), advanced AS (
        UPDATE public.bookings AS b SET status = due.status, updated_at = p_now FROM due WHERE b.id = due.id RETURNING b.id
    )
    SELECT count(*) INTO v_count FROM advanced;
    RETURN jsonb_build_object('outcome', 'advanced', 'count', v_count);
END;
$$;
COMMENT ON FUNCTION public.advance_bookings IS
    'Bookings whose first day has come where the car stands become active, those whose last day has come completed. {outcome: advanced, count}. Skips what somebody is working on.';

GRANT SELECT, INSERT, UPDATE ON public.refunds TO service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.cancellation_rules TO service_role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA internal TO service_role;
GRANT EXECUTE ON FUNCTION
    public.cancel_booking, public.order_refund, public.begin_refund, public.record_refund, public.record_refund_failure, public.refunds_due,
    public.claim_payment_capture, public.claim_reauthorization, public.release_payment, public.advance_bookings
    TO service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250710000000_add_cancellations_and_refunds') ON CONFLICT DO NOTHING;
COMMIT;
