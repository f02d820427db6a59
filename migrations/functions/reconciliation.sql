-- Comparing our payments with PayPal's. Captures, refunds and ends that PayPal shows are recorded.
-- Any other difference is kept as a finding until it is gone.
--
-- Functions of other files:
--   captures.sql  record_unexpected_capture, set_captured
--   formats.sql   money, utc
--   payments.sql  has_live_lease, latest_payment
--   refunds.sql   add_refunded

-- The fields of a payment that the product compares with PayPal's.
CREATE OR REPLACE FUNCTION internal.payment_record_json(p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'paymentId', p_payment.id, 'status', p_payment.status, 'bookingId', b.id, 'reference', b.reference, 'bookingStatus', b.status,
            'isLatest', (internal.latest_payment(b.id)).id = p_payment.id, 'amount', internal.money(p_payment.amount), 'currency', p_payment.currency, 'orderId', p_payment.order_id,
            'orderCreatedAt', internal.utc(p_payment.order_created_at), 'authorizationId', p_payment.authorization_id, 'authorizationExpiresAt', internal.utc(p_payment.authorization_expires_at),
            'captureAmount', internal.money(p_payment.capture_amount), 'captureId', p_payment.capture_id,
            'refundedAmount', internal.money(p_payment.refunded_amount), 'voidReason', p_payment.void_reason,
            'failureCode', p_payment.failure_code,
            'refundsOpen', EXISTS (SELECT FROM public.refunds AS r WHERE r.payment_id = p_payment.id AND r.status = 'ordered'),
            -- A new order replaces a refused one.
            'refundRefused', coalesce((
                SELECT r.status = 'refused' FROM public.refunds AS r WHERE r.payment_id = p_payment.id
                ORDER BY r.ordered_at DESC, r.id LIMIT 1), false),
            'updatedAt', internal.utc(p_payment.updated_at))
        FROM public.bookings AS b WHERE b.id = p_payment.booking_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.find_payment(
    p_payment_id uuid DEFAULT NULL, p_paypal_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    RETURN (
        SELECT internal.payment_record_json(p) FROM public.payments AS p
        WHERE p.id = p_payment_id OR p.order_id = p_paypal_id OR p.authorization_id = p_paypal_id
           OR p.original_authorization_id = p_paypal_id OR p.capture_id = p_paypal_id
        ORDER BY (p.id = p_payment_id) DESC NULLS LAST, p.created_at DESC, p.id LIMIT 1);
END;
$$;
COMMENT ON FUNCTION public.find_payment IS
    'The payment with our id, or with that order, authorization or capture at PayPal: {paymentId, '
    'status, bookingId, reference, bookingStatus, isLatest, amount, currency, orderId, '
    'orderCreatedAt, authorizationId, authorizationExpiresAt, captureAmount, captureId, '
    'refundedAmount, voidReason, failureCode, refundsOpen, refundRefused, updatedAt}, or NULL. '
    'Reads only.';

CREATE OR REPLACE FUNCTION public.payments_to_reconcile(p_limit integer DEFAULT 50, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(due.record), '[]') FROM (
            SELECT internal.payment_record_json(p) AS record
            FROM public.payments AS p
            WHERE p.order_id IS NOT NULL
              -- Less than the cron's hour, so that no payment misses a run after a late one.
              AND coalesce(p.reconciled_at <= p_now - interval '50 minutes', true)
              -- Payments that ended long ago are left alone, unless a finding is open.
              AND (p.status IN ('created', 'authorized', 'capturing') OR p.updated_at > p_now - interval '7 days'
                   OR EXISTS (SELECT FROM public.payment_findings AS f WHERE f.payment_id = p.id AND f.resolved_at IS NULL))
            ORDER BY p.reconciled_at NULLS FIRST, p.id LIMIT p_limit
        ) AS due);
END;
$$;
COMMENT ON FUNCTION public.payments_to_reconcile IS
    'Up to p_limit payments that have not been compared with PayPal for 50 minutes, longest '
    'first, as find_payment returns them. Reads only. record_reconciliation takes each off the '
    'list.';

-- Opens a finding. An open one keeps its time. A resolved one gets a new time.
CREATE OR REPLACE FUNCTION internal.open_finding(p_payment_id uuid, p_kind text, p_detail text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.payment_findings (payment_id, kind, detail, found_at)
    VALUES (p_payment_id, p_kind, coalesce(p_detail, ''), p_now)
    ON CONFLICT (payment_id, kind) DO UPDATE
        SET detail = excluded.detail, resolved_at = NULL,
            found_at = CASE WHEN payment_findings.resolved_at IS NULL THEN payment_findings.found_at ELSE excluded.found_at END;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_reconciliation(
    p_payment_id uuid, p_findings jsonb, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    UPDATE public.payments SET reconciled_at = p_now WHERE id = p_payment_id;
    UPDATE public.payment_findings SET resolved_at = p_now
    WHERE payment_id = p_payment_id AND resolved_at IS NULL
      -- Findings from PayPal's events stay until an operator has decided.
      AND kind <> 'disputed'
      AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_findings) AS f WHERE f ->> 'kind' = payment_findings.kind);
    PERFORM internal.open_finding(p_payment_id, f ->> 'kind', f ->> 'detail', p_now) FROM jsonb_array_elements(p_findings) AS f;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_reconciliation IS
    'A payment was compared with PayPal. p_findings [{kind, detail}] are the open ones. Earlier '
    'findings that are not among them are resolved, except disputed. Outcome: recorded.';

