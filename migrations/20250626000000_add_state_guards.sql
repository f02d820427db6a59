-- States only move along the arrows, and each move leaves a trace. A caller that is late or wrong is refused here,
-- whichever function or console it came through.
--
--   booking:  pending_payment -> upcoming -> active -> completed       pending_payment <-> expired -> upcoming
--             pending_payment | expired | upcoming | active -> cancelled        upcoming -> completed
--   payment:  created -> authorized <-> capturing -> captured -> partially_refunded -> refunded
--             created | authorized | capturing -> voided | failed | expired
--             any of these -> captured | partially_refunded | refunded: what PayPal did with the money is a fact, however
--             late and in whatever order we hear of it
-- A failed payment stays failed; paying again is a new payment. `step` of the product's domain draws the same arrows.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE OR REPLACE FUNCTION internal.booking_may_become(p_from text, p_to text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_to = ANY (CASE p_from
        WHEN 'pending_payment' THEN ARRAY ['upcoming', 'expired', 'cancelled']
        WHEN 'expired' THEN ARRAY ['pending_payment', 'upcoming', 'cancelled']
        WHEN 'upcoming' THEN ARRAY ['active', 'completed', 'cancelled']
        WHEN 'active' THEN ARRAY ['completed', 'cancelled']
        ELSE ARRAY []::text[]
    END);
END;
$$;

CREATE OR REPLACE FUNCTION internal.payment_may_become(p_from text, p_to text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_to = ANY (CASE p_from
        WHEN 'created' THEN ARRAY ['authorized', 'voided', 'failed', 'expired', 'captured', 'partially_refunded', 'refunded']
        WHEN 'authorized' THEN ARRAY ['capturing', 'voided', 'failed', 'expired', 'captured', 'partially_refunded', 'refunded']
        WHEN 'capturing' THEN ARRAY ['authorized', 'voided', 'failed', 'expired', 'captured', 'partially_refunded', 'refunded']
        WHEN 'voided' THEN ARRAY ['captured', 'partially_refunded', 'refunded']
        WHEN 'failed' THEN ARRAY ['captured', 'partially_refunded', 'refunded']
        WHEN 'expired' THEN ARRAY ['captured', 'partially_refunded', 'refunded']
        WHEN 'captured' THEN ARRAY ['partially_refunded', 'refunded']
        WHEN 'partially_refunded' THEN ARRAY ['refunded']
        ELSE ARRAY []::text[]
    END);
END;
$$;

CREATE OR REPLACE FUNCTION internal.guard_booking_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT internal.booking_may_become(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'a booking does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bookings_state_order', TABLE = 'bookings';
    END IF;
    RETURN NEW;
END;
$$;
CREATE OR REPLACE TRIGGER booking_state_guard BEFORE UPDATE ON public.bookings
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION internal.guard_booking_state();

CREATE OR REPLACE FUNCTION internal.guard_payment_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT internal.payment_may_become(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'a payment does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_state_order', TABLE = 'payments';
    END IF;
    RETURN NEW;
END;
$$;
CREATE OR REPLACE TRIGGER payment_state_guard BEFORE UPDATE ON public.payments
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION internal.guard_payment_state();

-- Every function sets updated_at to its p_now, so the trace carries the time of the caller, not of the clock.
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
CREATE OR REPLACE TRIGGER booking_event_trace AFTER INSERT OR UPDATE ON public.bookings
    FOR EACH ROW EXECUTE FUNCTION internal.record_booking_event();

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
CREATE OR REPLACE TRIGGER payment_audit AFTER UPDATE ON public.payments
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION internal.audit_payment_state();

INSERT INTO public.schema_migrations (version) VALUES ('20250626000000_add_state_guards') ON CONFLICT DO NOTHING;
COMMIT;
