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

-- Trigger of payments: one row in audit_log for each change of state.
CREATE OR REPLACE FUNCTION internal.audit_payment_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.audit_log (occurred_at, actor, action, subject_type, subject_id, detail)
    VALUES (NEW.updated_at, 'system', 'payment.' || NEW.status, 'payment', NEW.id,
        jsonb_strip_nulls(jsonb_build_object(
            'bookingId', NEW.booking_id, 'from', OLD.status, 'to', NEW.status,
            'amount', NEW.amount::text, 'currency', NEW.currency,
            'authorizationId', NEW.authorization_id, 'captureId', NEW.capture_id,
            'voidReason', NEW.void_reason, 'failureCode', NEW.failure_code)));
    RETURN NULL;
END;
$$;