CREATE OR REPLACE FUNCTION public.record_finding(
    p_payment_id uuid, p_kind text, p_detail text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM internal.open_finding(p_payment_id, p_kind, p_detail, p_now);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_finding IS
    'Opens a finding about a payment, or keeps it open. Outcome: recorded.';

CREATE OR REPLACE FUNCTION public.record_observed_capture(
    p_payment_id uuid, p_capture_id text, p_amount numeric, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    IF v_payment.capture_id IS NOT NULL THEN
        IF v_payment.capture_id <> p_capture_id THEN
            PERFORM internal.record_unexpected_capture(v_payment, p_capture_id, p_amount, p_now);
        END IF;
        RETURN jsonb_build_object('outcome', 'replayed');
    END IF;
    -- A call without a known outcome need not be retried.
    UPDATE public.payment_operations
    SET status = 'succeeded', in_doubt = false, result_id = p_capture_id, finished_at = p_now
    WHERE payment_id = p_payment_id AND operation = 'capture' AND status = 'open';
    PERFORM internal.set_captured(p_payment_id, p_capture_id, p_amount, p_now);
    RETURN jsonb_build_object('outcome', 'captured');
END;
$$;
COMMENT ON FUNCTION public.record_observed_capture IS
    'PayPal shows a capture of a payment, for example one made in its dashboard. Outcomes: '
    'captured, replayed (recorded before; another capture id goes to security_events as '
    'duplicate_capture). Locks the payment.';

CREATE OR REPLACE FUNCTION public.record_observed_end(
    p_payment_id uuid, p_status text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    IF p_status IS NULL OR p_status NOT IN ('voided', 'expired') THEN
        RAISE EXCEPTION 'an authorization does not end as %', p_status USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    IF v_payment.id IS NULL OR internal.has_live_lease(v_payment, p_now)
       OR NOT (v_payment.status IN ('authorized', 'capturing') OR (v_payment.status = 'created' AND p_status = 'expired')) THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    -- No call about an order or authorization that has ended can have an effect.
    UPDATE public.payment_operations
    SET status = CASE WHEN operation = 'void' AND p_status = 'voided' THEN 'succeeded' ELSE 'failed' END,
        in_doubt = false, error_code = coalesce(error_code, 'authorization_' || p_status), finished_at = p_now
    WHERE payment_id = p_payment_id AND operation <> 'refund' AND status = 'open';
    UPDATE public.payments
    SET status = CASE WHEN void_reason = 'payment_mismatch' THEN 'failed' ELSE p_status END,
        failure_code = coalesce(void_reason, failure_code, 'authorization_' || p_status),
        voided_at = CASE WHEN p_status = 'voided' THEN p_now END, lease_id = NULL, lease_expires_at = NULL, next_attempt_at = NULL, updated_at = p_now
    WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_observed_end IS
    'PayPal shows that an authorization is void (p_status voided), or that it, or an order that '
    'was never authorized, has expired (expired). Outcomes: recorded, unchanged (ended before, or '
    'claimed). Locks the payment.';

CREATE OR REPLACE FUNCTION public.record_observed_refunds(
    p_payment_id uuid, p_total numeric, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    IF v_payment.capture_id IS NULL OR least(p_total, v_payment.captured_amount) <= v_payment.refunded_amount
       OR EXISTS (SELECT FROM public.refunds WHERE payment_id = p_payment_id AND status = 'ordered') THEN
        RETURN jsonb_build_object('outcome', 'unchanged');
    END IF;
    PERFORM internal.add_refunded(p_payment_id, least(p_total, v_payment.captured_amount), p_now);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_observed_refunds IS
    'PayPal shows the refunded total of a capture. Outcomes: recorded, unchanged (we know of as '
    'much, or a refund of ours is still open and will record it). Locks the payment.';

CREATE OR REPLACE FUNCTION public.payment_drift(p_limit integer DEFAULT 200) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN jsonb_build_object(
        'findings', (
            SELECT coalesce(jsonb_agg(found.row), '[]') FROM (
                SELECT jsonb_build_object('paymentId', f.payment_id, 'bookingId', b.id, 'reference', b.reference, 'kind', f.kind,
                    'detail', f.detail, 'foundAt', internal.utc(f.found_at)) AS row
                FROM public.payment_findings AS f
                JOIN public.payments AS p ON p.id = f.payment_id
                JOIN public.bookings AS b ON b.id = p.booking_id
                WHERE f.resolved_at IS NULL ORDER BY f.found_at, f.payment_id, f.kind LIMIT p_limit
            ) AS found),
        'deadLetters', (
            SELECT coalesce(jsonb_agg(dead.row), '[]') FROM (
                SELECT jsonb_build_object('eventId', e.event_id, 'eventType', e.event_type, 'resourceId', e.resource_id,
                    'error', e.result, 'receivedAt', internal.utc(e.received_at)) AS row
                FROM public.webhook_events AS e WHERE e.status = 'dead_letter' ORDER BY e.received_at, e.event_id LIMIT p_limit
            ) AS dead));
END;
$$;
COMMENT ON FUNCTION public.payment_drift IS
    '{findings: [{paymentId, bookingId, reference, kind, detail, foundAt}], deadLetters: '
    '[{eventId, eventType, resourceId, error, receivedAt}]}: the open ones, oldest first. Reads '
    'only.';
