-- Comparing our payments with PayPal's: which payments are due, and what a comparison found.
--
-- Payments that may still move are compared every hour. Ended ones are compared rarer and rarer,
-- until the 180 days are over in which PayPal refunds and accepts disputes. A change of a payment
-- makes it due at once. A comparison that fails is retried later and later, so that no payment
-- stands in the way of another.
--
-- Functions of other files:
--   findings.sql      open_finding, resolve_findings
--   formats.sql       money, utc
--   payment_sums.sql  kept_amount
--   payments.sql      latest_payment
--   refunds.sql       dispute_code

DROP FUNCTION IF EXISTS public.payment_drift(integer);

-- The orders of a payment that PayPal may still authorize, newest first. PayPal gives a payer six
-- hours to approve an order, so an order that is seven hours older than the newest is over. One
-- that has ended has an error_code. The payment's own order and that of an authorization in doubt
-- always count.
CREATE OR REPLACE FUNCTION internal.order_ids(p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(known.order_id ORDER BY known.created_at DESC, known.order_id), '[]') FROM (
            SELECT p_payment.order_id AS order_id, p_payment.order_created_at AS created_at WHERE p_payment.order_id IS NOT NULL
            UNION ALL
            SELECT o.result_id, o.started_at FROM public.payment_operations AS o
            WHERE p_payment.status = 'created' AND o.payment_id = p_payment.id AND o.operation = 'order' AND o.result_id IS NOT NULL
              AND o.result_id IS DISTINCT FROM p_payment.order_id
              AND (o.error_code IS NULL AND o.started_at > coalesce(p_payment.order_created_at, o.started_at) - interval '7 hours'
                   OR EXISTS (SELECT FROM public.payment_operations AS a
                              WHERE a.payment_id = o.payment_id AND a.operation = 'authorize' AND a.status = 'open'
                                AND a.subject_id = o.result_id))
        ) AS known);
END;
$$;

-- Whether refunds that we ordered explain all that went back.
CREATE OR REPLACE FUNCTION internal.is_refunded_by_us(p_payment public.payments) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN p_payment.refunded_amount > 0 AND p_payment.refunded_amount <= (
        SELECT coalesce(sum(r.amount), 0) FROM public.refunds AS r
        WHERE r.payment_id = p_payment.id AND r.status = 'refunded' AND r.actor <> 'paypal');
END;
$$;

-- Whether PayPal refused our latest refund, and its amount has not gone back in another way.
CREATE OR REPLACE FUNCTION internal.is_refund_refused(p_payment public.payments) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_latest  public.refunds;
    v_refused numeric;
BEGIN
    SELECT * INTO v_latest FROM public.refunds
    WHERE payment_id = p_payment.id AND actor <> 'paypal' ORDER BY ordered_at DESC, id LIMIT 1;
    -- The parts of a refund share its key.
    SELECT sum(amount) INTO v_refused FROM public.refunds
    WHERE payment_id = p_payment.id AND idempotency_key = v_latest.idempotency_key AND status = 'refused';
    RETURN coalesce(v_refused, 0) > (
            SELECT coalesce(sum(amount), 0) FROM public.refunds
            WHERE payment_id = p_payment.id AND actor = 'paypal' AND status <> 'refused' AND ordered_at >= v_latest.ordered_at)
       AND coalesce(p_payment.captured_amount, 0) > p_payment.refunded_amount;
END;
$$;

-- Since when captures of an authorized payment fail without a decision of PayPal, or NULL.
CREATE OR REPLACE FUNCTION internal.capture_failing_since(p_payment public.payments) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_payment.status NOT IN ('authorized', 'capturing') THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT min(o.started_at) FROM public.payment_operations AS o
        WHERE o.payment_id = p_payment.id AND o.operation = 'capture'
          AND ((o.status = 'open' AND o.error_code IS NOT NULL) OR (o.status = 'failed' AND o.failures > 0)));
END;
$$;

