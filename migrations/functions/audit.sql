-- Writing the audit log, the security events and the history of bookings. Rows are never changed.

-- Trigger of audit_log: refuses every change, even by the owner, whom privileges do not stop.
CREATE OR REPLACE FUNCTION internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END;
$$;

-- Writes one row to audit_log. Members of p_detail that are null are left out.
CREATE OR REPLACE FUNCTION internal.audit(
    p_actor text, p_action text, p_subject_type text, p_subject_id text, p_detail jsonb, p_request_id text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.audit_log (occurred_at, actor, action, subject_type, subject_id, detail, request_id)
    VALUES (p_now, p_actor, p_action, p_subject_type, p_subject_id, jsonb_strip_nulls(coalesce(p_detail, '{}')), p_request_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.record_security_event(
    p_kind text, p_detail jsonb DEFAULT NULL, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail, request_id)
    VALUES (p_now, p_kind, coalesce(p_detail, '{}'), p_request_id);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_security_event IS
    'Writes one row to security_events. Outcome: recorded. p_detail must hold no secrets and no '
    'personal data.';

-- Trigger of bookings: one row in booking_events for each change of state. Every function sets
-- updated_at to its p_now, so the row has the caller's time instead of the clock's.
CREATE OR REPLACE FUNCTION internal.record_booking_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.booking_events (booking_id, to_status, occurred_at)
        VALUES (NEW.id, NEW.status, NEW.created_at);
    ELSIF OLD.status IS DISTINCT FROM NEW.status THEN
        INSERT INTO public.booking_events (booking_id, from_status, to_status, occurred_at)
        VALUES (NEW.id, OLD.status, NEW.status, NEW.updated_at);
    END IF;
    RETURN NULL;
END;
$$;

-- Trigger of payments: one row in audit_log for each change of state or of an amount. captured and
-- refunded have the amounts before and after.
CREATE OR REPLACE FUNCTION internal.audit_payment() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM internal.audit('system',
        CASE WHEN OLD.status IS DISTINCT FROM NEW.status THEN 'payment.' || NEW.status ELSE 'payment.amounts_changed' END,
        'payment', NEW.id::text, jsonb_build_object(
            'bookingId', NEW.booking_id, 'from', OLD.status, 'to', NEW.status,
            'amount', NEW.amount::text, 'currency', NEW.currency,
            'amountBefore', CASE WHEN OLD.amount <> NEW.amount THEN OLD.amount::text END,
            'captureAmount', NEW.capture_amount::text,
            'capturedBefore', CASE WHEN OLD.captured_amount IS DISTINCT FROM NEW.captured_amount THEN coalesce(OLD.captured_amount, 0)::text END,
            'captured', NEW.captured_amount::text,
            'refundedBefore', CASE WHEN OLD.refunded_amount <> NEW.refunded_amount THEN OLD.refunded_amount::text END,
            'refunded', CASE WHEN NEW.captured_amount IS NOT NULL THEN NEW.refunded_amount::text END,
            'authorizationId', NEW.authorization_id, 'captureId', NEW.capture_id,
            'voidReason', NEW.void_reason, 'failureCode', NEW.failure_code), NULL, NEW.updated_at);
    RETURN NULL;
END;
$$;

-- Writes one row to audit_log about a payment. The detail also gets the booking, and the currency
-- if it has an amount.
CREATE OR REPLACE FUNCTION internal.audit_about_payment(
    p_actor text, p_action text, p_payment_id uuid, p_detail jsonb, p_request_id text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM internal.audit(p_actor, p_action, 'payment', p.id::text, p_detail || jsonb_build_object(
        'bookingId', p.booking_id, 'currency', CASE WHEN p_detail ? 'amount' THEN p.currency END), p_request_id, p_now)
    FROM public.payments AS p WHERE p.id = p_payment_id;
END;
$$;

-- Trigger of payment_captures: one row in audit_log for each capture and each change of one. A
-- capture is ours if it belongs to an operation of ours, otherwise it was made in PayPal's console.
CREATE OR REPLACE FUNCTION internal.audit_capture() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_is_ours boolean := EXISTS (
        SELECT FROM public.payment_operations AS o
        WHERE o.payment_id = NEW.payment_id AND o.operation = 'capture'
          AND (o.result_id = NEW.capture_id OR o.status = 'open'));
BEGIN
    -- OLD is null for an INSERT.
    PERFORM internal.audit_about_payment(
        CASE WHEN v_is_ours THEN 'system' ELSE 'paypal' END, 'capture.' || NEW.status, NEW.payment_id,
        jsonb_build_object(
            'captureId', NEW.capture_id, 'amount', NEW.amount::text, 'from', OLD.status,
            'amountBefore', CASE WHEN OLD.amount <> NEW.amount THEN OLD.amount::text END),
        NULL, NEW.updated_at);
    RETURN NULL;
END;
$$;

-- Trigger of refunds: one row in audit_log for each refund and each change of one. An operator's
-- order is left out, because order_refund writes it with the request's id.
CREATE OR REPLACE FUNCTION internal.audit_refund() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status = 'ordered' AND NEW.idempotency_key LIKE 'operator%' THEN
        RETURN NULL;
    END IF;
    -- OLD is null for an INSERT.
    PERFORM internal.audit_about_payment(
        NEW.actor, 'refund.' || NEW.status, NEW.payment_id,
        jsonb_build_object(
            'refundId', NEW.id, 'paypalRefundId', NEW.paypal_refund_id, 'captureId', NEW.capture_id,
            'amount', NEW.amount::text, 'reason', NEW.reason, 'failureCode', NEW.failure_code, 'from', OLD.status,
            'amountBefore', CASE WHEN OLD.amount <> NEW.amount THEN OLD.amount::text END),
        NULL, coalesce(CASE WHEN NEW.status = 'pending' THEN NEW.pending_since ELSE NEW.finished_at END, NEW.ordered_at));
    RETURN NULL;
END;
$$;

-- Trigger of payment_findings: one row in audit_log when a finding opens, is acknowledged or is
-- resolved. The setting exodrive.request_id names the request of the transaction, if there is one.
CREATE OR REPLACE FUNCTION internal.audit_finding() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_action text;
BEGIN
    v_action := CASE
        WHEN TG_OP = 'INSERT' THEN 'finding.opened'
        WHEN OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL THEN 'finding.resolved'
        WHEN OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL THEN 'finding.acknowledged'
        WHEN OLD.found_at <> NEW.found_at THEN 'finding.opened'
    END;
    IF v_action IS NOT NULL THEN
        PERFORM internal.audit_about_payment(
            CASE WHEN v_action = 'finding.acknowledged' THEN coalesce(NEW.acknowledged_by, 'system') ELSE 'system' END,
            v_action, NEW.payment_id, jsonb_build_object(
                'kind', NEW.kind, 'detail', nullif(NEW.detail, ''),
                'reason', CASE WHEN v_action = 'finding.acknowledged' THEN NEW.acknowledgement END),
            CASE WHEN v_action = 'finding.acknowledged' THEN nullif(current_setting('exodrive.request_id', true), '') END,
            CASE v_action WHEN 'finding.opened' THEN NEW.found_at WHEN 'finding.resolved' THEN NEW.resolved_at ELSE NEW.acknowledged_at END);
    END IF;
    RETURN NULL;
END;
$$;

-- Trigger of the tables of prices and rules, which people change in a console: one row in audit_log
-- for each change, with the row before and after. The argument is the subject's type.
CREATE OR REPLACE FUNCTION internal.audit_rule() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    v_after  jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    v_row    jsonb := coalesce(v_after, v_before);
BEGIN
    PERFORM internal.audit('database:' || session_user,
        TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.added' WHEN 'UPDATE' THEN '.changed' ELSE '.removed' END,
        TG_ARGV[0], coalesce(v_row ->> 'id', v_row ->> 'car_id', v_row ->> 'days_before_pickup'),
        jsonb_build_object('carId', v_row -> 'car_id', 'before', v_before, 'after', v_after), NULL, now());
    RETURN NULL;
END;
$$;
