-- The allowed transitions of bookings and payments. The triggers refuse any other, whether it comes
-- from a function or from a console.
--
--   booking  pending_payment -> upcoming -> active -> completed
--            pending_payment <-> expired -> upcoming
--            upcoming -> completed
--            pending_payment | expired | upcoming | active -> cancelled
--   payment  created -> authorization_pending -> authorized <-> capturing -> capture_pending
--            capturing | capture_pending -> captured
--            captured -> partially_refunded -> refunded, and back when PayPal fails a refund
--            every state before captured -> voided | failed | expired
--            failed -> capturing (another attempt)
--            voided | failed | expired -> authorized (reopened)
--            any of these -> capture_pending | captured | partially_refunded | refunded
--
-- The last line: a capture at PayPal is a fact, however late and in whatever order it is reported.
-- Reopened: PayPal shows that the authorization of an ended payment still holds money.
-- lib/src/domain/booking_state.rs and payment_state.rs have the same transitions.

-- Whether a booking may go from one state to the other.
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

-- Whether a payment may go from one state to the other.
CREATE OR REPLACE FUNCTION internal.payment_may_become(p_from text, p_to text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_to = ANY (CASE p_from
        WHEN 'created' THEN ARRAY ['authorization_pending', 'authorized', 'voided', 'failed', 'expired',
            'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'authorization_pending' THEN ARRAY ['authorized', 'voided', 'failed', 'expired',
            'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'authorized' THEN ARRAY ['capturing', 'voided', 'failed', 'expired',
            'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'capturing' THEN ARRAY ['authorized', 'voided', 'failed', 'expired',
            'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'voided' THEN ARRAY ['authorized', 'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'expired' THEN ARRAY ['authorized', 'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'failed' THEN ARRAY ['authorized', 'capturing', 'capture_pending', 'captured', 'partially_refunded', 'refunded']
        WHEN 'capture_pending' THEN ARRAY ['failed', 'captured', 'partially_refunded', 'refunded']
        WHEN 'captured' THEN ARRAY ['partially_refunded', 'refunded']
        WHEN 'partially_refunded' THEN ARRAY ['captured', 'refunded']
        WHEN 'refunded' THEN ARRAY ['captured', 'partially_refunded']
        ELSE ARRAY []::text[]
    END);
END;
$$;

-- Trigger of bookings: refuses other transitions with check_violation, bookings_state_order.
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

-- Trigger of payments: refuses other transitions with check_violation, payments_state_order.
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