-- The captures and refunds of a payment, oldest first, and what follows from them.
CREATE OR REPLACE FUNCTION internal.payment_money_json(p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN jsonb_build_object(
        'captures', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('captureId', c.capture_id, 'amount', internal.money(c.amount), 'status', c.status)
                ORDER BY c.first_seen_at, c.capture_id), '[]')
            FROM public.payment_captures AS c WHERE c.payment_id = p_payment.id),
        'refunds', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('refundId', r.id, 'paypalRefundId', r.paypal_refund_id, 'captureId', r.capture_id,
                'amount', internal.money(r.amount), 'status', r.status, 'orderedAt', internal.utc(r.ordered_at),
                'pendingSince', internal.utc(r.pending_since), 'failureCode', r.failure_code,
                'isDisputed', internal.dispute_code(r) IS NOT NULL) ORDER BY r.ordered_at, r.part, r.id), '[]')
            FROM public.refunds AS r WHERE r.payment_id = p_payment.id),
        'openFailures', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('operation', o.operation, 'code', o.error_code) ORDER BY o.started_at, o.request_id), '[]')
            FROM public.payment_operations AS o WHERE o.payment_id = p_payment.id AND o.status = 'open' AND o.error_code IS NOT NULL),
        'captureFailingSince', internal.utc(internal.capture_failing_since(p_payment)),
        'refundsOpen', EXISTS (
            SELECT FROM public.refunds AS r WHERE r.payment_id = p_payment.id AND r.status IN ('ordered', 'pending')),
        'refundRefused', internal.is_refund_refused(p_payment),
        'refundedByUs', internal.is_refunded_by_us(p_payment));
END;
$$;

-- The fields of a payment that the product compares with PayPal's.
CREATE OR REPLACE FUNCTION internal.payment_record_json(p_payment public.payments) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN internal.payment_money_json(p_payment) || (
        SELECT jsonb_build_object(
            'paymentId', p_payment.id, 'status', p_payment.status, 'bookingId', b.id, 'reference', b.reference, 'bookingStatus', b.status,
            'startDate', b.start_date, 'isLatest', (internal.latest_payment(b.id)).id = p_payment.id,
            'amount', internal.money(p_payment.amount), 'currency', p_payment.currency, 'orderId', p_payment.order_id,
            'orderIds', internal.order_ids(p_payment), 'orderCreatedAt', internal.utc(p_payment.order_created_at),
            'authorizationId', p_payment.authorization_id, 'originalAuthorizationId', p_payment.original_authorization_id,
            'authorizationExpiresAt', internal.utc(p_payment.authorization_expires_at), 'holdEnded', p_payment.hold_ended_at IS NOT NULL,
            'captureAmount', internal.money(p_payment.capture_amount), 'keptAmount', internal.money(internal.kept_amount(p_payment)), 'captureId', p_payment.capture_id,
            'capturedAmount', internal.money(p_payment.captured_amount), 'capturedAt', internal.utc(p_payment.captured_at),
            'refundedAmount', internal.money(p_payment.refunded_amount), 'pendingSince', internal.utc(p_payment.pending_since),
            'voidReason', p_payment.void_reason, 'failureCode', p_payment.failure_code,
            'disputed', EXISTS (
                SELECT FROM public.payment_disputes AS d WHERE d.payment_id = p_payment.id AND d.resolved_at IS NULL),
            'updatedAt', internal.utc(p_payment.updated_at))
        FROM public.bookings AS b WHERE b.id = p_payment.booking_id);
END;
$$;

-- The payment that PayPal gave this id: an order, authorization, capture or refund, earlier ones
-- included.
CREATE OR REPLACE FUNCTION internal.payment_of_paypal_id(p_paypal_id text) RETURNS public.payments
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT p FROM public.payments AS p
        WHERE p.id IN (
            SELECT q.id FROM public.payments AS q
            WHERE q.order_id = p_paypal_id OR q.authorization_id = p_paypal_id
               OR q.original_authorization_id = p_paypal_id OR q.capture_id = p_paypal_id
            UNION ALL SELECT o.payment_id FROM public.payment_operations AS o WHERE o.result_id = p_paypal_id
            UNION ALL SELECT c.payment_id FROM public.payment_captures AS c WHERE c.capture_id = p_paypal_id
            UNION ALL SELECT r.payment_id FROM public.refunds AS r WHERE r.paypal_refund_id = p_paypal_id)
        ORDER BY p.created_at DESC, p.id LIMIT 1);
END;
$$;

CREATE OR REPLACE FUNCTION public.find_payment(
    p_payment_id uuid DEFAULT NULL, p_paypal_id text DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id;
    IF v_payment.id IS NULL THEN
        v_payment := internal.payment_of_paypal_id(p_paypal_id);
    END IF;
    RETURN CASE WHEN v_payment.id IS NOT NULL THEN internal.payment_record_json(v_payment) END;
END;
$$;
COMMENT ON FUNCTION public.find_payment IS
    'The payment with our id, otherwise the one that PayPal gave that id: an order, authorization, '
    'capture or refund, earlier ones included. {paymentId, status, bookingId, reference, '
    'bookingStatus, startDate, isLatest, amount, currency, orderId, orderIds, orderCreatedAt, '
    'authorizationId, originalAuthorizationId, authorizationExpiresAt, holdEnded, captureAmount, '
    'keptAmount, captureId, capturedAmount, capturedAt, refundedAmount, pendingSince, voidReason, failureCode, '
    'captures [{captureId, amount, status}], refunds [{refundId, paypalRefundId, captureId, amount, '
    'status, orderedAt, pendingSince, failureCode, isDisputed}], openFailures [{operation, code}], '
    'captureFailingSince, '
    'refundsOpen, refundRefused, refundedByUs, disputed, updatedAt}, or NULL. orderIds: the orders '
    'that PayPal may still authorize, newest first. refundedByUs: refunds that we ordered explain '
    'all that went back. Reads only.';

-- Whether PayPal may still move the money of a payment, or an operator has to look at it.
CREATE OR REPLACE FUNCTION internal.is_to_be_watched(p_payment public.payments, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN p_payment.status IN ('authorization_pending', 'authorized', 'capturing', 'capture_pending')
        OR (p_payment.status = 'created' AND internal.order_ids(p_payment) <> '[]')
        -- An ended payment may still hold money: after a refusal to capture, or a capture in part.
        OR (p_payment.authorization_id IS NOT NULL AND p_payment.hold_ended_at IS NULL AND p_payment.authorization_expires_at > p_now)
        OR EXISTS (SELECT FROM public.refunds AS r WHERE r.payment_id = p_payment.id AND r.status IN ('ordered', 'pending'))
        OR EXISTS (SELECT FROM public.payment_findings AS f
                   WHERE f.payment_id = p_payment.id AND f.resolved_at IS NULL AND f.acknowledged_at IS NULL);
END;
$$;

-- When a payment that was just compared is compared next. infinity: never. Each pause is ten
-- minutes shorter than its name, so that no payment misses a run after a late one.
CREATE OR REPLACE FUNCTION internal.next_comparison(p_payment public.payments, p_now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN internal.is_to_be_watched(p_payment, p_now) THEN p_now + interval '50 minutes'
        WHEN p_payment.status = 'created' THEN 'infinity'
        -- An order that was never authorized has ended for good.
        WHEN p_payment.authorization_id IS NULL AND p_payment.capture_id IS NULL THEN
            CASE WHEN p_payment.updated_at > p_now - interval '7 days' THEN p_now + interval '23 hours 50 minutes' ELSE 'infinity' END
        WHEN p_payment.updated_at > p_now - interval '2 days' THEN p_now + interval '50 minutes'
        WHEN p_payment.updated_at > p_now - interval '30 days' THEN p_now + interval '23 hours 50 minutes'
        -- The notice about the end of refunds is due 14 days before it.
        WHEN p_payment.captured_at + interval '166 days' BETWEEN p_now + interval '1 second' AND p_now + interval '7 days' - interval '10 minutes'
            THEN p_payment.captured_at + interval '166 days'
        -- 180 days, and some for a refund or a dispute of the last day.
        WHEN coalesce(p_payment.captured_at, p_payment.updated_at) > p_now - interval '190 days' THEN p_now + interval '7 days' - interval '10 minutes'
        ELSE 'infinity'
    END;
END;
$$;

-- Trigger of payments: a change makes the payment due for a comparison at once. A payment is never
-- due before it has an order.
CREATE OR REPLACE FUNCTION internal.schedule_comparison() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.next_comparison_at := CASE
        WHEN TG_OP = 'INSERT' AND NEW.order_id IS NULL THEN 'infinity'
        ELSE least(NEW.next_comparison_at, NEW.updated_at)
    END;
    RETURN NEW;
END;
$$;

-- The payments that are due, longest overdue first. Four fifths of a batch are kept for payments
-- that may still move, so that a backlog of ended ones does not delay them.
CREATE OR REPLACE FUNCTION internal.due_comparisons(p_limit integer, p_now timestamptz) RETURNS SETOF public.payments
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_live uuid[] := ARRAY (
        SELECT p.id FROM public.payments AS p
        WHERE coalesce(p.next_comparison_at, '-infinity') <= p_now AND p.next_comparison_at IS DISTINCT FROM 'infinity'
          AND p.status IN ('created', 'authorization_pending', 'authorized', 'capturing', 'capture_pending')
        ORDER BY coalesce(p.next_comparison_at, '-infinity'), p.id LIMIT p_limit - p_limit / 5);
    v_any uuid[] := ARRAY (
        SELECT p.id FROM public.payments AS p
        WHERE coalesce(p.next_comparison_at, '-infinity') <= p_now AND p.next_comparison_at IS DISTINCT FROM 'infinity'
        ORDER BY coalesce(p.next_comparison_at, '-infinity'), p.id LIMIT p_limit);
BEGIN
    RETURN QUERY
    SELECT p.* FROM public.payments AS p
    WHERE p.id IN (
        SELECT due.id FROM unnest(v_live || v_any) WITH ORDINALITY AS due (id, place)
        GROUP BY due.id ORDER BY min(due.place) LIMIT p_limit);
END;
$$;

CREATE OR REPLACE FUNCTION public.payments_to_reconcile(p_limit integer DEFAULT 50, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(internal.payment_record_json(due) ORDER BY due.next_comparison_at NULLS FIRST, due.id), '[]')
        FROM internal.due_comparisons(p_limit, p_now) AS due);
END;
$$;
COMMENT ON FUNCTION public.payments_to_reconcile IS
    'Up to p_limit payments that are due for a comparison with PayPal, longest overdue first, as '
    'find_payment returns them. Reads only. record_reconciliation and record_comparison_failure take '
    'each off the list.';

CREATE OR REPLACE FUNCTION public.record_reconciliation(
    p_payment_id uuid, p_findings jsonb, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    PERFORM internal.resolve_findings(p_payment_id, p_findings, p_now);
    PERFORM internal.open_finding(p_payment_id, f ->> 'kind', f ->> 'detail', p_now) FROM jsonb_array_elements(p_findings) AS f;
    UPDATE public.payments AS p
    SET reconciled_at = p_now, comparison_failures = 0, comparison_failing_since = NULL, next_comparison_at = internal.next_comparison(p, p_now)
    WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_reconciliation IS
    'A payment was compared with PayPal. p_findings [{kind, detail}] are the open ones. Earlier '
    'findings that are not among them are resolved, except disputed. Sets the time of the next '
    'comparison. Outcome: recorded. Locks the payment.';

CREATE OR REPLACE FUNCTION public.record_comparison_failure(
    p_payment_id uuid, p_code text, p_kind text DEFAULT 'failed', p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment public.payments;
    v_since   timestamptz;
    v_pause   interval := interval '50 minutes';
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('failed', 'ours', 'not_now') THEN
        RAISE EXCEPTION 'unknown kind of comparison failure: %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    IF p_kind = 'failed' THEN
        v_since := coalesce(v_payment.comparison_failing_since, p_now);
        -- A payment that fails alone waits longer and longer. In an outage no other is compared
        -- either.
        IF EXISTS (SELECT FROM public.payments WHERE reconciled_at > v_since AND id <> p_payment_id) THEN
            v_pause := least(interval '1 hour' * 2 ^ least(v_payment.comparison_failures, 5), interval '1 day') - interval '10 minutes';
        END IF;
        IF p_now < v_since + interval '1 day' THEN
            -- The finding is not later than the day.
            v_pause := least(v_pause, v_since + interval '1 day' - p_now);
        ELSE
            PERFORM internal.open_finding(p_payment_id, 'not_comparable', p_code, p_now);
        END IF;
        UPDATE public.payments SET comparison_failures = comparison_failures + 1, comparison_failing_since = v_since WHERE id = p_payment_id;
    ELSIF p_kind = 'ours' THEN
        PERFORM internal.open_finding(p_payment_id, 'paypal_refuses_us', p_code, p_now);
    END IF;
    UPDATE public.payments AS p
    SET next_comparison_at = CASE WHEN internal.next_comparison(p, p_now) = 'infinity' THEN 'infinity'::timestamptz ELSE p_now + v_pause END
    WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_comparison_failure IS
    'A payment could not be compared. p_kind failed: retried after about 1, 2, 4, 8, 16 and then 24 '
    'hours, and after a day of failures the finding not_comparable. While no other payment can be '
    'compared, PayPal has an outage, and it is retried each hour. ours: PayPal refuses us, which is '
    'the finding paypal_refuses_us and no failure of the payment. not_now: nothing happened. The last '
    'two are retried within the hour. p_code is the detail of the finding. Outcome: recorded. Locks '
    'the payment.';
